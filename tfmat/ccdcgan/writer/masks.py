"""What a writer must not choose: impossible cells, places out of order, places next to atoms.

All in operations of any Keras backend, for many candidates of many crystals at once.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from keras import ops

from tfmat.ccdcgan.writer.tokens import ANGLES, BINS, angle_values

# Translations to the cell itself and all its neighbours, and half of those to neighbours alone.
SHIFTS = np.array(list(itertools.product((-1, 0, 1), repeat=3)), np.float32)
_EDGES = SHIFTS[len(SHIFTS) // 2 + 1 :]
# Rounded, so that a right angle has the cosine 0.
_COSINES = np.round(np.cos(np.radians(angle_values(np.arange(ANGLES)))), 12).astype(np.float32)
# Least volume of a cell, in shares of the product of its edges; Niggli cells have 0.5 at least.
FLATTEST = 0.3


def lattices(lengths: Any, angles: Any) -> tuple[Any, Any]:
    """Returns cell vectors in standard orientation.

    Args:
        lengths: a, b, c in Å, shape ``(..., 3)``.
        angles: Bins of alpha, beta, gamma, shape ``(..., 3)``.

    Returns:
        Cell vectors as rows, in Å, shape ``(..., 3, 3)``, and the squared volume of the cell with
        these angles and edges of 1, ``(...)``; without one that is positive the vectors mean
        nothing.
    """
    cosines = ops.take(_COSINES, angles, axis=0)
    alpha, beta, gamma = (cosines[..., axis] for axis in range(3))
    square = 1 + 2 * alpha * beta * gamma - alpha * alpha - beta * beta - gamma * gamma
    sine = ops.sqrt(1 - gamma * gamma)  # of 60 degrees at least
    across = (alpha - beta * gamma) / sine
    height = ops.sqrt(ops.maximum(square, 1e-6)) / sine
    zero, one = ops.zeros_like(alpha), ops.ones_like(alpha)
    rows = [[one, zero, zero], [gamma, sine, zero], [beta, across, height]]
    unit = ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)
    return unit * ops.expand_dims(lengths, -1), square


def possible(cell: Any, lattice: Any, square: Any, least: Any) -> Any:
    """Tells which cells can hold atoms.

    Args:
        cell: Bins of a, b, c and the angles, shape ``(..., 6)``.
        lattice: Cell vectors, shape ``(..., 3, 3)``.
        square: From :func:`lattices`, shape ``(...)``.
        least: How far an atom must be from its own images, in Å, shape ``(...)``.

    Returns:
        Shape ``(...)``, bool: a ≤ b ≤ c, a volume, and no translation shorter than ``least``.
    """
    ordered = ops.logical_and(cell[..., 0] <= cell[..., 1], cell[..., 1] <= cell[..., 2])
    return ops.logical_and(ordered, roomy(lattice, square, least))


def roomy(lattice: Any, square: Any, least: Any) -> Any:
    """Tells which cells have a volume and no translation shorter than ``least``.

    Args:
        lattice: Cell vectors, shape ``(..., 3, 3)``.
        square: From :func:`lattices`, shape ``(...)``.
        least: How far an atom must be from its own images, in Å, shape ``(...)``.
    """
    edges = ops.matmul(_EDGES, lattice)
    shortest = ops.min(ops.sum(edges * edges, axis=-1), axis=-1)
    return ops.logical_and(square > FLATTEST**2, shortest >= least * least)


def in_order(previous: Any, tied: Any, last: bool) -> Any:
    """Tells which bins of a coordinate keep the atoms of an element in order.

    Args:
        previous: The coordinate of the atom before, shape ``(...)``.
        tied: Whether that atom is of the same element and all coordinates so far are its own,
            shape ``(...)``.
        last: Whether it is the last coordinate, where the same bin would be the same place.

    Returns:
        Shape ``(..., BINS)``, bool.
    """
    least = ops.where(tied, previous + int(last), 0)
    return np.arange(BINS, dtype=np.int32) >= ops.expand_dims(least, -1)


def far_enough(points: Any, atoms: Any, limits: Any, lattice: Any) -> Any:
    """Tells which places are far enough from all atoms and their images.

    Args:
        points: Fractional coordinates of places, shape ``(batch, points, 3)``.
        atoms: Those of the atoms, shape ``(batch, atoms, 3)``.
        limits: Least distance to each atom in Å, 0 for none, shape ``(batch, atoms)``.
        lattice: Cell vectors, shape ``(batch, 3, 3)``; of a reduced cell, else images may be nearer
            than the neighbouring cells.

    Returns:
        Shape ``(batch, points)``, bool.
    """
    pairs = points.shape[1] * atoms.shape[1]
    difference = ops.expand_dims(points, 2) - ops.expand_dims(atoms, 1)
    difference = ops.reshape(difference - ops.round(difference), (-1, pairs, 3))
    vectors = ops.matmul(difference, lattice)
    shifts = ops.matmul(SHIFTS, lattice)
    # |v + s|² = |v|² + (v, 1)·(2 s, |s|²): but for the first term one product for all pairs.
    lengths = ops.sum(shifts * shifts, axis=-1, keepdims=True)
    images = ops.concatenate([2 * shifts, lengths], axis=-1)
    ones = ops.ones_like(vectors[..., :1])
    products = ops.matmul(
        ops.concatenate([vectors, ones], axis=-1), ops.transpose(images, (0, 2, 1))
    )
    nearest = ops.min(products, axis=-1) + ops.sum(vectors * vectors, axis=-1)
    nearest = ops.reshape(nearest, (-1, points.shape[1], atoms.shape[1]))
    return ops.all(nearest >= ops.expand_dims(limits * limits, 1), axis=-1)
