"""The convex hull of a binary system."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def energy_above_hull(
    fractions: NDArray[np.float64], energies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the distance of every structure to the lower convex hull of all.

    The elements, with a formation energy of 0, are always part of the hull.

    Args:
        fractions: Share of one element, 0 to 1, shape ``(n,)``.
        energies: Formation energies, eV/atom, shape ``(n,)``.

    Returns:
        Energies above the hull, eV/atom, shape ``(n,)``.
    """
    x = np.concatenate([[0.0, 1.0], fractions])
    y = np.concatenate([[0.0, 0.0], energies])
    corners: list[int] = []
    # From left to right, the lowest first at each fraction: a corner above the line from the one
    # before it to the new point is no corner of the hull.
    for point in np.lexsort((y, x)):
        if corners and x[point] == x[corners[-1]]:
            continue
        while len(corners) > 1 and _above(x, y, corners[-2], corners[-1], point):
            corners.pop()
        corners.append(int(point))
    return np.asarray(energies - np.interp(fractions, x[corners], y[corners]), dtype=np.float64)


def _above(
    x: NDArray[np.float64], y: NDArray[np.float64], left: int, middle: int, right: int
) -> bool:
    rise = (y[middle] - y[left]) * (x[right] - x[left])
    return bool(rise >= (y[right] - y[left]) * (x[middle] - x[left]))
