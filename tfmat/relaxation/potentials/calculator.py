"""What relaxing and labelling need of a potential, and any ASE calculator as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a potential says of some crystals; NaN where it fails.

    Attributes:
        energies: eV/atom, shape ``(n,)``.
        forces: eV/Å, one array ``(atoms, 3)`` for each crystal.
        stresses: eV/Å³, shape ``(n, 3, 3)``, positive under tension.
    """

    energies: NDArray[np.float64]
    forces: list[NDArray[np.float64]]
    stresses: NDArray[np.float64]

    @classmethod
    def unknown(cls, crystals: Sequence[Crystal]) -> Evaluation:
        """Returns an evaluation of nothing but NaN, to be filled.

        Args:
            crystals: The crystals.
        """
        return cls(
            np.full(len(crystals), np.nan),
            [np.full((len(crystal), 3), np.nan) for crystal in crystals],
            np.full((len(crystals), 3, 3), np.nan),
        )


class Calculator(Protocol):
    """A potential.

    Attributes:
        name: Name of the potential, for the record.
        version: Its version.
        scale: What its energies mean, for the record.
        weights_sha256: SHA-256 of its weights; ``""`` where it has none, or they are not known.
    """

    name: str
    version: str
    scale: str
    weights_sha256: str

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``; NaN where the potential fails."""
        ...

    def evaluate(self, crystals: Sequence[Crystal]) -> Evaluation:
        """Returns energies, forces and stresses; NaN where the potential fails."""
        ...


# Makes a calculator in the process that uses it.
CalculatorFactory = Callable[[], Calculator]


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
        self.scale = f"as {name} gives it"
        self.weights_sha256 = ""
        self._calculator = calculator

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``, computed one by one."""
        return np.array([self._compute(crystal, forces=False)[0] for crystal in crystals])

    def evaluate(self, crystals: Sequence[Crystal]) -> Evaluation:
        """Returns energies, forces and stresses, computed one by one."""
        found = Evaluation.unknown(crystals)
        for row, crystal in enumerate(crystals):
            found.energies[row], found.forces[row], found.stresses[row] = self._compute(crystal)
        return found

    def _compute(self, crystal: Crystal, *, forces: bool = True) -> tuple[float, Any, Any]:
        from ase import Atoms
        from ase.calculators.calculator import CalculatorError, PropertyNotImplementedError

        atoms = Atoms(
            crystal.numbers,
            crystal.positions,
            cell=crystal.lattice,
            pbc=True,
            calculator=self._calculator,
        )
        try:
            energy = float(atoms.get_potential_energy()) / len(crystal)
            if not forces:
                return energy, np.nan, np.nan
            return energy, atoms.get_forces(), atoms.get_stress(voigt=False)
        except PropertyNotImplementedError:
            raise
        except (CalculatorError, ArithmeticError, NotImplementedError, KeyError, ValueError):
            # What ASE's potentials raise for elements they do not know and atoms on one another.
            # Half set up, they would raise something else the next time.
            self._calculator.reset()
            return np.nan, np.full((len(crystal), 3), np.nan), np.nan
