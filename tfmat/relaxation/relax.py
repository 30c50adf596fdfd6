"""Relaxing many crystals at once: cell and positions go downhill, a batch in step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.kept_symmetry import Symmetry
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.volume import NO_ENERGY

# Crystals that a potential sees at once. One that has arrived makes room for the next.
_BATCH = 32
# Longest move of an atom and largest norm of a strain (times its scale) in one step, Å; the first
# is halved after a step uphill.
_LONGEST, _SHORTEST = 0.2, 0.01
# First guess of the curvature for an atom, eV/Å², and of what a strain counts beside a
# displacement, Å for the square root of each atom. Measured on Bi-Se (benchmarks/relaxation.py).
_CURVATURE, _STRAIN_SCALE = 10.0, 2.0
# Volumes beyond these shares of the first are no relaxation any more.
_COLLAPSED, _APART = 1 / 8, 8.0

NO_END = "relaxation failed: the energy is not a number"
COLLAPSED = "relaxation failed: the cell collapses"
APART = "relaxation failed: the cell comes apart"


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The end of a relaxation.

    Attributes:
        crystal: The geometry at rest; where it did not come to rest or failed, the lowest found.
        energy: Its energy, eV/atom.
        initial_energy: Energy of the first geometry, eV/atom.
        converged: Whether all forces fell below the threshold.
        steps: Steps taken.
        max_force: Largest force on an atom of that geometry, eV/Å.
        initial_max_force: Largest force on an atom at the start, eV/Å.
        stress: Of that geometry, eV/Å³, shape ``(3, 3)``, positive under tension.
        reason: Why it failed; empty if it did not.
    """

    crystal: Crystal
    energy: float
    initial_energy: float
    converged: bool
    steps: int
    max_force: float
    initial_max_force: float
    stress: NDArray[np.float64]
    reason: str = ""


def relax(
    crystals: Sequence[Crystal],
    calculator: Calculator,
    *,
    steps: int = 500,
    fmax: float = 0.05,
    cell: bool = True,
    symmetry: bool = False,
    on_step: Callable[[int], object] | None = None,
) -> list[Relaxed]:
    """Relaxes crystals with BFGS, all of a batch at once.

    Converged means what it means in ASE with a ``FrechetCellFilter``: no force on an atom, and no
    row of the virial divided by the number of atoms, is longer than ``fmax``.

    Args:
        crystals: Starts.
        calculator: The potential.
        steps: At most so many steps; 0 only computes energies and forces.
        fmax: Largest force of a relaxed crystal, eV/Å.
        cell: Relax the cell as well.
        symmetry: Keep the space group of the start, as DFT programs do: a prototype then stays on
            its saddle point where it has no minimum.
        on_step: Called with 1 after every crystal, for progress.

    Returns:
        One result for each crystal, in their order. A crystal depends on the others only through
        rounding.
    """
    descents = [_Descent(crystal, cell, symmetry) for crystal in crystals]
    waiting = list(range(len(descents)))[::-1]
    active: list[int] = []
    while waiting or active:
        while waiting and len(active) < _BATCH:
            active.append(waiting.pop())
        found = calculator.evaluate([descents[number].crystal for number in active])
        for place, number in enumerate(active):
            descents[number].look(
                found.energies[place], found.forces[place], found.stresses[place], fmax
            )
        for number in active:
            if not descents[number].ended(steps):
                descents[number].move()
            elif on_step is not None:
                on_step(1)
        active = [number for number in active if not descents[number].over]
    return [descent.result() for descent in descents]


@dataclass(frozen=True, eq=False)
class _Point:
    """A geometry on the way, and what the potential says of it."""

    crystal: Crystal
    energy: float
    max_force: float
    stress: NDArray[np.float64]


