"""The neighbours of every atom of a crystal, its own images included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

# A point closer than this to itself is itself, Å (pymatgen's tolerance, which CHGNet uses).
_SAME = 1e-8


def neighbours(
    crystal: Crystal, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Finds all pairs of atoms within a cutoff, each in both directions.

    Args:
        crystal: The crystal.
        cutoff: Å.

    Returns:
        For each pair the first atom (ascending) and the second one, shape ``(pairs,)``, the cell in
        which the second one lies, shape ``(pairs, 3)``, and the distance in Å, shape ``(pairs,)``.

    Raises:
        InputError: The cell has no volume.
    """
    from pymatgen.optimization.neighbors import find_points_in_spheres

    points = np.ascontiguousarray(crystal.positions, dtype=np.float64)
    try:
        first, second, images, distances = find_points_in_spheres(
            points,
            points,
            r=float(cutoff),
            pbc=np.ones(3, dtype=np.int64),
            lattice=np.ascontiguousarray(crystal.lattice, dtype=np.float64),
            tol=_SAME,
        )
    except ZeroDivisionError as error:
        raise InputError("the cell has no volume") from error
    others = (first != second) | (distances > _SAME)
    order = np.argsort(first[others], kind="stable")
    chosen = np.flatnonzero(others)[order]
    return first[chosen], second[chosen], images[chosen], distances[chosen]
