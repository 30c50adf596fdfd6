"""Relaxing again, with a better and slower potential, what the first one puts near its hull."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.hull import energy_above_hull
from tfmat.relaxation.databases.labelling import (
    LabellingSettings,
    label_candidates,
    lower,
    relax_again,
)
from tfmat.relaxation.databases.substitute import Candidate, shares
from tfmat.relaxation.potentials.calculator import Calculator, CalculatorFactory
from tfmat.work.chunks import Row

# What the second potential puts so far above its hull, from the first one's end, is also relaxed
# from its filled prototype, which costs nine times as much. eV/atom
NEAR = 0.1
# From a name, tasks, a function from calculator and tasks to rows, and words to all rows.
Compute = Callable[[str, Sequence[Any], Callable[..., list[Row]], str], list[Row]]


@dataclass(frozen=True)
class Refinement:
    """What is relaxed again, and with what.

    Attributes:
        factory: Makes the second calculator; a function of a module.
        within: What the first potential puts at most so far above its hull, eV/atom.
    """

    factory: CalculatorFactory
    within: float

    def record(self, calculator: Calculator) -> dict[str, Any]:
        """Returns what metadata keep.

        Args:
            calculator: Made by the factory.
        """
        return {
            "within": self.within,
            "anew_within": NEAR,
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


def refine(
    rows: Sequence[Row],
    candidates: Mapping[str, Candidate],
    references: Mapping[int, float],
    settings: LabellingSettings,
    compute: Compute,
) -> list[Row]:
    """Relaxes structures with the second potential; those near its hull from two starts.

    Potentials differ in volume and in the ways that lead down, so that each start finds minima
    that the other misses: the first potential's end, and the filled prototype itself.

    Args:
        rows: Structures that the first potential has relaxed.
        candidates: What they were made of, by id.
        references: Energies of the elements with the second potential, eV/atom.
        settings: How.
        compute: Computes, and remembers what is done.

    Returns:
        One row for each: where it came to rest, or the reason why there is none.
    """
    ends = compute("refined", rows, partial(relax_again, settings=settings), "relaxing again")
    again = [candidates[row["id"]] for row in _low(ends, references)]
    work = partial(label_candidates, settings=settings)
    found = compute("refined-anew", again, work, "relaxing anew from the prototypes")
    anew = {row["id"]: row for row in found}
    return [lower(row, anew[row["id"]]) if row["id"] in anew else row for row in ends]


def _low(rows: Sequence[Row], references: Mapping[int, float]) -> list[Row]:
    """Returns the structures near the hull of all, and those that are none."""
    numbers = list(references)
    sound = [row for row in rows if "reason" not in row]
    fractions = shares((np.array(row["numbers"]) for row in sound), numbers)
    energies = np.array([row["energy"] for row in sound], dtype=np.float64)
    formation = energies - fractions @ np.array([references[number] for number in numbers])
    above = energy_above_hull(fractions, formation) if sound else formation
    far = {row["id"] for row, height in zip(sound, above, strict=True) if height > NEAR}
    return [row for row in rows if row["id"] not in far]


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