class _Descent:
    """One crystal on its way down.

    Coordinates are the displacements of the atoms and the strain of the cell times a length that
    makes both about equally stiff. They are counted from the present geometry at every step, so
    a strain moves the atoms with the cell.
    """

    def __init__(self, crystal: Crystal, cell: bool, symmetry: bool) -> None:
        self.crystal = crystal
        self.over = False
        self._cell = cell
        self._symmetry = Symmetry.of(crystal) if symmetry else None
        self._first_volume = _volume(crystal)
        self._scale = _STRAIN_SCALE * np.sqrt(len(crystal))
        self._inverse = np.eye(3 * len(crystal) + 9) / _CURVATURE
        self._longest = _LONGEST
        self._steps = 0
        self._gradient: NDArray[np.float64] | None = None
        self._step: NDArray[np.float64] | None = None
        self._energy = self._initial_energy = np.nan
        self._initial_force = np.nan
        self._best = _Point(crystal, np.nan, np.nan, np.full((3, 3), np.nan))
        self._converged = False
        self._reason = ""

    def look(
        self, energy: float, forces: NDArray[np.float64], stress: NDArray[np.float64], fmax: float
    ) -> None:
        """Takes what the potential says of the present geometry."""
        if not (np.isfinite(energy) and np.isfinite(forces).all() and np.isfinite(stress).all()):
            self._reason = NO_ENERGY if self._gradient is None else NO_END
            return
        largest = float(np.linalg.norm(forces, axis=1).max())
        here = _Point(self.crystal, float(energy), largest, stress)
        if self._symmetry is not None:
            forces, stress = self._symmetry.forces(forces), self._symmetry.stress(stress)
        virial = _volume(self.crystal) * stress if self._cell else np.zeros((3, 3))
        gradient = np.concatenate([-forces.ravel(), virial.ravel() / self._scale])
        self._learn(energy * len(self.crystal), gradient)
        if self._gradient is None:
            self._initial_energy, self._initial_force = energy, largest
        self._gradient = gradient
        self._energy = energy
        push = np.linalg.norm(forces, axis=1).max()
        pull = np.linalg.norm(virial, axis=1).max() / len(self.crystal)
        self._converged = bool(max(push, pull) < fmax)
        if self._converged or not energy >= self._best.energy:
            self._best = here

    def _learn(self, total: float, gradient: NDArray[np.float64]) -> None:
        """Updates the inverse Hessian (BFGS) and the longest step."""
        if self._gradient is None or self._step is None:
            return
        uphill = total > self._energy * len(self.crystal)
        self._longest = (
            max(self._longest / 2, _SHORTEST) if uphill else min(self._longest * 1.2, _LONGEST)
        )
        step, change = self._step, gradient - self._gradient
        product = float(step @ change)
        # A step along which the energy curves down teaches nothing about a minimum, and would
        # turn the next one uphill.
        if product < 1e-4 * np.linalg.norm(step) * np.linalg.norm(change):
            return
        if self._steps == 1:
            self._inverse = np.eye(len(step)) * (product / float(change @ change))
        along = self._inverse @ change
        self._inverse += (
            np.outer(step, step) * ((1 + float(change @ along) / product) / product)
            - (np.outer(along, step) + np.outer(step, along)) / product
        )

    def ended(self, steps: int) -> bool:
        """Says whether this was the last look, and remembers it."""
        if not self._reason:
            share = _volume(self.crystal) / self._first_volume
            self._reason = COLLAPSED if share < _COLLAPSED else APART if share > _APART else ""
        self.over = bool(self._reason) or self._converged or self._steps >= steps
        return self.over

    def move(self) -> None:
        """Takes one step."""
        assert self._gradient is not None  # noqa: S101  (a look comes before every move)
        step = -self._inverse @ self._gradient
        atoms = len(self.crystal)
        longest = np.linalg.norm(step[: 3 * atoms].reshape(-1, 3), axis=1).max()
        longest = max(longest, np.linalg.norm(step[3 * atoms :]))
        step *= min(1.0, self._longest / longest)
        strain = step[3 * atoms :].reshape(3, 3) / self._scale
        values, axes = np.linalg.eigh((strain + strain.T) / 2)
        deformation = (axes * np.exp(values)) @ axes.T
        moved = self.crystal.positions + step[: 3 * atoms].reshape(-1, 3)
        self.crystal = Crystal(
            self.crystal.lattice @ deformation, moved @ deformation, self.crystal.numbers
        )
        self._step = step
        self._steps += 1

    def result(self) -> Relaxed:
        return Relaxed(
            crystal=self._best.crystal,
            energy=self._best.energy,
            initial_energy=float(self._initial_energy),
            converged=self._converged and not self._reason,
            steps=self._steps,
            max_force=self._best.max_force,
            initial_max_force=self._initial_force,
            stress=self._best.stress,
            reason=self._reason,
        )


def _volume(crystal: Crystal) -> float:
    return float(abs(np.linalg.det(crystal.lattice)))
