"""pymatgen's search for the bases of a lattice that resemble another's cell, all bases at once.

``Lattice.find_all_mappings`` builds a lattice for every basis that it finds. Here the bases are
rows of arrays, in its order, from the same formulas, so that not even a border case falls
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice

# Combinations of three lattice vectors that are looked at together.
_BLOCK = 1_000_000


class QuickLattice(Lattice):
    """A lattice of pymatgen whose Niggli cell takes less time, and is the same digit by digit."""

    def find_all_mappings(
        self,
        other_lattice: Lattice,
        ltol: float = 1e-5,
        atol: float = 1,
        skip_rotation_matrix: bool = False,
    ) -> Iterator[tuple[Lattice, NDArray[np.float64] | None, NDArray[np.int64]]]:
        """As in pymatgen: the bases of this lattice that resemble another's cell."""
        for integers, vectors in mappings(self, np.array(other_lattice.parameters), ltol, atol):
            for basis in np.flatnonzero(np.abs(np.linalg.det(integers)) >= 1e-8):
                aligned = vectors[basis]
                turned = None
                if not skip_rotation_matrix:
                    turned = np.linalg.solve(aligned, other_lattice.matrix)
                yield type(self)(aligned), turned, integers[basis]


def mappings(
    lattice: Lattice, target: NDArray[np.float64], length_tolerance: float, angle_tolerance: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yields the bases of a lattice that resemble a cell, many at a time.

    Args:
        lattice: The lattice.
        target: Lengths (Å) and angles (degrees) of the cell, shape ``(6,)``.
        length_tolerance: Lengths may differ by the factor of 1 and this.
        angle_tolerance: Angles may differ by so many degrees.

    Yields:
        The bases as whole multiples of the lattice's vectors, shape ``(n, 3, 3)``, and as vectors
        in Å, shape ``(n, 3, 3)``; also such that span only a part of the lattice, or a plane.
    """
    factor = 1 + length_tolerance
    integers, lengths, _, _ = lattice.get_points_in_sphere(
        [[0, 0, 0]], [0, 0, 0], max(target[:3]) * factor, zip_results=False
    )
    vectors = lattice.get_cartesian_coords(integers)
    near = [(lengths / edge < factor) & (lengths / edge > 1 / factor) for edge in target[:3]]
    sides = [vectors[rows] for rows in near]
    whole = [integers[rows].astype(np.int64) for rows in near]
    size = [np.sum(side**2, axis=-1) ** 0.5 for side in sides]

    def similar(first: int, second: int, angle: float) -> NDArray[np.bool_]:
        cosines = np.inner(sides[first], sides[second]) / size[first][:, None] / size[second]
        angles = np.rad2deg(np.arccos(np.minimum(np.maximum(cosines, -1), 1)))
        return np.asarray(np.abs(angles - angle) <= angle_tolerance)

    alpha, beta, gamma = (
        similar(1, 2, target[3]),
        similar(0, 2, target[4]),
        similar(0, 1, target[5]),
    )
    step = max(1, _BLOCK // max(1, alpha.size))
    for start in range(0, len(gamma), step):
        rows = slice(start, start + step)
        i, j, k = np.nonzero(gamma[rows, :, None] & beta[rows, None] & alpha)
        i += start
        if len(i):
            yield (
                np.stack([whole[0][i], whole[1][j], whole[2][k]], axis=1),
                np.stack([sides[0][i], sides[1][j], sides[2][k]], axis=1),
            )
