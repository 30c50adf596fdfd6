"""A crystal seen from one fixed side: atoms, bonds and edges of the cell, the farthest first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.drawing import bonds, view, with_images

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
    fractional, owners = with_images(crystal.positions @ np.linalg.inv(crystal.lattice))
    centres = fractional @ cell
    numbers = crystal.numbers[owners]
    radii = _BALL * covalent_radii[numbers]
    corners = np.array(list(product((0.0, 1.0), repeat=3))) @ cell
    flat = np.concatenate([corners[:, :2], centres[:, :2] - radii[:, None]])
    high = np.concatenate([corners[:, :2], centres[:, :2] + radii[:, None]])
    return Scene(
        centres,
        radii,
        numbers,
        _farthest_first(bonds(centres, numbers), centres),
        _visible(_edges(cell), centres, radii),
        np.stack([flat.min(axis=0), high.max(axis=0)]),
    )


def _farthest_first(pairs: NDArray[np.intp], centres: NDArray[np.float64]) -> NDArray[np.intp]:
    swapped = centres[pairs[:, 0], 2] > centres[pairs[:, 1], 2]
    return np.asarray(np.where(swapped[:, None], pairs[:, ::-1], pairs))


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
