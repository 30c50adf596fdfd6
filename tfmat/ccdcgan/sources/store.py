"""What sources know of the training structures, as one file: prototypes, and the law of volumes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.ccdcgan.element_descriptors import HEAVIEST
from tfmat.ccdcgan.sources.contents import SLOTS, Contents
from tfmat.ccdcgan.sources.prototypes import Prototypes
from tfmat.ccdcgan.sources.tokens import Cells
from tfmat.ccdcgan.sources.volume import VolumeModel
from tfmat.errors import InputError
from tfmat.reading import reading

FILE = "prototypes.npz"
_ADVICE = "export or copy the package again"


@dataclass(frozen=True, eq=False)
class KnownCrystals:
    """Prototypes with what is predicted of them.

    Args:
        prototypes: The crystals.
        groups: Their space groups, shape ``(n,)``.
        volume: The law of volumes.
        own_volume: See :class:`~tfmat.ccdcgan.sources.recipe.PrototypesRecipe`.
    """

    prototypes: Prototypes
    groups: NDArray[np.uint8]
    volume: VolumeModel
    own_volume: float

    @cached_property
    def predicted(self) -> NDArray[np.float64]:
        """Volume per atom that is predicted of each prototype, in Å³, shape ``(n,)``."""
        return self.volume.predict(self.prototypes.contents)

    def cells(self) -> Cells:
        """Returns the cells of the prototypes as tokens see them."""
        sizes = self.prototypes.contents.sizes
        return Cells.of(self.prototypes.lattices, self.groups, self.predicted * sizes)

    def scaled(self, rows: NDArray[np.intp], volumes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the volume that a prototype is scaled to.

        Args:
            rows: Prototypes.
            volumes: Volume per atom in Å³ that is predicted of the wanted crystals.
        """
        own = self.prototypes.volumes()[rows] / self.predicted[rows]
        return np.asarray(volumes * own**self.own_volume)

    def save(self, path: Path) -> None:
        """Writes the file, complete or not at all.

        Args:
            path: The file.
        """
        known, law = self.prototypes, self.volume
        names = "\n".join(known.ids).encode()
        arrays: dict[str, Any] = {
            "ids": np.frombuffer(names, np.uint8),
            "numbers": known.contents.numbers,
            "counts": known.contents.counts,
            "lattices": known.lattices,
            "fractional": known.fractional,
            "groups": self.groups,
            "volume_middle": law.middle,
            "volume_spread": law.spread,
            "volume_weights": law.weights,
            "own_volume": np.array(self.own_volume),
        }
        with files.replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def open(cls, path: Path) -> KnownCrystals:
        """Reads the file.

        Args:
            path: The file.

        Raises:
            InputError: It is missing or damaged.
        """
        with reading(path, _ADVICE), np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
            contents = Contents(
                _of(arrays["numbers"], "u1", (None, SLOTS)),
                _of(arrays["counts"], "u1", (None, SLOTS)),
            )
            count, atoms = len(contents), int(contents.sizes.sum())
            ids = arrays["ids"].tobytes().decode().split("\n")
            lattices = _of(arrays["lattices"], "f4", (count, 3, 3))
            fractional = _of(arrays["fractional"], "f4", (atoms, 3))
            groups = _of(arrays["groups"], "u1", (count,))
            law = VolumeModel(
                *(
                    _of(arrays[f"volume_{part}"], "f8", (None,))
                    for part in VolumeModel.__annotations__
                )
            )
            own = float(arrays["own_volume"])
        if (
            len(ids) != count
            or contents.numbers.max(initial=0) > HEAVIEST
            or (contents.sizes < 1).any()
            or len(law.weights) != len(law.middle) + 1
        ):
            raise InputError(f"{path}: is damaged, its parts do not fit together; {_ADVICE}")
        offsets = np.concatenate([[0], np.cumsum(contents.sizes)]).astype(np.int64)
        return cls(Prototypes(ids, contents, lattices, fractional, offsets), groups, law, own)


def _of(array: NDArray[Any], kind: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    sizes = zip(array.shape, shape, strict=True)
    if array.dtype.str[1:] != kind or any(b is not None and a != b for a, b in sizes):
        raise ValueError(f"an array of {array.dtype} {array.shape}, not {kind} {shape}")
    if kind[0] == "f" and not np.isfinite(array).all():
        raise ValueError("numbers that are not finite")
    return array
