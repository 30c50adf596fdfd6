"""Atomic environments as numbers: for each atom smeared distances to the atoms of each element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.pairs import Pairs, pairs_within
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

# Standard deviations from a centre beyond which a Gaussian is left out: 4e-6 of its height.
_TAIL = 5.0
# A distance at which a Gaussian has its own height; a shell at twice that counts a quarter.
_UNIT_DISTANCE = 3.0
# Volume per atom that is zero on the logarithmic scale, Å³.
_UNIT_VOLUME = 30.0


@dataclass(frozen=True)
class Descriptor:
    """What is seen of an atom: the distances to its neighbours, its element, the volume per atom.

    For each element of the system there is a row of Gaussians of distance, each summed over the
    neighbours of that element and weighted by (3 Å / centre)², since a shell holds the more atoms
    the farther it is. The first Gaussian is flat below its centre, so that atoms on one another
    are seen as well. Then come a 1 for the atom's own element and 0 for others, and the logarithm
    of the volume per atom. All of it is smooth in the positions, and the same in every cell of a
    crystal and every order of its atoms.

    Args:
        numbers: Atomic numbers of the system's elements, in the order of their rows.
        shortest: Centre of the first Gaussian, in Å.
        longest: Centre of the last Gaussian, in Å, at least ``shortest``.
        spacing: Between centres, in Å.
        width: Standard deviation of the Gaussians, in Å.
    """

    numbers: tuple[int, ...]
    shortest: float = 1.8
    longest: float = 7.0
    spacing: float = 0.2
    width: float = 0.15

    @property
    def centres(self) -> NDArray[np.float64]:
        """Centres of the Gaussians in Å, shape ``(gaussians,)``."""
        count = round((self.longest - self.shortest) / self.spacing) + 1
        return np.asarray(self.shortest + self.spacing * np.arange(count), dtype=np.float64)

    @property
    def cutoff(self) -> float:
        """Distance in Å beyond which an atom is not seen."""
        return float(self.centres[-1] + _TAIL * self.width)

    @property
    def size(self) -> int:
        """Numbers for each atom: 57 for two elements."""
        return len(self.numbers) * (len(self.centres) + 1) + 1

    @property
    def elements(self) -> slice:
        """Where the atom's own element stands among the numbers."""
        start = len(self.numbers) * len(self.centres)
        return slice(start, start + len(self.numbers))

    def describe(self, crystals: Sequence[Crystal]) -> NDArray[np.float32]:
        """Returns the environments of all atoms, crystal by crystal.

        Args:
            crystals: Crystals of these elements, in any cells.

        Returns:
            Shape ``(atoms of all crystals, size)``.

        Raises:
            InputError: A crystal holds another element.
        """
        if not crystals:
            return np.zeros((0, self.size), dtype=np.float32)
        numbers = np.concatenate([crystal.numbers for crystal in crystals]).astype(np.intp)
        elements = self._elements_of(numbers)
        volumes = np.abs(np.linalg.det(np.stack([crystal.lattice for crystal in crystals])))
        sizes = np.array([len(crystal) for crystal in crystals])
        found = np.zeros((len(numbers), self.size))
        found[:, : self.elements.start] = self._distances(crystals, elements)
        found[np.arange(len(numbers)), self.elements.start + elements] = 1
        found[:, -1] = np.repeat(np.log(volumes / sizes / _UNIT_VOLUME), sizes)
        return found.astype(np.float32)

    def padded(self, crystals: Sequence[Crystal], most_atoms: int) -> NDArray[np.float32]:
        """Returns the environments as networks take them: rows of zeros behind the last atom.

        Args:
            crystals: Crystals of these elements, in any cells.
            most_atoms: Rows for each crystal.

        Returns:
            Shape ``(n, most_atoms, size)``.

        Raises:
            InputError: A crystal holds another element, or too many atoms.
        """
        sizes = np.array([len(crystal) for crystal in crystals], dtype=np.intp)
        if len(sizes) and sizes.max() > most_atoms:
            raise InputError(
                f"a structure of {sizes.max()} atoms does not fit networks of {most_atoms}; "
                "leave it out, or train with a larger data.max_atoms"
            )
        rows = np.zeros((len(crystals), most_atoms, self.size), dtype=np.float32)
        rows[np.arange(most_atoms) < sizes[:, None]] = self.describe(crystals)
        return rows

    def _elements_of(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """Returns the place of each atom's element among those of the system."""
        matches = numbers[:, None] == np.array(self.numbers)
        if not matches.any(axis=1).all():
            from ase.data import chemical_symbols

            alien = numbers[~matches.any(axis=1)][0]
            known = ", ".join(chemical_symbols[number] for number in self.numbers)
            raise InputError(
                f"a structure holds {chemical_symbols[alien]}, which is none of {known}, the "
                "elements of the networks; leave it out"
            )
        return np.asarray(matches.argmax(axis=1))

    def _distances(
        self, crystals: Sequence[Crystal], elements: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Returns the sums of Gaussians, shape ``(atoms, elements x centres)``."""
        found = np.zeros((len(elements), len(self.numbers), len(self.centres)))
        for pairs in pairs_within(crystals, self.cutoff):
            found[pairs.atoms] = self._sums(pairs, elements[pairs.atoms])
        found *= (_UNIT_DISTANCE / self.centres) ** 2
        return found.reshape(len(elements), -1)

    def _sums(self, pairs: Pairs, elements: NDArray[np.intp]) -> NDArray[np.float64]:
        """Returns the sums of Gaussians of some atoms, ``(atoms, elements, centres)``."""
        # Gaussians that a distance reaches on either side of the nearest one; columns for those
        # that are none lie on both sides.
        side = int(np.ceil(_TAIL * self.width / self.spacing))
        shape = (len(elements), len(self.numbers), len(self.centres) + 3 * side)
        first = (pairs.first * len(self.numbers) + elements[pairs.second]) * shape[2]
        second = (pairs.second * len(self.numbers) + elements[pairs.first]) * shape[2]
        # An atom's own images come on either side, so each counts half for either atom.
        share = np.where(pairs.first == pairs.second, 0.5, 1.0)
        sums = np.zeros(shape[0] * shape[1] * shape[2])

        def add(rows: Any, columns: NDArray[np.intp], heights: NDArray[np.float64]) -> None:
            for places in (first[rows], second[rows]):
                sums[:] += np.bincount(places + columns, heights, len(sums))

        everywhere = slice(None)
        beyond = pairs.distances - self.shortest
        nearest = np.maximum(np.rint(beyond / self.spacing).astype(np.intp), 0)
        off = (beyond - self.spacing * nearest) / self.width
        middle = share * np.exp(-0.5 * off * off)
        step = self.spacing / self.width
        add(everywhere, nearest + side, middle)
        for sign in (-1, 1):
            # exp(-(off - k step)²/2) is exp(-off²/2) exp(off step)^k exp(-(k step)²/2).
            ratio, height = np.exp(sign * step * off), middle
            for k in range(1, side + 1):
                height = height * ratio
                value = height * np.exp(-0.5 * (k * step) ** 2)
                add(everywhere, nearest + side + sign * k, value)
        close = np.flatnonzero(beyond < 0)
        flat = share[close] * (1 - np.exp(-0.5 * (beyond[close] / self.width) ** 2))
        add(close, np.full(len(close), side), flat)
        return sums.reshape(shape)[:, :, side : side + len(self.centres)]
