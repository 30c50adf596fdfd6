"""Predicted formation energies of sets of formulas (paper 000, Fig. 4b).

The paper keeps of two million samples the formulas that have lithium, are charge-neutral and
balanced, and has ElemNet predict them. Here each counts once, and the training set stands beside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.elemnet.model import EnergyModel
from tfmat.errors import InputError, did_you_mean
from tfmat.evaluation.formulas.sets import Distinct
from tfmat.formulas.elements import atomic_numbers
from tfmat.matgan.validity.checker import ValidityChecker
from tfmat.metric import Judge, Metric, mean, share

EDGES = np.round(np.arange(-5.0, 3.05, 0.1), 1)
"""Edges of the histogram's bins, eV/atom; what lies beyond is in the last ones."""


class EnergyJudge:
    """Predicts the valid formulas of a set that have an element.

    Args:
        model: A package of ``tfmat train elemnet``, a run of it or a name.
        element: Symbol of the element that the formulas have; empty for all formulas.
        checker: Says which are valid.

    Raises:
        InputError: There is no such package or element, or the package predicts no energies.
    """

    def __init__(self, model: str | Path, element: str, checker: ValidityChecker) -> None:
        if element and element not in atomic_numbers():
            hint = did_you_mean(element, list(atomic_numbers()))
            raise InputError(f"`energy_element` {element!r}: no element{hint}")
        self.element, self._checker = element, checker
        self._model = EnergyModel.load(model)

    def record(self) -> dict[str, Any]:
        """Returns settings for a summary."""
        weights = self._model.metadata["parts"]["elemnet"]["weights_sha256"]
        return {"model": self._model.name, "weights_sha256": weights, "element": self.element}

    def measure(self, distinct: Distinct) -> tuple[list[Metric], dict[str, Any]]:
        """Predicts energies.

        Args:
            distinct: The formulas of a set.

        Returns:
            Metrics with the subset ``element``, and the histogram as ``edges`` (eV/atom) and
            ``counts``.
        """
        compositions = distinct.compositions
        if self.element:
            number = atomic_numbers()[self.element]
            compositions = compositions[(compositions.numbers == number).any(axis=1)]
        valid = self._checker.check(compositions).balanced
        energies = self._model.predict(compositions[valid])
        known = energies[np.isfinite(energies)]
        return self._metrics(len(energies), known), {
            "edges": EDGES.tolist(),
            "counts": histogram(known).tolist(),
        }

    def _metrics(self, count: int, known: NDArray[np.float64]) -> list[Metric]:
        record = self.record()
        judge = Judge(f"ElemNet {record['model']}", record["weights_sha256"])
        which = f"distinct balanced formulas{f' with {self.element}' * bool(self.element)}"
        more: dict[str, Any] = {"subset": {"element": self.element or "all"}, "judge": judge}
        name = "predicted_formation_energy_per_atom"
        return [
            share("predicted", len(known), count, f"share of the {which}", **more),
            mean(f"mean_{name}", known.tolist(), "eV/atom", f"of {len(known):,} {which}", **more),
            share("below_0", int((known < 0).sum()), len(known),
                  f"predicted below 0 eV/atom, as share of the {which}", **more),
        ]  # fmt: skip


def histogram(energies: NDArray[np.float64]) -> NDArray[np.int64]:
    """Counts energies in the bins of :data:`EDGES`.

    Args:
        energies: Finite energies ``(n,)``, eV/atom.
    """
    inside = np.clip(energies, EDGES[0], EDGES[-1])
    return np.histogram(inside, EDGES)[0].astype(np.int64)
