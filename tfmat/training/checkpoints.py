"""Checkpoints: all variables of a stage, bit for bit, without pickle and for any Keras backend.

A checkpoint is a folder ``checkpoint-<step>`` with ``variables.npz`` (arrays in the order of the
variables: weights, batch-norm statistics, seed generators, optimisers) and ``state.json``. It
appears by a rename and is on disk then, so a kill or a power cut leaves the previous one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.checksums import read_sealed, write_sealed
from tfmat.errors import InputError, TfmatError
from tfmat.reading import reading
from tfmat.temporaries import discard

KEPT = 2
# Folder of a stage for the weights that are kept, where these are not the last ones.
BEST = "best"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read from disk.

    Args:
        step: Steps that were done.
        arrays: Values of the variables, in order.
        state: Numbers that were saved with them.
    """

    step: int
    arrays: list[NDArray[Any]]
    state: dict[str, float]

    def restore(self, variables: Sequence[Any]) -> None:
        """Assigns the arrays to Keras variables.

        Seeds and counts may be integers of another type: each Keras backend has its own.

        Args:
            variables: The same variables, in the same order, as were saved.

        Raises:
            TfmatError: Number, shapes or types differ: another program wrote the checkpoint.
        """
        expected = [(tuple(v.shape), _type(str(v.dtype))) for v in variables]
        found = [(array.shape, _type(str(array.dtype))) for array in self.arrays]
        if expected != found:
            raise TfmatError(
                f"checkpoint at step {self.step}: its {len(found)} variables are not the "
                f"{len(expected)} of this model; it comes from another version, start a new run"
            )
        for variable, array in zip(variables, self.arrays, strict=True):
            variable.assign(array.astype(str(variable.dtype)))


def save(
    folder: Path,
    step: int,
    variables: Sequence[Any],
    state: Mapping[str, float] | None = None,
    *,
    write: bool = True,
) -> Path:
    """Writes a checkpoint and removes all but the last two.

    Args:
        folder: Folder of the stage.
        step: Steps done.
        variables: Keras variables.
        state: Numbers to keep with them.
        write: Write them. Of several workers one does, and all read: a variable that each worker
            has its own value of is brought together by reading it.

    Returns:
        The checkpoint's folder.
    """
    import keras

    target = folder / _name(step)

    arrays: dict[str, Any] = {
        f"{i:05d}": keras.ops.convert_to_numpy(variable.value)
        for i, variable in enumerate(variables)
    }
    if not write:
        return target
    with files.replacing_folder(target, overwrite=True) as temporary:
        archive = temporary / "variables.npz"
        np.savez(archive, **arrays)
        record = {"step": step, "sha256": files.sha256(archive), "state": dict(state or {})}
        write_sealed(temporary / "state.json", record)
    for old in _folders(folder)[:-KEPT]:
        discard(old)
    return target


def latest(folder: Path) -> Checkpoint | None:
    """Reads the newest whole checkpoint of a stage.

    Args:
        folder: Folder of the stage.

    Returns:
        The checkpoint, or ``None`` if there is none. One whose hash is wrong (a full disk, a power
        cut) is passed over for the one before.
    """
    for path in reversed(_folders(folder)):
        try:
            return _read(path)
        except InputError:
            continue
    return None


def _read(path: Path) -> Checkpoint:
    """Reads a checkpoint, or raises an ``InputError`` if it is not whole."""
    archive = path / "variables.npz"
    record = read_sealed(path / "state.json")
    with reading(archive):
        if path.name != _name(record["step"]) or files.sha256(archive) != record["sha256"]:
            raise ValueError("it is not what was written")
        with np.load(archive, allow_pickle=False) as arrays:
            values = [arrays[name] for name in sorted(arrays.files)]
        state = {name: float(value) for name, value in record["state"].items()}
        return Checkpoint(int(record["step"]), values, state)


def clear(folder: Path) -> None:
    """Removes the checkpoints of a finished stage."""
    for path in _folders(folder):
        discard(path)
    discard(folder / BEST)


def _name(step: int) -> str:
    return f"checkpoint-{step:09d}"


def _type(name: str) -> str:
    return "integer" if name.lstrip("u").startswith("int") else name


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"))
