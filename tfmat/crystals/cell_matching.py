"""Reduced cells compared as StructureMatcher does, without the steps that cannot end in a match.

pymatgen's matcher tries every basis of one lattice that resembles the other's cell: for each it
builds lattices, and only then asks whether the atoms are near each other. Most of the time goes
into building for bases under which no atoms are. Here the bases of a pair are computed together as
arrays, pymatgen's own test of the atoms (``is_coord_subset_pbc``) is asked first, with tolerances
widened by far more than rounding, and what stays goes to pymatgen's matching as it is, in the same
order. The verdicts and distances are therefore the matcher's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice
from pymatgen.util.coord_cython import is_coord_subset_pbc

from tfmat.crystals.lattice_mappings import mappings
from tfmat.crystals.matching import ANGLE_TOLERANCE, LENGTH_TOLERANCE, SITE_TOLERANCE
from tfmat.crystals.reduced_cells import Cell

# Relative widening of the tolerances of what is only asked to save work; rounding is around 1e-13.
_SLACK = 1e-6


# Fractional positions of both cells, the lattice between, and the basis in whole numbers.
Way = tuple[NDArray[np.float64], NDArray[np.float64], Lattice, NDArray[np.int64]]


class CellMatcher(StructureMatcher):
    """The papers' matcher for cells that are reduced already.

    Its two forms, with and without a primitive cell, differ in the cells alone that they are given
    (:class:`tfmat.crystals.reduced_cells.Reduced`).
    """

    def __init__(self) -> None:
        super().__init__(ltol=LENGTH_TOLERANCE, stol=SITE_TOLERANCE, angle_tol=ANGLE_TOLERANCE)

    def same(self, first: Cell, second: Cell) -> bool:
        """Tells whether ``fit(first, second, skip_structure_reduction=True)`` accepts.

        Args:
            first: A reduced cell.
            second: Another of the same reduced formula.
        """
        match = self._compare(first, second, rms=False)
        return match is not None and bool(match[0] <= self.stol)

    def distance(self, first: Cell, second: Cell) -> float | None:
        """Returns what ``get_rms_dist`` does of the structures that these are the cells of.

        Args:
            first: A reduced cell.
            second: Another of the same reduced formula.

        Returns:
            The least root mean square distance of the atoms, in units of the cube root of the
            volume for each atom; ``None`` if the cells do not match.
        """
        match = self._compare(first, second, rms=True)
        return None if match is None else float(match[0])

    def _compare(
        self, first: Cell, second: Cell, *, rms: bool
    ) -> tuple[float, NDArray[np.float64]] | None:
        if len(first) != len(second):
            return None
        # Both are scaled to the geometric mean of their volumes.
        volumes = (abs(np.linalg.det(cell.lattice)) for cell in (first, second))
        ratio = (1 / next(volumes) * next(volumes)) ** (1 / 6)
        pair = Sites.of(first, ratio), Sites.of(second, 1 / ratio)
        match = self._match(*pair, 1, use_rms=rms, break_on_match=not rms)
        return None if match is None else (match[0], match[1])

    def _get_mask(
        self, struct1: Sites, struct2: Sites, fu: int, s1_supercell: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.intp], int]:
        """As pymatgen's, of atomic numbers: which pairs may not be, and the atoms to lay on one."""
        other = struct2.numbers[:, None] != struct1.numbers
        rarest = int(other.sum(axis=1).argmax())
        return other.astype(np.int64), np.flatnonzero(~other[rarest]), rarest

    def _get_supercells(
        self, struct1: Sites, struct2: Sites, fu: int, s1_supercell: bool
    ) -> Iterator[Way]:
        """Yields pymatgen's bases in its order, without those under which atoms lie apart."""
        mask, anchors, anchor = self._get_mask(struct1, struct2, fu, s1_supercell)
        target = np.array(struct2.lattice.parameters)
        there = struct2.frac_coords
        for integers, vectors in mappings(struct1.lattice, target, self.ltol, self.angle_tol):
            spanning = np.abs(np.abs(np.linalg.det(integers)) - 1) < 0.5
            integers, vectors = integers[spanning], vectors[spanning]
            turned = struct1.cart_coords @ np.linalg.inv(vectors)
            turned -= np.floor(turned)
            tolerances = _tolerances((_parameters(vectors) + target) / 2, len(struct1))
            shifts = turned[:, anchors] - there[anchor]
            for basis, here in enumerate(turned):
                if not any(
                    is_coord_subset_pbc(there + shift, here, tolerances[basis], mask)
                    for shift in shifts[basis]
                ):
                    continue
                lattice = Lattice(vectors[basis])
                average = (np.array(lattice.parameters) + target) / 2
                yield here, there, Lattice.from_parameters(*average), integers[basis]


@dataclass(frozen=True, eq=False)
class Sites:
    """What the matching reads of a structure, without an object for every atom."""

    lattice: Lattice
    frac_coords: NDArray[np.float64]
    cart_coords: NDArray[np.float64]
    numbers: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def of(cls, cell: Cell, scale: float) -> Sites:
        """Takes a cell, with its edges scaled."""
        lattice = Lattice(cell.lattice * scale)
        return cls(lattice, cell.fractional, cell.fractional @ lattice.matrix, cell.numbers)


def _parameters(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns lengths and angles (degrees) of cells, shape ``(n, 6)``."""
    lengths = np.linalg.norm(vectors, axis=2)
    unit = vectors / lengths[..., None]
    cosines = np.stack([(unit[:, i] * unit[:, j]).sum(1) for i, j in ((1, 2), (0, 2), (0, 1))], 1)
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))], axis=1)


def _tolerances(parameters: NDArray[np.float64], atoms: int) -> NDArray[np.float64]:
    """Returns how far fractional coordinates may be apart, widened, shape ``(n, 3)``.

    That is twice ``stol`` cube roots of the volume for each atom, in units of the distance of the
    lattice planes. A cell that no such parameters span excludes nothing.
    """
    a, b, c = parameters[:, :3].T
    p, q, r = np.cos(np.radians(parameters[:, 3:])).T
    flat = 1 - p * p - q * q - r * r + 2 * p * q * r
    height = np.sqrt(np.maximum(flat, 1e-12))
    volume = a * b * c * height
    sines = np.sqrt(1 - np.stack([p, q, r], axis=1) ** 2)
    spacing = height[:, None] * parameters[:, :3] / sines
    tolerance = 2 * SITE_TOLERANCE * (volume[:, None] / atoms) ** (1 / 3) / spacing
    tolerance[flat < 1e-6] = np.inf
    return np.ascontiguousarray(tolerance * (1 + _SLACK))
