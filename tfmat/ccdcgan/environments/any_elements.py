"""Atomic environments of crystals of any elements, by what the elements are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tfmat.ccdcgan.element_descriptors import DESCRIPTORS, descriptors, properties
from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.pairs import Pairs, pairs_within
from tfmat.crystals.crystal import Crystal

# Neighbours farther than so many Å are not seen.
_REACH = 5.0
# Neighbours at a bond's length that count 1 together.
_SHELL = 4.0
# How a neighbour counts: as one, by its electronegativity against the atom's own, by the square of
# that difference, by its ionic radius against the atom's own, and if it is of the same element.
_WAYS = 5
_ELECTRONEGATIVITY, _IONIC_RADIUS = 0, 13


@dataclass(frozen=True)
class AnyElements(Descriptor):
    """What is seen of an atom, whichever elements there are.

    Distances are those over the sum of the covalent radii, so that bonds of all elements lie at
    about 1. Each Gaussian of them is summed over the neighbours in several ways, by what a
    neighbour is like beside the atom itself. Then come a 1 for the atom, its element's descriptors
    (:mod:`tfmat.ccdcgan.element_descriptors`), and the logarithm of the volume per atom over the
    mean volume of the atoms' covalent spheres. All of it is the same in every cell of a crystal and
    every order of its atoms.

    Args:
        numbers: Atomic numbers of elements; any may be there.
        shortest: Centre of the first Gaussian, as a share of the sum of the radii.
        longest: Centre of the last one.
        spacing: Between centres.
        width: Standard deviation of the Gaussians.
    """

    @property
    def size(self) -> int:
        """Numbers for each atom."""
        return _WAYS * len(self.centres) + 1 + DESCRIPTORS + 1

    @property
    def elements(self) -> slice:
        """Where the number stands that is 1 for every atom."""
        start = _WAYS * len(self.centres)
        return slice(start, start + 1)

    def describe(self, crystals: Sequence[Crystal]) -> NDArray[np.float32]:
        """Returns the environments of all atoms, crystal by crystal.

        Args:
            crystals: Crystals in any cells.

        Returns:
            Shape ``(atoms of all crystals, size)``.
        """
        if not crystals:
            return np.zeros((0, self.size), dtype=np.float32)
        numbers = np.concatenate([crystal.numbers for crystal in crystals]).astype(np.intp)
        sizes = np.array([len(crystal) for crystal in crystals])
        volumes = np.abs(np.linalg.det(np.stack([crystal.lattice for crystal in crystals])))
        spheres = 4 / 3 * np.pi * covalent_radii[numbers] ** 3
        starts = np.cumsum(sizes) - sizes
        own = self.elements.start
        found = np.zeros((len(numbers), self.size), np.float32)
        for pairs in pairs_within(crystals, _REACH):
            found[pairs.atoms, :own] = self._neighbours(pairs, numbers[pairs.atoms])
        found[:, own] = 1
        found[:, own + 1 : -1] = descriptors()[numbers]
        found[:, -1] = np.repeat(np.log(volumes / np.add.reduceat(spheres, starts)), sizes)
        return found

    def _neighbours(self, pairs: Pairs, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Returns the sums of Gaussians of some atoms, ``(atoms, ways x centres)``."""
        radii, table = covalent_radii[numbers], properties()[numbers]
        first, second = pairs.first, pairs.second
        ratio = pairs.distances / (radii[first] + radii[second])
        off = (ratio[:, None] - self.centres) / self.width
        # Flat below the first centre, so that atoms on one another are seen as well.
        off[:, 0] = np.maximum(off[:, 0], 0)
        heights = np.exp(-0.5 * off * off) / (_SHELL * self.centres**2)
        # An atom's own images come on either side, so each counts half for either atom.
        heights *= np.where(first == second, 0.5, 1.0)[:, None]
        sign = table[second] - table[first]
        along = sign[:, _ELECTRONEGATIVITY], sign[:, _IONIC_RADIUS]
        like = (numbers[first] == numbers[second]).astype(float)
        total = np.zeros((len(numbers), _WAYS, len(self.centres)))
        places = np.arange(len(first))
        for atom, turn in ((first, 1.0), (second, -1.0)):
            ways = (np.ones_like(like), turn * along[0], along[0] ** 2, turn * along[1], like)
            for way, weights in enumerate(ways):
                gathered = csr_array((weights, (atom, places)), (len(numbers), len(places)))
                total[:, way] += gathered @ heights
        return total.reshape(len(numbers), -1).astype(np.float32)
