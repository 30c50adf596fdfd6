"""Inputs of the network, and what changes where it runs in another precision."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.stored import StoredDataset
from tfmat.elemnet.fractions import ELEMENTS, fractions, holds
from tfmat.elemnet.parts import NETWORK
from tfmat.export.precision_check import SEED, PrecisionCheck
from tfmat.inference.package import NetworkSet
from tfmat.metric import Metric

BATCH = 1024
"""Formulas in one call of the network."""
# A tenth of the error that the published network has, eV/atom.
_TOLERANCE = 0.005
# As many elements as nearly all known formulas have at most.
_MOST = 5


def probe_inputs(networks: NetworkSet, count: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Makes random formulas of 1 to 5 elements.

    Args:
        networks: An ElemNet package.
        count: How many.
        seed: Seed of the formulas.

    Returns:
        Element fractions ``(count, 86)`` for the one part.
    """
    random = np.random.default_rng(seed)
    counts = np.zeros((count, len(ELEMENTS)))
    for row in counts:
        size = random.integers(1, _MOST + 1)
        row[random.choice(len(ELEMENTS), size, replace=False)] = random.integers(1, 9, size)
    found = np.asarray(counts / counts.sum(axis=1, keepdims=True), np.float32)
    return dict.fromkeys(networks.parts, found)


def batch_size(part: str, networks: NetworkSet) -> int:
    """Returns how many formulas a part is given at once."""
    del part, networks
    return BATCH


def real_inputs(count: int) -> dict[str, NDArray[np.float32]]:
    """Returns the first of the formulas that ship, as element fractions.

    Args:
        count: How many.
    """
    compositions = CompositionDataset.open("formulas").compositions
    rows = np.flatnonzero(holds(compositions))[:count]
    return {NETWORK: fractions(compositions[rows])}


class EnergyPrecisionCheck(PrecisionCheck):
    """Compares the energies of the same random formulas."""

    definition = f"an energy that differs by more than {1000 * _TOLERANCE:g} meV/atom"
    probe: Any = SimpleNamespace(probe_inputs=probe_inputs, batch_size=batch_size)

    @property
    def generates(self) -> bool:
        """Nothing is generated."""
        return False

    def decides(self, part: str) -> bool:
        """The one part does."""
        return part == NETWORK

    def differences(self, networks: NetworkSet, part: str | None = None) -> dict[str, Any]:
        """Counts energies that differ."""
        del part
        inputs = probe_inputs(self.reference, self.samples, SEED)[NETWORK]
        wanted, found = (
            which.run(NETWORK, inputs, BATCH).astype(np.float64)
            for which in (self.reference, networks)
        )
        different = int((np.abs(found - wanted) > _TOLERANCE).sum())
        return {"samples": self.samples, "different": different}

    def measures(
        self, networks: NetworkSet, data: StoredDataset | None = None
    ) -> tuple[list[Metric], str]:
        """Nothing is generated that could be measured."""
        del networks, data
        return [], ""
