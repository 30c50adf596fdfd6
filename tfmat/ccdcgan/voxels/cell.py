"""The canonical cell: the one choice of cell, orientation and centring in which crystals are drawn.

Voxels hold no orientation of the cell, so the drawing and the reading side must agree on one:
a along x, b in the xy plane. Without it, or with skewed cells that reach over the edge of the
box, 3% to 90% of the structures do not come back.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.niggli import niggli_lattice
from tfmat.errors import InputError

# Translations to the neighbouring cells, the home cell first.
_NEIGHBOURS = np.array(
    sorted(itertools.product((0, -1, 1), repeat=3), key=lambda shift: sum(map(abs, shift))),
    dtype=np.float64,
)
# A neighbour must be nearer by this (Å²) to be preferred: atoms on the boundary of the
# Wigner-Seitz cell do not jump between its faces by rounding.
_TIE = 1e-6


def standard_orientation(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotates cell vectors to a along x and b in the xy plane.

    Args:
        lattice: Cell vectors as rows, in Å, shape ``(3, 3)``.

    Returns:
        Lower triangular cell vectors with a positive diagonal, in Å, shape ``(3, 3)``.

    Raises:
        InputError: The cell has no volume.
    """
    try:
        return np.asarray(np.linalg.cholesky(lattice @ lattice.T), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise InputError("the cell has no volume") from None


def canonicalise(crystal: Crystal) -> Crystal:
    """Returns the crystal in its canonical cell.

    The cell is Niggli-reduced and in standard orientation; every atom is moved to the
    Wigner-Seitz cell (the lattice translation nearest to the origin); the middle of the atoms'
    extent lies at the centre of the cell.

    Args:
        crystal: Any crystal.

    Returns:
        The same crystal, up to rotation and translation, with the atoms in the same order.

    Raises:
        InputError: The cell cannot be reduced.
    """
    reduced = niggli_lattice(crystal.lattice)
    lattice = standard_orientation(reduced)
    fractional = np.linalg.solve(reduced.T, crystal.positions.T).T
    fractional -= np.round(fractional - 1e-9)
    images = (fractional[:, None, :] + _NEIGHBOURS) @ lattice
    distances = np.einsum("nkc,nkc->nk", images, images)
    distances[:, 0] -= _TIE
    positions = images[np.arange(len(images)), distances.argmin(axis=1)]
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    positions += lattice.sum(axis=0) / 2 - middle
    return Crystal(lattice, positions, crystal.numbers)


def orient(crystal: Crystal) -> Crystal:
    """Returns the crystal as the original program drew it: the given cell, not reduced.

    Only the orientation is standard, and the mean of the unwrapped positions lies at the centre
    of the cell. For the ``faithful`` mode.

    Args:
        crystal: Any crystal.

    Returns:
        The same crystal, rotated and moved.

    Raises:
        InputError: The cell has no volume.
    """
    lattice = standard_orientation(crystal.lattice)
    fractional = np.linalg.solve(crystal.lattice.T, crystal.positions.T).T
    positions = fractional @ lattice
    positions += lattice.sum(axis=0) / 2 - positions.mean(axis=0)
    return Crystal(lattice, positions, crystal.numbers)


def lattice_from_parameters(
    lengths: NDArray[np.float64], angles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns cell vectors in standard orientation.

    Args:
        lengths: a, b, c in Å.
        angles: alpha, beta, gamma in degrees.

    Returns:
        Cell vectors as rows, in Å, shape ``(3, 3)``.

    Raises:
        InputError: No cell has these angles.
    """
    cosines = np.cos(np.radians(angles))
    metric = np.eye(3)
    metric[1, 2] = metric[2, 1] = cosines[0]
    metric[0, 2] = metric[2, 0] = cosines[1]
    metric[0, 1] = metric[1, 0] = cosines[2]
    scale = np.asarray(lengths, dtype=np.float64)
    try:
        vectors: NDArray[np.float64] = np.linalg.cholesky(metric) * scale[:, None]
    except np.linalg.LinAlgError:
        raise InputError(f"no cell has the angles {angles} degrees") from None
    return vectors


def parameters(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns a, b, c (Å) and alpha, beta, gamma (degrees) of cell vectors, shape ``(6,)``.

    Args:
        lattice: Cell vectors as rows, in Å, shape ``(3, 3)``.
    """
    metric = lattice @ lattice.T
    lengths = np.sqrt(np.diag(metric))
    cosines = metric[[1, 0, 0], [2, 2, 1]] / (lengths[[1, 0, 0]] * lengths[[2, 2, 1]])
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))])
