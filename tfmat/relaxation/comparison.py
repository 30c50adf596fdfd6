"""What a relaxation changed: volume, positions, symmetry, and whether the prototype stayed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import matchers
from tfmat.crystals.symmetry import space_group
from tfmat.relaxation.databases.prototype_labels import prototype_label

# Distance within which atoms count as equivalent, Å.
SYMPREC = 0.1


@dataclass(frozen=True)
class Label:
    """Symmetry of a structure.

    Attributes:
        space_group: International number, 0 where none is found.
        prototype: AFLOW's label, ``""`` where none fits.
    """

    space_group: int
    prototype: str


def label(crystal: Crystal) -> Label:
    """Finds the space group (spglib, symprec 0.1 Å) and the AFLOW prototype of a structure."""
    return Label(space_group(crystal, SYMPREC)[1], prototype_label(crystal, SYMPREC))


def same_arrangement(before: Crystal, after: Crystal) -> bool:
    """Tells whether pymatgen's StructureMatcher takes two structures for the same.

    Tolerances are the papers' (ltol 0.2, stol 0.3, angle_tol 5; paper 004, Methods), species must
    be the same, and volumes are scaled to each other. Primitive cells are compared, and where they
    do not match the cells as they are: noise in a cell can keep its primitive one from being found.

    Args:
        before: A structure.
        after: Another one.
    """
    pair = before.to_structure(), after.to_structure()
    return any(judge.fit(*pair) for judge in matchers())


def volume_change(before: Crystal, after: Crystal) -> float:
    """Returns the volume after over the volume before, minus 1."""
    return float(abs(np.linalg.det(after.lattice) / np.linalg.det(before.lattice))) - 1


def rms_displacement(before: Crystal, after: Crystal) -> float:
    """Returns the root mean square displacement of the atoms within the cell, in Å.

    Fractional coordinates are compared, each atom with its own nearest image, and measured in the
    cell after. What all atoms have in common (a shift of the whole crystal) and the change of the
    cell itself are not counted.

    Args:
        before: A structure.
        after: The same atoms in the same order.
    """
    moved = after.positions @ np.linalg.inv(after.lattice)
    moved -= before.positions @ np.linalg.inv(before.lattice)
    # The common shift is measured from one atom first: atoms near a border may come back on the
    # other side of it.
    moved -= moved[0]
    moved -= np.round(moved)
    moved -= moved.mean(axis=0)
    return float(np.sqrt(np.mean(np.sum((moved @ after.lattice) ** 2, axis=1))))
