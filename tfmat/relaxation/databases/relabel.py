"""Computing the energies of a dataset again, so that all are on the scale of one potential."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tfmat.datasets.store import Dataset
from tfmat.errors import TfmatError
from tfmat.relaxation.databases.hypothetical import Task, chunk_size
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.references import element_references
from tfmat.work.chunks import Row, run_chunks

# Energies of the dataset that are replaced; what was there stays under ``source_NAME``.
_REPLACED = ("formation_energy_per_atom", "energy_per_atom", "e_above_hull")


@dataclass(frozen=True, eq=False)
class Labels:
    """New energies of some rows of a dataset.

    Attributes:
        energies: Formation energies by row, eV/atom; NaN where the potential fails.
        totals: Total energies by row, eV/atom; NaN where it fails.
    """

    energies: Mapping[int, float]
    totals: Mapping[int, float]

    @property
    def failed(self) -> int:
        """How many energies are unknown now."""
        return sum(math.isnan(value) for value in self.energies.values())

    def properties(self, row: int, given: Mapping[str, float]) -> dict[str, float]:
        """Returns what changes of a row: the new energies, and the old ones by another name.

        Args:
            row: The row.
            given: Its properties so far. The energy above the hull is unknown until it is
                computed on the new scale.
        """
        if row not in self.energies:
            return {}
        old = {f"source_{name}": given[name] for name in _REPLACED if name in given}
        return old | {
            "formation_energy_per_atom": self.energies[row],
            "energy_per_atom": self.totals[row],
            "e_above_hull": math.nan,
        }


def relabel(dataset: Dataset, rows: Sequence[int], calculator: Calculator, task: Task) -> Labels:
    """Computes energies of rows of a dataset in the geometries they have.

    Args:
        dataset: The dataset.
        rows: Which; the same on every call.
        calculator: The potential.
        task: Says where results lie and how many processes work.
    """
    if not rows:
        return Labels({}, {})
    made = run_chunks(
        task.work / "relabelled",
        list(rows),
        partial(_energies, path=dataset.path),
        task.once(calculator),
        size=chunk_size(len(rows)),
        workers=task.workers,
        description="labelling known structures",
    )
    totals = {row: float(entry["energy"]) for row, entry in zip(rows, made, strict=True)}
    elements = sorted({int(z) for row in rows for z in np.unique(dataset[row].numbers)})
    references = _references(elements, calculator, task.work / "references.json")
    energies = {
        row: total - float(np.mean([references[int(z)] for z in dataset[row].numbers]))
        for row, total in totals.items()
    }
    return Labels(energies, totals)


def _energies(calculator: Calculator, rows: Sequence[int], *, path: Path) -> list[Row]:
    dataset = Dataset.open(path)
    return [
        {"energy": float(energy)} for energy in calculator.energies([dataset[row] for row in rows])
    ]


def _references(numbers: Sequence[int], calculator: Calculator, cache: Path) -> dict[int, float]:
    found = {}
    for number in numbers:
        try:
            found[number] = element_references((number,), calculator, cache)[number].energy
        except TfmatError:
            # An element that the potential does not know leaves its compounds without an energy.
            found[number] = math.nan
    return found
