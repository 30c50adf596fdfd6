"""A crystal seen from one fixed side: atoms, bonds and edges of the cell, the farthest first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal

# The eye looks along a, from a little to the right and from above, degrees; a and b lie flat.
_AZIMUTH, _ELEVATION = 25.0, 15.0
# An atom this near a face of the cell (in parts of an edge) is shown on the opposite one, too.
_FACE = 0.03
# Atoms nearer than so many sums of covalent radii are joined. Bonds of metals are the longest.
_BOND = 1.2
# Alkali and alkaline-earth metals are large; where non-metals are, they are bound to these alone.
_GIVING = (3, 4, 11, 12, 19, 20, 37, 38, 55, 56, 87, 88)
_TAKING = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 32, 33, 34, 35, 51, 52, 53, 85)
# Radius of a drawn atom in covalent radii: bonds stay visible.
_BALL = 0.42
# Parts of an edge of the cell, each of which lies before or behind an atom.
_PARTS = 12


@dataclass(frozen=True)
class Scene:
    """What is seen of a crystal; x to the right, y up, z towards the eye, in Å.

    Args:
        centres: Of the atoms, images on faces of the cell included, shape ``(n, 3)``.
        radii: Of the balls, in Å, shape ``(n,)``.
        numbers: Atomic numbers, shape ``(n,)``.
        bonds: Pairs of atoms that are joined, the farther one first, shape ``(m, 2)``.
        edges: Parts of the cell's edges that no ball hides, shape ``(k, 2, 3)``.
        box: Lowest and highest x and y of all, shape ``(2, 2)``.
    """

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    numbers: NDArray[np.uint8]
    bonds: NDArray[np.intp]
    edges: NDArray[np.float64]
    box: NDArray[np.float64]


def scene_of(crystal: Crystal) -> Scene:
    """Projects a crystal.

    Args:
        crystal: The crystal, in the cell in which it is to be seen.
    """
    from ase.data import covalent_radii

    turn = view(crystal.lattice)
    cell = crystal.lattice @ turn
    fractional, owners = _with_images(crystal.positions @ np.linalg.inv(crystal.lattice))
    centres = fractional @ cell
    numbers = crystal.numbers[owners]
    covalent = covalent_radii[numbers]
    radii = _BALL * covalent
    corners = np.array(list(product((0.0, 1.0), repeat=3))) @ cell
    flat = np.concatenate([corners[:, :2], centres[:, :2] - radii[:, None]])
    high = np.concatenate([corners[:, :2], centres[:, :2] + radii[:, None]])
    return Scene(
        centres,
        radii,
        numbers,
        _bonds(centres, numbers, covalent),
        _visible(_edges(cell), centres, radii),
        np.stack([flat.min(axis=0), high.max(axis=0)]),
    )


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


def _with_images(
    fractional: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Returns positions within the cell, with what lies on a face on both, and whose they are."""
    inside = fractional - np.floor(fractional + _FACE)
    found, owners = [], []
    for shift in product((0, 1), repeat=3):
        rows = np.flatnonzero(((np.array(shift) == 0) | (inside < _FACE)).all(axis=1))
        found.append(inside[rows] + shift)
        owners.append(rows)
    return np.concatenate(found), np.concatenate(owners)


def _bonds(
    centres: NDArray[np.float64], numbers: NDArray[np.uint8], covalent: NDArray[np.float64]
) -> NDArray[np.intp]:
    from scipy.spatial import cKDTree

    pairs = cKDTree(centres).query_pairs(2 * _BOND * float(covalent.max()), output_type="ndarray")
    distances = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1)
    pairs = pairs[distances < _BOND * covalent[pairs].sum(axis=1)]
    giving, taking = np.isin(numbers, _GIVING)[pairs], np.isin(numbers, _TAKING)
    if taking.any():
        pairs = pairs[~giving.any(axis=1) | taking[pairs].any(axis=1)]
    # A tree gives its pairs in an order of its own.
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    swapped = centres[pairs[:, 0], 2] > centres[pairs[:, 1], 2]
    pairs[swapped] = pairs[swapped][:, ::-1]
    return np.asarray(pairs, dtype=np.intp)


def _edges(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the twelve edges of a cell in parts."""
    parts = []
    steps = np.linspace(0.0, 1.0, _PARTS + 1)[:, None]
    for along in range(3):
        first, second = (axis for axis in range(3) if axis != along)
        for one, two in product((0, 1), repeat=2):
            points = one * cell[first] + two * cell[second] + steps * cell[along]
            parts.append(np.stack([points[:-1], points[1:]], axis=1))
    return np.concatenate(parts)


def _visible(
    edges: NDArray[np.float64], centres: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Leaves out parts of edges that lie inside of balls."""
    middles = edges.mean(axis=1)
    distances = np.linalg.norm(middles[:, None] - centres[None], axis=2)
    return np.asarray(edges[(distances > radii).all(axis=1)])
