"""Which lattices StructureMatcher can map onto which: its first test, for thousands at once.

The test (``Lattice.find_all_mappings``): of two lattices scaled to one volume, the first must have
a basis whose three lengths are within the factor ``1 + ltol`` of the other's a, b, c, whose three
angles are within ``angle_tol``, and whose cell is as large (determinant 1 or -1). In the space of
(log a, log b, log c, alpha, beta, gamma) that is a box around each basis, so a tree of the known
lattices answers it for all of them.

Nothing here decides that structures match; it only says where they cannot. Every comparison is
widened by far more than rounding, so a pair that pymatgen would accept is never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tfmat.crystals.matching import ANGLE_TOLERANCE, LENGTH_TOLERANCE

# Relative slack of every comparison; rounding is around 1e-13.
SLACK = 1e-6
_LOG_LENGTH = float(np.log1p(LENGTH_TOLERANCE))
# Combinations of three vectors that are looked at together.
_BLOCK = 2_000_000


def unit_lattice(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scales cell vectors to volume 1 (StructureMatcher scales pairs to equal volumes).

    Args:
        lattice: Cell vectors as rows, shape ``(3, 3)``.
    """
    return np.asarray(lattice / abs(np.linalg.det(lattice)) ** (1 / 3))


def lattice_parameters(lattices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns lengths and angles of lattices.

    Args:
        lattices: Cell vectors as rows, shape ``(n, 3, 3)``.

    Returns:
        a, b, c in the unit of the lattices and alpha, beta, gamma in degrees, shape ``(n, 6)``.
    """
    lengths = np.linalg.norm(lattices, axis=-1)
    unit = lattices / lengths[..., None]
    cosines = np.stack(
        [(unit[:, i] * unit[:, j]).sum(axis=-1) for i, j in ((1, 2), (0, 2), (0, 1))], axis=-1
    )
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))], axis=-1)


@dataclass(frozen=True, eq=False)
class Mappings:
    """Bases of a lattice that resemble known cells; one row for each pair of the two.

    Args:
        known: Number of the known cell, shape ``(mappings,)``; rows of one follow each other.
        bases: The basis as integers to be multiplied with the cell vectors, shape
            ``(mappings, 3, 3)``.
        parameters: Lengths and angles of the basis, shape ``(mappings, 6)``.
    """

    known: NDArray[np.intp]
    bases: NDArray[np.float64]
    parameters: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.known)


class LatticeTree:
    """Known lattices, to be asked which of them a lattice can be mapped onto.

    Args:
        lattices: Reduced cell vectors as rows, scaled to volume 1, shape ``(n, 3, 3)``.
    """

    def __init__(self, lattices: Sequence[NDArray[np.float64]]) -> None:
        self.parameters = lattice_parameters(np.stack(lattices))
        self._tree = cKDTree(_scaled(self.parameters))
        self._lengths = np.sort(self.parameters[:, :3], axis=1)

    def mappings(
        self, lattice: NDArray[np.float64], allowed: NDArray[np.bool_] | None = None
    ) -> Mappings:
        """Finds all bases of a lattice that resemble the cells of known ones.

        Of a basis and its negative, which have equal lengths and angles, only one is given.

        Args:
            lattice: Cell vectors as rows, scaled to volume 1, shape ``(3, 3)``.
            allowed: Which known lattices are asked for, shape ``(n,)``; all by default.

        Returns:
            The mappings, those onto the nearest known cells first.
        """
        # The lengths of any basis, in ascending order, are no shorter than the successive minima of
        # the lattice. This also bounds how far the search for vectors has to go.
        minima = _successive_minima(lattice)
        factor = (1 + LENGTH_TOLERANCE) * (1 + SLACK)
        wanted: NDArray[np.bool_] = np.all(self._lengths * factor >= minima, axis=1)
        if allowed is not None:
            wanted &= allowed
        if not wanted.any():
            return Mappings(np.zeros(0, dtype=np.intp), np.zeros((0, 3, 3)), np.zeros((0, 6)))
        bases, parameters = self._bases(lattice, self.parameters[wanted])
        points = _scaled(parameters)
        found = self._tree.query_ball_point(points, 1 + SLACK, p=np.inf)
        sizes = np.fromiter(map(len, found), dtype=np.intp, count=len(found))
        known = np.fromiter((k for row in found for k in row), dtype=np.intp, count=sizes.sum())
        basis = np.repeat(np.arange(len(found)), sizes)
        known, basis = known[wanted[known]], basis[wanted[known]]
        distance = ((points[basis] - self._tree.data[known]) ** 2).sum(axis=1)
        nearest = np.full(len(self.parameters), np.inf)
        np.minimum.at(nearest, known, distance)
        order = np.lexsort((distance, known, nearest[known]))
        return Mappings(known[order], bases[basis[order]], parameters[basis[order]])

    def _bases(
        self, lattice: NDArray[np.float64], wanted: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns the bases that might resemble any of the wanted cells, and their parameters."""
        low, high = wanted.min(axis=0), wanted.max(axis=0)
        factor = (1 + LENGTH_TOLERANCE) * (1 + SLACK)
        # Cosines fall as angles grow.
        least = np.cos(np.radians(np.minimum(high[3:] + ANGLE_TOLERANCE, 180))) - SLACK
        most = np.cos(np.radians(np.maximum(low[3:] - ANGLE_TOLERANCE, 0))) + SLACK
        integers, vectors, lengths = _vectors_within(lattice, float(high[:3].max()) * factor)
        unit = vectors / lengths[:, None]
        a, b, c = (
            np.flatnonzero((lengths >= low[axis] / factor) & (lengths <= high[axis] * factor))
            for axis in range(3)
        )
        # Of each vector and its negative one will do for a.
        leading = integers[a][np.arange(len(a)), (integers[a] != 0).argmax(axis=1)]
        a = a[leading > 0]
        alpha, beta, gamma = (
            (cosines >= least[axis]) & (cosines <= most[axis])
            for axis, cosines in enumerate(
                (unit[b] @ unit[c].T, unit[a] @ unit[c].T, unit[a] @ unit[b].T)
            )
        )
        triples = [np.zeros((0, 3), dtype=np.intp)]
        step = max(1, _BLOCK // max(1, len(b) * len(c)))
        for start in range(0, len(a), step):
            rows = slice(start, start + step)
            together = np.argwhere(gamma[rows, :, None] & beta[rows, None] & alpha)
            together[:, 0] += start
            triples.append(together)
        i, j, k = np.concatenate(triples).T
        picks = np.stack([a[i], b[j], c[k]], axis=1)
        whole = np.abs(np.abs(_determinants(integers[picks])) - 1) < 0.5
        return integers[picks[whole]], lattice_parameters(vectors[picks[whole]])


def _scaled(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns parameters in units of the tolerances: within 1 of each other is similar."""
    return np.concatenate(
        [np.log(parameters[:, :3]) / _LOG_LENGTH, parameters[:, 3:] / ANGLE_TOLERANCE], axis=1
    )


def _vectors_within(
    lattice: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Returns the lattice vectors up to a length: as integers, Cartesian, and their lengths."""
    # A vector of length r reaches at most r times the reciprocal length in each direction.
    reach = np.floor(radius * np.linalg.norm(np.linalg.inv(lattice), axis=0) + SLACK)
    grids = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij")
    integers = np.stack(grids, axis=-1).reshape(-1, 3)
    vectors = integers @ lattice
    lengths = np.linalg.norm(vectors, axis=1)
    near = (lengths <= radius * (1 + SLACK)) & (lengths > 0)
    return integers[near], vectors[near], lengths[near]


def _successive_minima(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the lengths of the shortest three vectors that are independent, ascending."""
    _, vectors, lengths = _vectors_within(lattice, float(np.linalg.norm(lattice, axis=1).max()))
    order = np.argsort(lengths)
    vectors, lengths = vectors[order], lengths[order]
    unit = vectors / lengths[:, None]
    second = int((np.linalg.norm(np.cross(unit, unit[0]), axis=1) > SLACK).argmax())
    normal = np.cross(vectors[0], vectors[second])
    third = int((np.abs(unit @ normal) > SLACK * np.linalg.norm(normal)).argmax())
    return lengths[[0, second, third]]


def _determinants(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns determinants of integer matrices, exactly."""
    return np.asarray((matrices[:, 0] * np.cross(matrices[:, 1], matrices[:, 2])).sum(axis=-1))
