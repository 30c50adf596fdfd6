"""Crystals reduced once, so that comparing one with thousands does not reduce it each time.

pymatgen's StructureMatcher takes every pair through the Niggli reduction and, in its form
``primitive_cell=True``, through the search for a primitive cell. Both see one crystal at a time, so
they can be done beforehand (``skip_structure_reduction=True``) without changing a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.smaller_cells import may_be_smaller

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True, eq=False)
class Cell:
    """A reduced cell, with every number as pymatgen computed it.

    Args:
        lattice: Cell vectors as rows, in Å, shape ``(3, 3)``.
        fractional: Fractional positions, shape ``(atoms, 3)``.
        numbers: Atomic numbers, shape ``(atoms,)``, uint8.
    """

    lattice: NDArray[np.float64]
    fractional: NDArray[np.float64]
    numbers: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def from_structure(cls, structure: Structure) -> Cell:
        """Takes the arrays out of an ordered structure."""
        return cls(
            np.array(structure.lattice.matrix, dtype=np.float64),
            np.array(structure.frac_coords, dtype=np.float64).reshape(-1, 3),
            np.array([site.specie.Z for site in structure], dtype=np.uint8),
        )

    def to_structure(self) -> Structure:
        """Returns the pymatgen structure with exactly these numbers."""
        from pymatgen.core import Structure

        return Structure(self.lattice, [int(number) for number in self.numbers], self.fractional)


@dataclass(frozen=True, eq=False)
class Reduced:
    """The two cells in which StructureMatcher compares a crystal.

    Args:
        niggli: The Niggli cell: what ``primitive_cell=False`` compares.
        primitive: The primitive cell found in it, which ``primitive_cell=True`` compares; the same
            object as ``niggli`` where no smaller cell was found.
    """

    niggli: Cell
    primitive: Cell

    @property
    def shrunk(self) -> bool:
        """Whether the primitive cell is smaller than the Niggli cell."""
        return self.primitive is not self.niggli


def reduce(crystal: Crystal) -> Reduced | None:
    """Reduces a crystal as StructureMatcher does before it compares.

    Args:
        crystal: Any crystal.

    Returns:
        Its cells; ``None`` if pymatgen finds no Niggli cell, or would search for ever in a cell
        beyond sense, so that it matches nothing.
    """
    if crystal.flaw():
        return None
    try:
        niggli = _niggli(crystal)
        if not may_be_smaller(niggli.lattice, niggli.fractional, niggli.numbers):
            return Reduced(niggli, niggli)
        primitive = niggli.to_structure().get_primitive_structure()
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return None
    # The search only ever returns the cell itself or one with fewer atoms.
    if len(primitive) == len(niggli):
        return Reduced(niggli, niggli)
    return Reduced(niggli, Cell.from_structure(primitive))


def _niggli(crystal: Crystal) -> Cell:
    """Returns ``get_reduced_structure("niggli")``, without an object for every atom.

    Raises:
        ValueError: pymatgen finds no such cell.
    """
    from tfmat.crystals.lattice_mappings import QuickLattice

    given = QuickLattice(crystal.lattice)
    lattice = given.get_niggli_reduced_lattice()
    # Atom by atom and by way of the fractions, as there, so that no digit differs.
    fractions = [given.get_fractional_coords(place) for place in crystal.positions]
    if lattice == given:
        return Cell(given.matrix, np.array(fractions), crystal.numbers)
    places = [given.get_cartesian_coords(fraction) for fraction in fractions]
    wrapped = np.mod([lattice.get_fractional_coords(place) for place in places], 1)
    return Cell(lattice.matrix, wrapped, crystal.numbers)
