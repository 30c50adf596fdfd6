"""The papers' selection: few atoms in a small cell, measured on the Niggli cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.niggli import niggli_lattice
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

# Papers 001 and 002: at most 20 atoms; a, b and c at most 10 Å.
MAX_ATOMS = 20
MAX_LENGTH = 10.0


def check_limits(max_atoms: int | None, max_length: float | None) -> None:
    """Checks the limits of a selection.

    Args:
        max_atoms: Largest number of atoms in the cell; ``None`` for any.
        max_length: Largest a, b and c, in Å; ``None`` for any.

    Raises:
        InputError: One of them is not a positive, finite number.
    """
    for name, limit in (("max_atoms", max_atoms), ("max_length", max_length)):
        if limit is not None and not 0 < limit < math.inf:
            raise InputError(f"`{name}` {limit}: give a positive number")


class Limits(TypedDict):
    """What a dataset's record says of the limits that were applied."""

    max_atoms: int | None
    max_length: float | None
    cell: str


def limits_record(max_atoms: int | None, max_length: float | None) -> Limits | None:
    """Returns what a dataset's record says of the limits that were applied, ``None`` for none.

    Args:
        max_atoms: As for :func:`obstacle`.
        max_length: As for :func:`obstacle`.
    """
    if max_atoms is None and max_length is None:
        return None
    return {"max_atoms": max_atoms, "max_length": max_length, "cell": "Niggli"}


def niggli_lengths(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns a, b and c of the Niggli cell in Å, shape ``(3,)``.

    Args:
        lattice: Cell vectors as rows, in Å, shape ``(3, 3)``.

    Raises:
        InputError: The cell cannot be reduced.
    """
    return np.asarray(np.linalg.norm(niggli_lattice(lattice), axis=1))


def obstacle(
    crystal: Crystal, max_atoms: int | None = MAX_ATOMS, max_length: float | None = MAX_LENGTH
) -> str | None:
    """Says why a crystal does not pass the selection.

    The lengths are those of the Niggli cell: a skewed description of a small cell passes.

    Args:
        crystal: The crystal.
        max_atoms: Largest number of atoms in the cell; ``None`` for any.
        max_length: Largest a, b and c, in Å; ``None`` for any.

    Returns:
        The reason, ``None`` if it passes.

    Raises:
        InputError: The cell cannot be reduced.
    """
    if max_atoms is not None and len(crystal) > max_atoms:
        return f"{len(crystal)} atoms, more than {max_atoms}"
    if max_length is not None:
        longest = float(niggli_lengths(crystal.lattice).max())
        if longest > max_length:
            return f"an edge of {longest:.2f} Å, longer than {max_length:g}"
    return None


def passes(
    crystal: Crystal, max_atoms: int | None = MAX_ATOMS, max_length: float | None = MAX_LENGTH
) -> bool:
    """Says whether a crystal passes the selection; arguments as for :func:`obstacle`.

    Raises:
        InputError: The cell cannot be reduced.
    """
    return obstacle(crystal, max_atoms, max_length) is None


def select(
    dataset: Dataset,
    max_atoms: int | None = MAX_ATOMS,
    max_length: float | None = MAX_LENGTH,
    *,
    on_step: Callable[[int], object] | None = None,
) -> NDArray[np.bool_]:
    """Applies the selection to a dataset.

    Args:
        dataset: The dataset.
        max_atoms: Largest number of atoms in the cell; ``None`` for any.
        max_length: Largest a, b and c of the Niggli cell, in Å; ``None`` for any.
        on_step: Called with 1 after every structure, for progress.

    Returns:
        Whether each structure passes, shape ``(n,)``; one whose cell cannot be reduced does not.

    Raises:
        InputError: A limit is no positive number.
    """
    check_limits(max_atoms, max_length)
    chosen = np.zeros(len(dataset), dtype=bool)
    for index, crystal in enumerate(dataset):
        # An absurd cell must not keep the others from being counted.
        with suppress(InputError):
            chosen[index] = passes(crystal, max_atoms, max_length)
        if on_step is not None:
            on_step(1)
    return chosen
