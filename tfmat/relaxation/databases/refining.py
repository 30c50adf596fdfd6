"""Relaxing again, with a better and slower potential, what the first one puts near its hull."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.hull import energy_above_hull
from tfmat.relaxation.potentials.calculator import Calculator, CalculatorFactory
from tfmat.work.chunks import Row


@dataclass(frozen=True)
class Refinement:
    """What is relaxed again, and with what.

    Attributes:
        factory: Makes the second calculator; a function of a module.
        within: What the first potential puts at most so far above its hull, eV/atom.
        starts: 1 relaxes from the first potential's end, 2 from the filled prototype, too.
    """

    factory: CalculatorFactory
    within: float
    starts: int = 2

    def record(self, calculator: Calculator) -> dict[str, Any]:
        """Returns what metadata keep.

        Args:
            calculator: Made by the factory.
        """
        return {
            "within": self.within,
            "starts": self.starts,
            "calculator": calculator_record(calculator),
        }


def calculator_record(calculator: Calculator) -> dict[str, str]:
    """Returns what metadata keep of a potential."""
    return {
        "name": calculator.name,
        "version": calculator.version,
        "weights_sha256": calculator.weights_sha256,
        "energy_scale": calculator.scale,
    }


def screened(
    rows: Sequence[Row], fractions: NDArray[np.float64], references: Sequence[float]
) -> list[Row]:
    """Returns rows that also say what the first potential thinks of them, under ``screening``.

    Args:
        rows: Labelled structures.
        fractions: Shares of the elements, shape ``(n, k)``.
        references: Energies of the k elements with the first potential, eV/atom.
    """
    totals = np.array([row["energy"] for row in rows], dtype=np.float64)
    formation = totals - fractions @ np.array(references)
    above = energy_above_hull(fractions, formation)
    return [
        row
        | {
            "screening": {
                "energy_per_atom": float(total),
                "formation_energy_per_atom": float(energy),
                "e_above_hull": float(distance),
            }
        }
        for row, total, energy, distance in zip(rows, totals, formation, above, strict=True)
    ]


def joined(rows: Sequence[Row], again: Mapping[str, Row], near: Mapping[str, Any]) -> list[Row]:
    """Puts together what was relaxed again and what was not.

    Args:
        rows: Structures with ``screening``.
        again: What came of those that were relaxed again and stay, by id.
        near: Ids of all that were relaxed again.

    Returns:
        The structures that stay, in their order. The energy of one that was not relaxed again is
        NaN: it is unknown on the scale of the second potential.
    """
    found: list[Row] = []
    for row in rows:
        name = row["id"]
        if name in again:
            found.append(again[name] | {"screening": row["screening"]})
        elif name not in near:
            found.append(row | {"energy": float("nan")})
    return found


def known_above_hull(
    fractions: NDArray[np.float64], energies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns energies above the hull of those whose energy is known; NaN for the others.

    Args:
        fractions: Shares of the elements, shape ``(n, k)``.
        energies: Formation energies, eV/atom, NaN where unknown, shape ``(n,)``.
    """
    known = np.isfinite(energies)
    above = np.full(len(energies), np.nan)
    above[known] = energy_above_hull(fractions[known], energies[known])
    return above
