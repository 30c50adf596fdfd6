"""What is seen of a crystal: its atoms, their images around the cell, and what is joined."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.neighbours import neighbours

# The eye looks along a, from a little to the right and from above, degrees; a and b lie flat.
_AZIMUTH, _ELEVATION = 25.0, 15.0
FACE = 0.03
"""An atom this near a face of the cell (in parts of an edge) is shown on the opposite one, too."""
# Atoms nearer than so many sums of covalent radii are joined. Bonds of metals are the longest.
_BOND = 1.2
# Alkali and alkaline-earth metals are large; where non-metals are, they are bound to these alone.
_GIVING = (3, 4, 11, 12, 19, 20, 37, 38, 55, 56, 87, 88)
_TAKING = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 32, 33, 34, 35, 51, 52, 53, 85)


def wrapped(fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns positions within the cell; what lies just below the upper face comes to the lower.

    Args:
        fractional: Positions in parts of the cell's edges, shape ``(n, 3)``.
    """
    return np.asarray(fractional - np.floor(fractional + FACE))


def with_images(
    fractional: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Returns positions within the cell, with what lies on a face on both, and whose they are.

    Args:
        fractional: Positions in parts of the cell's edges, shape ``(n, 3)``.

    Returns:
        Positions, shape ``(m, 3)``, the atoms of the cell first and in their order; and for each
        the row of its atom, shape ``(m,)``.
    """
    inside = wrapped(fractional)
    found, owners = [], []
    for shift in product((0, 1), repeat=3):
        rows = np.flatnonzero(((np.array(shift) == 0) | (inside < FACE)).all(axis=1))
        found.append(inside[rows] + shift)
        owners.append(rows)
    return np.concatenate(found), np.concatenate(owners)


def bonds(centres: NDArray[np.float64], numbers: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Finds the pairs of atoms that are drawn as joined.

    Those nearer than 1.2 sums of covalent radii (Cordero et al., Dalton Trans. 2832 (2008)), but no
    alkali or alkaline-earth metal with another metal where there are non-metals.

    Args:
        centres: Positions in Å, shape ``(n, 3)``; nothing is periodic.
        numbers: Atomic numbers, shape ``(n,)``.

    Returns:
        Rows of each pair, the smaller first, in their order, shape ``(m, 2)``.
    """
    from scipy.spatial import cKDTree

    pairs = cKDTree(centres).query_pairs(_longest(numbers), output_type="ndarray")
    distances = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1)
    pairs = pairs[_joined(numbers, pairs, distances)]
    # A tree gives its pairs in an order of its own.
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], dtype=np.intp)


def joined_outside(crystal: Crystal) -> NDArray[np.int64]:
    """Finds the images of atoms that are joined to an atom of the cell through its faces.

    Args:
        crystal: A crystal whose atoms lie within its cell.

    Returns:
        Row of the atom and the cell in which its image lies, each image once, in their order,
        shape ``(m, 4)``.
    """
    first, second, cells, distances = neighbours(crystal, _longest(crystal.numbers))
    pairs = np.column_stack([first, second])
    outside = _joined(crystal.numbers, pairs, distances) & (cells != 0).any(axis=1)
    images = np.column_stack([second, cells])[outside].astype(np.int64)
    return np.unique(images, axis=0)


def view(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the rotation from where a crystal lies to how it is seen.

    Args:
        lattice: Cell vectors as rows, in Å.

    Returns:
        A matrix for the right side of row vectors, shape ``(3, 3)``: a and b flat, so that the cell
        is never seen edge-on, a towards the eye, turned a little, c up.
    """
    normal = np.cross(lattice[0], lattice[1])
    up = np.sign(normal @ lattice[2]) * normal / np.linalg.norm(normal)
    front = lattice[0] / np.linalg.norm(lattice[0])
    side = np.cross(up, front)
    azimuth, elevation = np.radians(_AZIMUTH), np.radians(_ELEVATION)
    around = np.cos(azimuth) * front + np.sin(azimuth) * side
    eye = np.cos(elevation) * around + np.sin(elevation) * up
    right = -np.sin(azimuth) * front + np.cos(azimuth) * side
    return np.column_stack([right, np.cross(eye, right), eye])


def _longest(numbers: NDArray[np.uint8]) -> float:
    from ase.data import covalent_radii

    return 2 * _BOND * float(covalent_radii[numbers].max())


def _joined(
    numbers: NDArray[np.uint8], pairs: NDArray[np.integer], distances: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tells which pairs of atoms are joined."""
    from ase.data import covalent_radii

    near = np.asarray(distances < _BOND * covalent_radii[numbers][pairs].sum(axis=1))
    taking = np.isin(numbers, _TAKING)
    if not taking.any():
        return near
    giving = np.isin(numbers, _GIVING)[pairs].any(axis=1)
    return np.asarray(near & (~giving | taking[pairs].any(axis=1)))
