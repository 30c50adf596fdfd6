"""How close the atoms of a crystal come, in covalent radii, and how much room they have."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.neighbours import neighbours

# Bonds longer than this many sums of covalent radii count nothing: each less than 1/64.
_REACH = 2.0
_EXPONENT = 6


def shortest_contact(crystal: Crystal) -> float:
    """Returns the shortest distance between two atoms over the sum of their covalent radii.

    Radii: Cordero et al., Dalton Trans. 2832 (2008), from ASE. A chemical bond gives about 1.

    Args:
        crystal: Any crystal; periodic images count.

    Returns:
        The ratio, without unit.
    """
    radii = covalent_radii[crystal.numbers]
    # No packing of equal spheres is denser than fcc, so some pair lies within 2^(1/6) (V/n)^(1/3);
    # a longer pair can win only by the ratio of the radii.
    spacing = volume_per_atom(crystal) ** (1 / 3)
    cutoff = 1.13 * spacing * radii.max() / radii.min()
    first, second, _, distance = neighbours(crystal, cutoff)
    return float((distance / (radii[first] + radii[second])).min())


def bond_sums(crystal: Crystal) -> NDArray[np.float64]:
    """Returns for each atom how strongly it is bound to all others, as a sum over its bonds.

    A bond of the length of both covalent radii counts 1, a longer one less, by the power law of
    bond valence of Brown and Shannon, Acta Cryst. A29, 266 (1973), with the exponent 6, from the
    middle of theirs. An atom that nothing is near has 0, one that is squeezed a large sum.

    Args:
        crystal: Any crystal; periodic images count.

    Returns:
        Shape ``(atoms,)``, without unit.
    """
    radii = covalent_radii[crystal.numbers]
    first, second, _, distance = neighbours(crystal, 2 * _REACH * float(radii.max()))
    ratio = distance / (radii[first] + radii[second])
    near = ratio <= _REACH
    sums = np.bincount(first[near], ratio[near] ** -_EXPONENT, len(crystal))
    return np.asarray(sums, np.float64)


def volume_per_atom(crystal: Crystal) -> float:
    """Returns the volume of a crystal's cell divided by its atoms, in Å³."""
    return float(abs(np.linalg.det(crystal.lattice))) / len(crystal)


def touching(crystal: Crystal) -> Crystal:
    """Returns the crystal scaled so that its closest pair of atoms just touches (contact 1)."""
    return scaled(crystal, 1 / shortest_contact(crystal))


def scaled(crystal: Crystal, factor: float) -> Crystal:
    """Returns the crystal with every length multiplied by ``factor``."""
    return Crystal(crystal.lattice * factor, crystal.positions * factor, crystal.numbers)
