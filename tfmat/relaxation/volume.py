"""Finding the volume at which a crystal's energy is lowest, for many crystals at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.contacts import scaled
from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.potentials.calculator import Calculator

# Linear scales, in units of the first guess. The range is widened by whole steps while the lowest
# energy lies at its edge, down to atoms that overlap and up to atoms that do not bind. Metals are
# packed, not bonded: in a prototype of other metals one pair may be far closer than its covalent
# radii where the volume is right (in three quarters of all Co-Hf candidates below 0.8).
_STEP = 0.05
_START = range(-2, 5)
_LOWEST, _LOWEST_OF_METALS, _HIGHEST = -4, -8, 14
# Half width of the second, finer parabola.
_FINE = 0.015

CLASH = "atoms clash: the energy falls to where they overlap"
UNBOUND = "not bound: no volume has the lowest energy"
NO_ENERGY = "no energy: the potential fails on this structure"


@dataclass(frozen=True, eq=False)
class Scan:
    """What a volume scan found.

    Attributes:
        crystal: The crystal at its best volume, or ``None``.
        energy: Its energy, eV/atom.
        reason: Why there is none; empty if there is.
    """

    crystal: Crystal | None
    energy: float = float("nan")
    reason: str = ""


@dataclass
class _Curve:
    """Energies of one crystal over its linear scale."""

    least: int = _LOWEST
    points: dict[int, float] = field(default_factory=dict)

    def missing(self) -> list[int]:
        """Returns the grid points that the next round has to compute; none when it is done."""
        if not self.points:
            return list(_START)
        lowest = self.lowest()
        low, high = min(self.points), max(self.points)
        if lowest == low and low > self.least:
            return [low - 1]
        if lowest == high and high < _HIGHEST:
            # Three at a time: open prototypes have far to go.
            return list(range(high + 1, min(high + 3, _HIGHEST) + 1))
        return []

    def lowest(self) -> int:
        return min(self.points, key=lambda point: self.points[point])

    def failure(self) -> str:
        """Returns why no minimum lies between the ends, or an empty text."""
        if not np.isfinite(self.points[self.lowest()]):
            return NO_ENERGY
        if self.lowest() == min(self.points):
            return CLASH
        return UNBOUND if self.lowest() == max(self.points) else ""

    def vertex(self) -> float:
        """Returns the linear scale at the vertex of the parabola through the lowest three."""
        middle = self.lowest()
        energies = [self.points[point] for point in (middle - 1, middle, middle + 1)]
        return 1 + _STEP * middle + _offset(energies, _STEP)


def scan_volumes(crystals: Sequence[Crystal], calculator: Calculator) -> list[Scan]:
    """Scales every crystal to the volume of lowest energy, keeping its shape.

    Seven volumes are tried around the first guess, more where the lowest lies at the edge; a
    parabola through the lowest three and a second, finer one give the volume, and the energy is
    computed there.

    Args:
        crystals: First guesses whose closest atoms about touch.
        calculator: The potential.

    Returns:
        One result for each crystal.
    """
    curves = [_Curve(_LOWEST_OF_METALS if _metallic(crystal) else _LOWEST) for crystal in crystals]
    while wanted := [(row, point) for row, curve in enumerate(curves) for point in curve.missing()]:
        tries = [scaled(crystals[row], 1 + _STEP * point) for row, point in wanted]
        for (row, point), energy in zip(wanted, calculator.energies(tries), strict=True):
            # A potential that fails must look like a wall, not like a minimum.
            curves[row].points[point] = float(energy) if np.isfinite(energy) else np.inf
    scans = [Scan(None, reason=curve.failure()) for curve in curves]
    bound = [row for row, scan in enumerate(scans) if not scan.reason]
    centres = np.array([curves[row].vertex() for row in bound])
    shifts = (-_FINE, 0.0, _FINE)
    fine = _energies(
        [
            scaled(crystals[row], s + d)
            for row, s in zip(bound, centres, strict=True)
            for d in shifts
        ],
        calculator,
    ).reshape(-1, 3)
    centres += [_offset(energies, _FINE) for energies in fine]
    final = [scaled(crystals[row], s) for row, s in zip(bound, centres, strict=True)]
    for row, crystal, energy in zip(bound, final, _energies(final, calculator), strict=True):
        scans[row] = (
            Scan(crystal, float(energy)) if np.isfinite(energy) else Scan(None, reason=NO_ENERGY)
        )
    return scans


def _metallic(crystal: Crystal) -> bool:
    """Says whether all elements of a crystal are metals."""
    from pymatgen.core import Element

    return all(Element.from_Z(int(number)).is_metal for number in np.unique(crystal.numbers))


def _energies(crystals: Sequence[Crystal], calculator: Calculator) -> NDArray[np.float64]:
    return calculator.energies(crystals) if crystals else np.empty(0)


def _offset(energies: Sequence[float] | NDArray[np.float64], step: float) -> float:
    """Returns where the parabola through three equidistant energies is lowest.

    The result lies within one step of the middle; a curve that is not convex gives its lower end.
    """
    low, middle, high = energies
    if not np.isfinite([low, middle, high]).all():
        return 0.0
    curvature = low - 2 * middle + high
    if curvature <= 0:
        return step * float(np.argmin([low, middle, high]) - 1)
    return float(np.clip(step * (low - high) / (2 * curvature), -step, step))
