"""The universal potential CHGNet as a calculator, many crystals at once on a CPU."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.errors import require
from tfmat.relaxation.potentials.calculator import Calculator, Evaluation
from tfmat.relaxation.potentials.chgnet_network import ChgnetNetwork
from tfmat.relaxation.potentials.corrections import anion_correction

# Larger batches are no faster, since their arrays no longer fit the cache, and an atom of a dense
# metal takes 4 MB.
_CRYSTALS, _ATOMS = 32, 640
# Nothing in its training was as dense by far, and the neighbours would fill the memory, Å³.
_SMALLEST_VOLUME = 1.0
# Polonium to radium have rows in its embedding, but were in none of the structures it learned.
ELEMENTS = frozenset(range(1, 95)) - frozenset(range(84, 89))


class ChgnetCalculator:
    """CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), with the weights of its package.

    It learned energies that carry the Materials Project's 2020 anion corrections, which elements
    do not have: formation energies of selenides would come out 0.47 eV too low for each Se. The
    correction is taken off, which gives the uncorrected PBE scale of the papers.

    Raises:
        MissingExtraError: The extra ``[relax]`` is not installed.
    """

    def __init__(self) -> None:
        package = require("chgnet.model", "relax", "labelling with CHGNet")
        torch = require("torch", "relax", "labelling with CHGNet")
        # Processes are the parallel unit, and one thread gives the same sums every time.
        torch.set_num_threads(1)
        # CHGNet greets on standard output, which belongs to the command's own summary.
        with contextlib.redirect_stdout(io.StringIO()):
            model = package.CHGNet.load(use_device="cpu", verbose=False)
        self._network = ChgnetNetwork(model)
        self.name = "CHGNet"
        self.version = f"{version('chgnet')}, weights {model.version}"
        self.scale = f"CHGNet weights {model.version}: PBE, MP2020 anion correction taken off"

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``; NaN where the potential fails."""
        values = np.full(len(crystals), np.nan)
        for rows in self._batches(crystals):
            values[rows] = self._network.energies([crystals[row] for row in rows])
        return values - [anion_correction(crystal.numbers) for crystal in crystals]

    def evaluate(self, crystals: Sequence[Crystal]) -> Evaluation:
        """Returns energies, forces and stresses; NaN where the potential fails."""
        found = Evaluation.unknown(crystals)
        for rows in self._batches(crystals):
            part = [crystals[row] for row in rows]
            energies, forces, stresses = self._network.evaluate(part)
            corrections = [anion_correction(crystal.numbers) for crystal in part]
            found.energies[rows] = energies - corrections
            found.stresses[rows] = stresses
            for row, force in zip(rows, forces, strict=True):
                found.forces[row] = force
        return found

    def covers(self, numbers: NDArray[np.uint8]) -> bool:
        """Says whether it has learned all of these elements.

        Args:
            numbers: Atomic numbers.
        """
        return ELEMENTS.issuperset(int(number) for number in np.unique(numbers))

    def _batches(self, crystals: Sequence[Crystal]) -> Iterator[list[int]]:
        sound = [
            row
            for row, crystal in enumerate(crystals)
            if self.covers(crystal.numbers)
            and abs(np.linalg.det(crystal.lattice)) > _SMALLEST_VOLUME * len(crystal)
        ]
        batch: list[int] = []
        atoms = 0
        for row in sound:
            if batch and (len(batch) == _CRYSTALS or atoms + len(crystals[row]) > _ATOMS):
                yield batch
                batch, atoms = [], 0
            batch.append(row)
            atoms += len(crystals[row])
        if batch:
            yield batch


def chgnet() -> Calculator:
    """Returns the calculator that ``tfmat data build`` and ``tfmat relax`` use."""
    return ChgnetCalculator()
