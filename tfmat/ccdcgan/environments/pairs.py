"""All pairs of atoms of many periodic crystals within a cutoff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal

# Pairs of atoms that are looked at together, images not counted: what stays in the cache.
_PAIRS = 4096


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of atoms of some crystals.

    Attributes:
        atoms: The atoms of these crystals, as they are numbered through all, shape ``(atoms,)``.
        first: Place of one atom of every pair among ``atoms``, shape ``(pairs,)``.
        second: Place of the other one; the same where an atom meets its own image. A pair of two
            atoms is named once, of an atom's own images each, on either side.
        distances: Å, shape ``(pairs,)``.
    """

    atoms: NDArray[np.intp]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    distances: NDArray[np.float64]


def pairs_within(crystals: Sequence[Crystal], cutoff: float) -> Iterator[Pairs]:
    """Finds all pairs within a cutoff, images included.

    The images of a pair are the points of a lattice within a sphere. They are enumerated as for
    shortest vectors (Fincke and Pohst, Math. Comp. 44, 463 (1985)): along the last axis, for each
    place there along the second, for each of these along the first. So hardly more is looked at
    than is found, in any cell, however skewed.

    Args:
        crystals: Crystals in any cells.
        cutoff: Å.

    Yields:
        The pairs of some crystals at a time; every crystal comes once.
    """
    sizes = np.array([len(crystal) for crystal in crystals], dtype=np.intp)
    starts = np.cumsum(sizes) - sizes
    # Crystals of one size make regular arrays.
    for size in np.unique(sizes).tolist():
        one, other = np.triu_indices(size)
        members = np.flatnonzero(sizes == size)
        step = max(1, _PAIRS // len(one))
        for begin in range(0, len(members), step):
            chosen = members[begin : begin + step]
            lattices = np.stack([crystals[index].lattice for index in chosen])
            positions = np.stack([crystals[index].positions for index in chosen])
            fractional = positions @ np.linalg.inv(lattices)
            offsets = (fractional[:, other] - fractional[:, one]).reshape(-1, 3)
            metric = np.linalg.cholesky(lattices @ lattices.transpose(0, 2, 1))
            pair, squares = _images(offsets, np.repeat(metric, len(one), axis=0), cutoff)
            of_crystal, of_pair = np.divmod(pair, len(one))
            first = of_crystal * size + one[of_pair]
            second = of_crystal * size + other[of_pair]
            # An atom is no neighbour of itself; of its images it is.
            others = (first != second) | (squares > 0)
            atoms = (starts[chosen, None] + np.arange(size)).reshape(-1)
            yield Pairs(atoms, first[others], second[others], np.sqrt(squares[others]))


def _images(
    offsets: NDArray[np.float64], metric: NDArray[np.float64], cutoff: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Returns offset and squared length of all ``offset + integers`` within a sphere.

    Args:
        offsets: Fractional, shape ``(n, 3)``.
        metric: Lower triangular factors of the cells' metric tensors, shape ``(n, 3, 3)``.
        cutoff: Å.
    """
    places = np.arange(len(offsets))
    squares = np.zeros(len(offsets))
    # What the axes done so far add along each axis that is still to come, Å.
    shifts = np.zeros((3, len(offsets)))
    for axis in (2, 1, 0):
        scale = metric[places, axis, axis]
        centre = offsets[places, axis] + shifts[axis] / scale
        reach = np.sqrt(np.maximum(cutoff * cutoff - squares, 0)) / scale
        lowest = np.ceil(-reach - centre)
        counts = np.maximum(np.floor(reach - centre) - lowest + 1, 0).astype(np.intp)
        kept = np.repeat(np.arange(len(places)), counts)
        behind = np.arange(len(kept)) - np.repeat(np.cumsum(counts) - counts, counts)
        integer = lowest[kept] + behind
        along = (centre[kept] + integer) * scale[kept]
        squares = squares[kept] + along * along
        places = places[kept]
        value = offsets[places, axis] + integer
        shifts = shifts[:, kept]
        for rest in range(axis):
            shifts[rest] += value * metric[places, axis, rest]
    return places, squares
