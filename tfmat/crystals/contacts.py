"""How close the atoms of a crystal come, measured in covalent radii."""

from __future__ import annotations

import numpy as np

from tfmat.crystals.crystal import Crystal


def shortest_contact(crystal: Crystal) -> float:
    """Returns the shortest distance between two atoms over the sum of their covalent radii.

    Radii: Cordero et al., Dalton Trans. 2832 (2008), from ASE. A chemical bond gives about 1.

    Args:
        crystal: Any crystal; periodic images count.

    Returns:
        The ratio, without unit.
    """
    from ase.data import covalent_radii

    radii = covalent_radii[crystal.numbers]
    # No packing of equal spheres is denser than fcc, so some pair lies within 2^(1/6) (V/n)^(1/3);
    # a longer pair can win only by the ratio of the radii.
    spacing = (abs(np.linalg.det(crystal.lattice)) / len(crystal)) ** (1 / 3)
    cutoff = 1.13 * spacing * radii.max() / radii.min()
    first, second, _, distance = crystal.to_structure().get_neighbor_list(float(cutoff))
    return float((distance / (radii[first] + radii[second])).min())


def touching(crystal: Crystal) -> Crystal:
    """Returns the crystal scaled so that its closest pair of atoms just touches (contact 1)."""
    return scaled(crystal, 1 / shortest_contact(crystal))


def scaled(crystal: Crystal, factor: float) -> Crystal:
    """Returns the crystal with every length multiplied by ``factor``."""
    return Crystal(crystal.lattice * factor, crystal.positions * factor, crystal.numbers)
