"""What the potentials that see many crystals at once have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.potentials.calculator import Evaluation

# Polonium to radium have rows in some embeddings, but were in none of the structures of MPtrj,
# which all of these potentials learned.
MPTRJ_ELEMENTS = frozenset(range(1, 95)) - frozenset(range(84, 89))


class Network(Protocol):
    """Weights arranged for batches."""

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``."""
        ...

    def evaluate(
        self, crystals: Sequence[Crystal]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], NDArray[np.float64]]:
        """Returns energies (eV/atom), forces (eV/Å) and stresses (eV/Å³)."""
        ...


class BatchedCalculator(ABC):
    """A potential that is asked in batches, of crystals that it can answer for.

    A subclass sets ``name``, ``version``, ``scale`` and ``weights_sha256``, and says with
    :meth:`network` which weights answer.

    Attributes:
        most_crystals: Crystals in a batch.
        most_atoms: Atoms in a batch; a single crystal may have more.
        smallest_volume: Å³ for each atom; of a denser crystal the energy is unknown. Nothing in any
            training was as dense, and the neighbours would fill the memory.
    """

    name: str
    version: str
    scale: str
    weights_sha256: str
    most_crystals: ClassVar[int]
    most_atoms: ClassVar[int]
    smallest_volume: ClassVar[float] = 1.0

    @abstractmethod
    def network(self, crystals: Sequence[Crystal]) -> Network:
        """Returns the weights that answer for a batch."""

    def correction(self, numbers: NDArray[np.uint8]) -> float:
        """Returns what is taken off the energy of a compound, eV/atom: nothing by default."""
        return 0.0

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``; NaN where the potential fails."""
        values = np.full(len(crystals), np.nan)
        for rows in self._batches(crystals):
            part = [crystals[row] for row in rows]
            values[rows] = self.network(part).energies(part)
        return values - [self.correction(crystal.numbers) for crystal in crystals]

    def evaluate(self, crystals: Sequence[Crystal]) -> Evaluation:
        """Returns energies, forces and stresses; NaN where the potential fails."""
        found = Evaluation.unknown(crystals)
        for rows in self._batches(crystals):
            part = [crystals[row] for row in rows]
            energies, forces, stresses = self.network(part).evaluate(part)
            found.energies[rows] = energies - [self.correction(item.numbers) for item in part]
            found.stresses[rows] = stresses
            for row, force in zip(rows, forces, strict=True):
                found.forces[row] = force
        return found

    def covers(self, numbers: NDArray[np.uint8]) -> bool:
        """Says whether it has learned all of these elements.

        Args:
            numbers: Atomic numbers.
        """
        return MPTRJ_ELEMENTS.issuperset(int(number) for number in np.unique(numbers))

    def _batches(self, crystals: Sequence[Crystal]) -> Iterator[list[int]]:
        sound = [
            row
            for row, crystal in enumerate(crystals)
            if self.covers(crystal.numbers)
            and abs(np.linalg.det(crystal.lattice)) > self.smallest_volume * len(crystal)
        ]
        batch: list[int] = []
        atoms = 0
        for row in sound:
            full = len(batch) == self.most_crystals or atoms + len(crystals[row]) > self.most_atoms
            if batch and full:
                yield batch
                batch, atoms = [], 0
            batch.append(row)
            atoms += len(crystals[row])
        if batch:
            yield batch
