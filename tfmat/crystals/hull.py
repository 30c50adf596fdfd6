"""The convex hull of formation energies over compositions of any number of elements.

Below the hull nothing can fall apart into other phases. It is the lower part of a polytope, and
the highest of the planes through its facets: a plane is the energy of the mixtures of one facet's
phases, and its values at the pure elements are their chemical potentials (eV/atom). So energies
above the hull of many structures are one matrix product, where pymatgen's ``PhaseDiagram`` searches
the facet of each; both agree to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STABLE = 0.100
"""Energy above the hull up to which a structure with Ef < 0 is stable, eV/atom (paper 004)."""
METASTABLE = 0.150
"""The same for metastable, eV/atom (paper 004); stable ones are metastable, too."""
# What counting with float64 leaves of 0 eV/atom where a facet is nearly flat.
ROUNDING = 1e-8
# A compound enters the hull if it lies this far below the elements, eV/atom (as in pymatgen).
_BOUND = 1e-11
# The top of a facet's normal on the sides of the polytope, which are upright, up to rounding.
_UPRIGHT = 1e-9


@dataclass(frozen=True, eq=False)
class Hull:
    """The lower convex hull of formation energies of one chemical system of k elements.

    Attributes:
        rows: Row of each corner among the structures it was made of, -1 for an element at
            0 eV/atom, shape ``(corners,)``; the k elements come first.
        fractions: Shares of the elements at the corners, shape ``(corners, k)``.
        energies: Formation energies of the corners, eV/atom, shape ``(corners,)``.
        facets: Corners of each facet (tie lines of a binary, triangles of a ternary system),
            shape ``(facets, k)``.
        potentials: Chemical potentials of the elements on each facet against the elements
            themselves, eV/atom, shape ``(facets, k)``.
    """

    rows: NDArray[np.int64]
    fractions: NDArray[np.float64]
    energies: NDArray[np.float64]
    facets: NDArray[np.int64]
    potentials: NDArray[np.float64]

    @classmethod
    def of(cls, fractions: NDArray[np.float64], energies: NDArray[np.float64]) -> Hull:
        """Finds the hull; the elements at 0 eV/atom always belong to it.

        An elemental structure below 0 takes the place of its element.

        Args:
            fractions: Shares of the k elements, each row with the sum 1, shape ``(n, k)``.
            energies: Formation energies, eV/atom, shape ``(n,)``.

        Raises:
            ValueError: Shapes that do not fit, numbers that are not finite, or shares that do not
                add up to 1.
        """
        x, e = _checked(fractions, energies)
        rows, corners = _elements(x, e)
        lowest = _lowest(x, e, e - x @ corners)
        rows = np.concatenate([rows, lowest])
        points = np.concatenate([np.eye(x.shape[1]), x[lowest]])
        values = np.concatenate([corners, e[lowest]])
        if len(lowest) == 0:
            facets = np.arange(x.shape[1]).reshape(1, -1)
            return cls(rows, points, values, facets, corners.reshape(1, -1))
        facets, planes = _lower_facets(points, values - points @ corners)
        kept = np.union1d(np.arange(x.shape[1]), facets)
        facets = np.searchsorted(kept, facets)
        return cls(rows[kept], points[kept], values[kept], facets, planes + corners)

    def energy(self, fractions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the energy of the hull at compositions, eV/atom, shape ``(m,)``.

        Args:
            fractions: Shares of the elements, shape ``(m, k)``.
        """
        highest: NDArray[np.float64] = (np.asarray(fractions) @ self.potentials.T).max(axis=1)
        return highest

    def above(
        self, fractions: NDArray[np.float64], energies: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Returns the distance of structures to the hull, negative where they lie below it.

        Args:
            fractions: Shares of the elements, shape ``(m, k)``.
            energies: Formation energies, eV/atom, shape ``(m,)``.

        Returns:
            Energies above the hull, eV/atom, shape ``(m,)``; exactly 0 on it.
        """
        distance = np.asarray(energies, dtype=np.float64) - self.energy(fractions)
        return np.where(np.abs(distance) < ROUNDING, 0.0, distance)


def energy_above_hull(
    fractions: NDArray[np.float64], energies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the distance of every structure to the lower convex hull of all.

    The elements, with a formation energy of 0, are always part of the hull.

    Args:
        fractions: Shares of the elements, shape ``(n, k)``; for two elements the share of one,
            shape ``(n,)``, is enough.
        energies: Formation energies, eV/atom, shape ``(n,)``.

    Returns:
        Energies above the hull, eV/atom, shape ``(n,)``.

    Raises:
        ValueError: As for :meth:`Hull.of`.
    """
    x = np.asarray(fractions, dtype=np.float64)
    if x.ndim == 1:
        x = np.column_stack([1 - x, x])
    return np.maximum(Hull.of(x, energies).above(x, energies), 0.0)


def stable(energies: NDArray[np.float64], above: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tells which structures are stable: Ef < 0 and at most 0.100 eV/atom above the hull.

    Source: paper 004, section "Results", of its Bi-Se database.

    Args:
        energies: Formation energies, eV/atom, shape ``(n,)``.
        above: Energies above the hull, eV/atom, shape ``(n,)``.
    """
    return _near(energies, above, STABLE)


def metastable(energies: NDArray[np.float64], above: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tells which structures are metastable: Ef < 0, at most 0.150 eV/atom above the hull.

    Source: paper 004, section "Results". Stable structures count as well.

    Args:
        energies: Formation energies, eV/atom, shape ``(n,)``.
        above: Energies above the hull, eV/atom, shape ``(n,)``.
    """
    return _near(energies, above, METASTABLE)


def _near(
    energies: NDArray[np.float64], above: NDArray[np.float64], limit: float
) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = (energies < 0) & (above <= limit)
    return near


def _checked(
    fractions: NDArray[np.float64], energies: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = np.asarray(fractions, dtype=np.float64)
    e = np.asarray(energies, dtype=np.float64)
    if x.ndim != 2 or e.shape != x.shape[:1] or x.shape[1] == 0:
        raise ValueError(f"shares {x.shape} and energies {e.shape} must be (n, k) and (n,)")
    if not (np.isfinite(x).all() and np.isfinite(e).all()):
        raise ValueError("a share or an energy is not a finite number")
    if (x < 0).any() or np.abs(x.sum(axis=1) - 1).max(initial=0) > 1e-9:
        raise ValueError("shares of the elements must be at least 0 and add up to 1")
    return x, e


def _elements(
    x: NDArray[np.float64], e: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns row and energy of each pure element."""
    rows = np.full(x.shape[1], -1, dtype=np.int64)
    energies = np.zeros(x.shape[1])
    pure = x == 1
    for row in np.flatnonzero(pure.any(axis=1)):
        element = int(pure[row].argmax())
        if e[row] < energies[element]:
            rows[element], energies[element] = row, e[row]
    return rows, energies


def _lowest(
    x: NDArray[np.float64], e: NDArray[np.float64], bound: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Returns the row of lowest energy of each composition that lies below the elements."""
    rows = np.flatnonzero((bound < -_BOUND) & (x != 1).all(axis=1))
    order = rows[np.lexsort((rows, e[rows], *x[rows].T))]
    if len(order) == 0:
        return order
    new = (x[order[1:]] != x[order[:-1]]).any(axis=1)
    first: NDArray[np.int64] = order[np.concatenate([[True], new])]
    return first


def _lower_facets(
    points: NDArray[np.float64], energies: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns corners of the facets below, and each one's value at the pure elements."""
    from scipy.spatial import ConvexHull  # a fifth of a second that most commands do not need

    elements = points.shape[1]
    # One share is 1 less the others. A point above all makes the polytope a full one.
    # Energies are measured by the deepest: qhull takes what is nearly flat for flat.
    depth = -energies.min()
    data = np.column_stack([points[:, 1:], energies / depth])
    top = np.append(np.full(elements - 1, 1 / elements), 1.0)
    polytope = ConvexHull(np.vstack([data, top]), qhull_options="Qt")
    lower = polytope.equations[:, -2] < -_UPRIGHT
    normals, offsets = polytope.equations[lower, :-1], polytope.equations[lower, -1]
    # normal * (shares, energy) + offset = 0, solved for the energy.
    slopes = -normals[:, :-1] / normals[:, -1:]
    first = -offsets / normals[:, -1]
    planes = depth * np.column_stack([first, first[:, None] + slopes])
    return polytope.simplices[lower].astype(np.int64), planes
