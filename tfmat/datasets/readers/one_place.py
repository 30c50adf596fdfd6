"""Atoms that lie in one place, as in no crystal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

# In Å: more than files round positions by, less than any two atoms are apart.
_ONE_PLACE = 0.05
# Up to here all pairs are looked at at once.
_FEW = 40
# Atoms that are looked up together, so that a file of copies of one atom ends soon.
_TOGETHER = 1000
_ONES = np.ones(3)


def refuse_one_place(crystal: Crystal, what: str, labels: Sequence[str] = ()) -> Crystal:
    """Returns a crystal of which no two atoms, periodic images included, lie in one place.

    Args:
        crystal: The crystal.
        what: What is broken otherwise, for the message: ``"POSCAR"``.
        labels: What its file calls each atom; by default their elements with their places in the
            file's order.

    Raises:
        InputError: Two atoms are less than 0.05 Å apart; the message names them.
    """
    pair = _pair(crystal.positions, crystal.lattice) if len(crystal) > 1 else None
    if pair is not None:
        from ase.data import chemical_symbols

        first, second = (
            str(labels[at])[:20]
            if len(labels)
            else f"{chemical_symbols[crystal.numbers[at]]}{at + 1}"
            for at in sorted(pair)
        )
        raise InputError(f"broken {what}: two atoms in one place ({first} and {second})")
    return crystal


def _pair(positions: NDArray[np.float64], lattice: NDArray[np.float64]) -> tuple[int, int] | None:
    """Returns two atoms that lie in one place.

    Steps so short are the same in every cell, so that rounding finds the nearest image.
    """
    inverse = _inverse(lattice)
    count = len(positions)
    if count <= _FEW:
        return _near(*_all_pairs(count), positions.dot(inverse), lattice)
    from scipy.spatial import cKDTree

    wrapped = positions @ inverse % 1 % 1
    tree = cKDTree(wrapped, boxsize=1.0)
    reach = min(_ONE_PLACE * float(np.linalg.norm(inverse, axis=0).max()), 0.49)
    if count <= _TOGETHER:
        pairs = tree.query_pairs(reach, p=np.inf, output_type="ndarray")
        return _near(pairs[:, 0], pairs[:, 1], wrapped, lattice) if len(pairs) else None
    for start in range(0, count, _TOGETHER):
        part = wrapped[start : start + _TOGETHER]
        # An atom finds itself and one more, if there is one.
        distances, _ = tree.query(part, k=2, p=np.inf, distance_upper_bound=reach)
        for atom in (start + np.flatnonzero(np.isfinite(distances[:, 1]))).tolist():
            others = np.array(tree.query_ball_point(wrapped[atom], reach, p=np.inf))
            others = others[others != atom]
            pair = _near(np.full(len(others), atom), others, wrapped, lattice)
            if pair is not None:
                return pair
    return None


def _near(
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    fractional: NDArray[np.float64],
    lattice: NDArray[np.float64],
) -> tuple[int, int] | None:
    """Returns the nearest of some pairs of atoms, if they lie in one place."""
    # Readers call this for every structure: methods and in-place steps take half the time.
    steps = fractional.take(first, 0)
    steps -= fractional.take(second, 0)
    steps -= np.rint(steps)
    squares = steps.dot(lattice)
    squares *= squares
    squares = squares.dot(_ONES)
    at = int(squares.argmin())
    return (int(first[at]), int(second[at])) if squares[at] < _ONE_PLACE**2 else None


def _inverse(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the inverse of a cell with a volume; NumPy's takes twice as long."""
    (a, b, c), (d, e, f), (g, h, i) = lattice.tolist()
    x, y, z = e * i - f * h, c * h - b * i, b * f - c * e
    s = 1 / (a * x + d * y + g * z)
    return np.array(
        (
            (x * s, y * s, z * s),
            ((f * g - d * i) * s, (a * i - c * g) * s, (c * d - a * f) * s),
            ((d * h - e * g) * s, (b * g - a * h) * s, (a * e - b * d) * s),
        )
    )


@lru_cache(_FEW)
def _all_pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    first, second = np.triu_indices(count, 1)
    return first, second
