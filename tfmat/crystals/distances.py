"""The shortest distance between atoms of a periodic crystal."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.niggli import niggli_lattice

# Pairs of atoms that are looked at together.
_PAIRS = 20_000


def shortest_distance(crystal: Crystal) -> float:
    """Returns the shortest distance between two atoms, an atom and its own images included, in Å.

    Args:
        crystal: Any crystal; its cell may be skewed.

    Raises:
        InputError: The cell cannot be reduced.
    """
    return shortest_between(niggli_lattice(crystal.lattice), crystal.positions)


def shortest_between(
    lattice: NDArray[np.float64],
    positions: NDArray[np.float64],
    *,
    reach: int | None = None,
    enough: float = 0.0,
) -> float:
    """Returns the shortest distance between two atoms, images included, in Å.

    Args:
        lattice: Cell vectors as rows, in Å, reduced or nearly so: the shortest edge counts as the
            shortest distance of an atom to its own images.
        positions: Cartesian positions in Å, shape ``(atoms, 3)``.
        reach: Cells to look at in each direction at most; as many as matter by default.
        enough: Only distances below this one matter: the search may end at one, and where there is
            none, what is returned is a distance, but not always the shortest. Thousands of atoms,
            which only noise gives, make billions of pairs.
    """
    inverse = np.linalg.inv(lattice)
    fractional, heights = positions @ inverse, np.linalg.norm(inverse, axis=0)
    shortest = float(np.linalg.norm(lattice, axis=1).min())
    count = len(positions)
    rows = max(1, _PAIRS // max(count, 1))
    for start in range(0, count - 1, rows):
        first, second = _pairs(min(rows, count - start), count - start)
        difference = fractional[first + start] - fractional[second + start]
        difference -= np.round(difference)
        apart = difference @ lattice
        shortest = min(shortest, float(np.sqrt(np.einsum("ij,ij->i", apart, apart).min())))
        # Images farther away than this many cells cannot undercut what is found or asked for.
        bound = min(shortest, enough) if enough else shortest
        limits = np.floor(bound * heights + 0.5)
        limits = np.minimum(limits, np.inf if reach is None else reach).astype(int)
        for shift in itertools.product(*(range(-limit, limit + 1) for limit in limits)):
            if any(shift):
                image = (difference + shift) @ lattice
                shortest = min(shortest, float(np.sqrt(np.einsum("ij,ij->i", image, image).min())))
        if shortest < enough:
            break
    return shortest


@lru_cache(maxsize=32)
def _pairs(rows: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Returns each of the first atoms with each that follows, of so many."""
    return np.triu_indices(rows, 1, count)
