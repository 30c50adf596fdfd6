"""Energies from an interatomic potential: what every calculator offers, ASE's and CHGNet's."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.crystal import Crystal
from tfmat.errors import require
from tfmat.relaxation.corrections import anion_correction

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The end of a relaxation.

    Attributes:
        crystal: The last geometry.
        energy: Its energy, eV/atom.
        converged: Whether the forces fell below the threshold.
    """

    crystal: Crystal
    energy: float
    converged: bool


class Calculator(Protocol):
    """What building a dataset needs of a potential.

    Attributes:
        name: Name of the potential, for the record.
        version: Its version.
        scale: What its energies mean, for the record.
    """

    name: str
    version: str
    scale: str

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``; NaN where the potential fails."""
        ...

    def relax(self, crystal: Crystal, *, steps: int, fmax: float) -> Relaxed:
        """Relaxes cell and positions for at most ``steps`` steps or to ``fmax`` eV/Å."""
        ...


class AseCalculator:
    """Any ASE calculator.

    Args:
        calculator: An ASE calculator with energies, forces and stresses.
        name: Name for the record.
        version: Version for the record; ASE's by default.
    """

    def __init__(self, calculator: Any, name: str, version: str = "") -> None:
        import ase

        self.name = name
        self.version = version or ase.__version__
        self.scale = "as the potential gives it"
        self._calculator = calculator

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``, computed one by one."""
        values = [self._energy(crystal) for crystal in crystals]
        return np.array(values, dtype=np.float64)

    def _energy(self, crystal: Crystal) -> float:
        return float(self._attach(crystal).get_potential_energy()) / len(crystal)

    def relax(self, crystal: Crystal, *, steps: int, fmax: float) -> Relaxed:
        """Relaxes cell and positions with FIRE.

        Args:
            crystal: Start.
            steps: At most so many steps.
            fmax: Largest force that counts as relaxed, eV/Å (cell gradients alike).
        """
        from ase.filters import FrechetCellFilter
        from ase.optimize import FIRE

        atoms = self._attach(crystal)
        with warnings.catch_warnings():
            # scipy's matrix logarithm warns of its own rounding on nearly undeformed cells.
            warnings.simplefilter("ignore")
            optimiser = FIRE(FrechetCellFilter(atoms), logfile=None)
            converged = bool(optimiser.run(fmax=fmax, steps=steps))
        end = Crystal(atoms.cell.array.copy(), atoms.positions.copy(), crystal.numbers)
        return Relaxed(end, float(atoms.get_potential_energy()) / len(end), converged)

    def _attach(self, crystal: Crystal) -> Atoms:
        from ase import Atoms

        return Atoms(
            crystal.numbers,
            crystal.positions,
            cell=crystal.lattice,
            pbc=True,
            calculator=self._calculator,
        )


class ChgnetCalculator(AseCalculator):
    """The universal potential CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)) on the CPU.

    It learned energies that carry the Materials Project's 2020 anion corrections, which elements
    do not have: formation energies of selenides would come out 0.47 eV too low for each Se. The
    correction is taken off, which gives the uncorrected PBE scale of the papers.

    Args:
        batch: Crystals in a batch.

    Raises:
        MissingExtraError: The extra ``[relax]`` is not installed.
    """

    def __init__(self, batch: int = 16) -> None:
        dynamics = require("chgnet.model.dynamics", "relax", "labelling with CHGNet")
        torch = require("torch", "relax", "labelling with CHGNet")
        # Processes are the parallel unit, and one thread gives the same sums every time.
        torch.set_num_threads(1)
        # CHGNet greets on standard output, which belongs to the command's own summary.
        with contextlib.redirect_stdout(io.StringIO()):
            calculator = dynamics.CHGNetCalculator(use_device="cpu", on_isolated_atoms="ignore")
        self._model = calculator.model
        self._batch = batch
        super().__init__(
            calculator, "CHGNet", f"{version('chgnet')}, weights {self._model.version}"
        )
        self.scale = "PBE: the MP2020 anion correction is taken off"

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``; NaN where no graph can be made."""
        import torch

        values = np.full(len(crystals), np.nan)
        graphs, rows = [], []
        for row, crystal in enumerate(crystals):
            try:
                graphs.append(self._model.graph_converter(crystal.to_structure()))
                rows.append(row)
            except ValueError:
                continue
        if graphs:
            with torch.no_grad():
                results = self._model.predict_graph(graphs, task="e", batch_size=self._batch)
            # A single graph comes back without a list around it.
            results = [results] if isinstance(results, dict) else results
            values[rows] = [float(result["e"]) for result in results]
        return values - [anion_correction(crystal.numbers) for crystal in crystals]

    def relax(self, crystal: Crystal, *, steps: int, fmax: float) -> Relaxed:
        """Relaxes cell and positions; arguments as for :meth:`AseCalculator.relax`."""
        end = super().relax(crystal, steps=steps, fmax=fmax)
        return replace(end, energy=end.energy - anion_correction(crystal.numbers))


def chgnet() -> Calculator:
    """Returns the calculator that ``tfmat data build`` uses."""
    return ChgnetCalculator()
