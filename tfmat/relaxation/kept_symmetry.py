"""Keeping the symmetry that a crystal starts with, as DFT programs do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.symmetry import ask_spglib

# Atoms that an operation brings so close together count as the same, Å. Structures in databases
# are symmetric to about a thousandth.
_PRECISION = 0.01


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The operations of a space group on the atoms of a cell.

    Attributes:
        rotations: On Cartesian row vectors, ``v @ rotation``, shape ``(operations, 3, 3)``.
        images: Atom on which every atom falls, shape ``(operations, atoms)``.
    """

    rotations: NDArray[np.float64]
    images: NDArray[np.intp]

    @classmethod
    def of(cls, crystal: Crystal) -> Symmetry:
        """Finds the operations of a crystal; the identity alone where none can be found.

        Args:
            crystal: Any crystal.
        """
        import spglib

        inverse = np.linalg.inv(crystal.lattice)
        fractional = crystal.positions @ inverse
        found = ask_spglib(spglib.get_symmetry, crystal, symprec=_PRECISION)
        nothing = cls(np.eye(3)[None], np.arange(len(crystal))[None])
        if found is None:
            return nothing
        turned = fractional @ found["rotations"].transpose(0, 2, 1) + found["translations"][:, None]
        # A tree, since supercells have thousands of operations.
        tree = cKDTree(_wrapped(fractional), boxsize=1)
        images = tree.query(_wrapped(turned))[1]
        if (np.sort(images, axis=1) != np.arange(len(crystal))).any():
            return nothing
        rotations = inverse @ found["rotations"].transpose(0, 2, 1) @ crystal.lattice
        # The cell is symmetric only to within the precision; the nearest true rotations are taken.
        left, _, right = np.linalg.svd(rotations)
        return cls(left @ right, images)

    def forces(self, forces: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the symmetric part of forces.

        Args:
            forces: One row for each atom, shape ``(atoms, 3)``.
        """
        summed = np.zeros_like(forces)
        np.add.at(summed, self.images, forces @ self.rotations)
        return summed / len(self.rotations)

    def stress(self, stress: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the symmetric part of a stress.

        Args:
            stress: Shape ``(3, 3)``.
        """
        turned = self.rotations.transpose(0, 2, 1) @ stress @ self.rotations
        return np.asarray(turned.mean(axis=0))


def _wrapped(fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns fractional coordinates from 0 to below 1."""
    wrapped = fractional % 1
    # The remainder of a tiny negative number rounds to 1.
    return np.where(wrapped == 1, 0.0, wrapped)
