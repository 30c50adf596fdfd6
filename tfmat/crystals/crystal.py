"""A crystal as plain arrays: what datasets store and voxels are made from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

# Oganesson; anything above is no element.
MAX_ATOMIC_NUMBER = 118
SHORTEST_EDGE, LONGEST_EDGE = 0.5, 1e4
"""Edges of a cell in Å: no atom fits into a shorter one, nothing here works with longer ones."""
FARTHEST = 1e6
"""How far from the origin (Å) a position may lie before its digits say nothing of its place."""


@dataclass(frozen=True, eq=False)
class Crystal:
    """An ordered crystal structure.

    Args:
        lattice: Cell vectors as rows, in Å, shape ``(3, 3)``, float64.
        positions: Cartesian positions in Å, shape ``(atoms, 3)``, float64.
        numbers: Atomic numbers, shape ``(atoms,)``, uint8.
    """

    lattice: NDArray[np.float64]
    positions: NDArray[np.float64]
    numbers: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def from_arrays(cls, lattice: object, positions: object, numbers: object) -> Crystal:
        """Checks and converts arrays.

        Args:
            lattice: Cell vectors as rows, in Å.
            positions: Cartesian positions in Å.
            numbers: Atomic numbers.

        Raises:
            InputError: No atoms, shapes that do not fit, values that are not finite, a flat cell,
                one beyond sense, or a number that belongs to no element.
        """
        cell = np.asarray(lattice, dtype=np.float64)
        points = np.asarray(positions, dtype=np.float64)
        atoms = np.asarray(numbers)
        if atoms.size == 0:
            raise InputError("the structure has no atoms")
        if cell.shape != (3, 3) or points.shape != (atoms.size, 3):
            raise InputError(
                f"the cell must have shape (3, 3) and the positions ({atoms.size}, 3), "
                f"not {cell.shape} and {points.shape}"
            )
        longest, farthest = float(np.abs(cell).max()), float(np.abs(points).max())
        if not (math.isfinite(longest) and math.isfinite(farthest)):
            raise InputError("the cell or a position is not a finite number")
        if longest > LONGEST_EDGE or farthest > FARTHEST:
            raise InputError(
                f"beyond sense: an edge of {longest:.3g} Å or a position {farthest:.3g} Å away"
            )
        _check_cell(cell)
        if atoms.min() < 1 or atoms.max() > MAX_ATOMIC_NUMBER:
            raise InputError(f"atomic number {atoms.min()} or {atoms.max()} belongs to no element")
        return cls(cell, points, atoms.astype(np.uint8))

    @classmethod
    def from_structure(cls, structure: Structure) -> Crystal:
        """Converts a pymatgen structure.

        Raises:
            InputError: The structure is not periodic, disordered, holds no real element, or fails
                :meth:`from_arrays`.
        """
        if not all(structure.pbc):
            raise InputError(f"not periodic: pbc is {structure.pbc}")
        if not structure.is_ordered:
            raise InputError("disordered: a site holds several species or is partly occupied")
        numbers = []
        for site in structure:
            # A dummy species (X, Vac) has a number, too: a hash of its name.
            number = getattr(site.specie, "Z", 0)
            if not 1 <= number <= MAX_ATOMIC_NUMBER:
                symbol = getattr(site.specie, "symbol", site.species_string)
                raise InputError(f"unknown element: {symbol!r}")
            numbers.append(number)
        return cls.from_arrays(structure.lattice.matrix, structure.cart_coords, numbers)

    def flaw(self) -> str:
        """Returns what of it :meth:`from_arrays` refuses, ``""`` if nothing.

        A dataset may be older than these checks, or by somebody who has none; a cell of nothing
        keeps searches for neighbours busy for ever.
        """
        try:
            self.from_arrays(self.lattice, self.positions, self.numbers)
        except InputError as error:
            return str(error)
        return ""

    def to_structure(self) -> Structure:
        """Returns the pymatgen structure with the same cell vectors and positions."""
        from pymatgen.core import Structure

        return Structure(
            self.lattice,
            [int(number) for number in self.numbers],
            self.positions,
            coords_are_cartesian=True,
        )

    def to_atoms(self) -> Atoms:
        """Returns the periodic ASE atoms with the same cell vectors and positions."""
        from ase import Atoms

        return Atoms(self.numbers, self.positions, cell=self.lattice, pbc=True)


def _check_cell(cell: NDArray[np.float64]) -> None:
    """Refuses a flat cell, and one in which an atom has no place beside its own images."""
    # Plain numbers: for nine of them NumPy's calls take many times longer.
    a, b, c = cell.tolist()
    normals = [_cross(b, c), _cross(c, a), _cross(a, b)]
    lengths = [math.hypot(*vector) for vector in (a, b, c)]
    volume = abs(sum(x * y for x, y in zip(a, normals[0], strict=True)))
    if volume <= 1e-4 * math.prod(lengths):
        raise InputError("the cell has no volume")
    if min(lengths) < SHORTEST_EDGE:
        raise InputError(f"beyond sense: the cell has an edge of {min(lengths):.3g} Å")
    # Every step to an image is at least as long as one of the cell's heights. A lower cell may
    # still be sound, described by needlessly long vectors.
    if volume / max(math.hypot(*normal) for normal in normals) < SHORTEST_EDGE:
        from tfmat.crystals.niggli import niggli_lattice

        shortest = float(np.linalg.norm(niggli_lattice(cell), axis=1).min())
        if shortest < SHORTEST_EDGE:
            raise InputError(f"beyond sense: an atom is {shortest:.3g} Å from its own image")


def _cross(first: list[float], second: list[float]) -> tuple[float, float, float]:
    (a, b, c), (d, e, f) = first, second
    return b * f - c * e, c * d - a * f, a * e - b * d
