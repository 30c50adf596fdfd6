"""The chemical systems of a dataset of structures: which elements, and which of them together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.formulas.compositions import Compositions, as_written, symbols

# How many of the systems with most structures are looked at more closely.
_CANDIDATES = 50


@dataclass(frozen=True)
class System:
    """Some elements and the structures that hold no other.

    Args:
        elements: Symbols in the order of a written formula.
        structures: Structures of these elements, those of some of them included.
    """

    elements: tuple[str, ...]
    structures: int

    @property
    def name(self) -> str:
        """The system as it is written, ``Li-Mn-O``."""
        return "-".join(self.elements)


def elements_of(dataset: Dataset) -> tuple[str, ...]:
    """Returns the symbols of all elements of a dataset, in the order of a written formula.

    Args:
        dataset: The structures.
    """
    return _written(np.unique(dataset.numbers))


def largest_systems(dataset: Dataset, sizes: range, count: int) -> list[System]:
    """Finds the chemical systems with the most structures.

    Args:
        dataset: The structures.
        sizes: How many elements a system may have.
        count: How many systems to return at most.

    Returns:
        The systems, the largest first.
    """
    lengths = np.diff(dataset.offsets)
    there = np.zeros((len(dataset), int(dataset.numbers.max()) + 1), dtype=bool)
    there[np.repeat(np.arange(len(dataset)), lengths), dataset.numbers] = True
    exact = Counter(
        tuple(np.flatnonzero(row).tolist()) for row in there[np.isin(there.sum(axis=1), sizes)]
    )
    found = []
    for numbers, _ in exact.most_common(_CANDIDATES):
        others = np.delete(there, numbers, axis=1)
        found.append(System(_written(numbers), int((~others.any(axis=1)).sum())))
    return sorted(found, key=lambda system: -system.structures)[:count]


def _written(numbers: Iterable[int]) -> tuple[str, ...]:
    return tuple(symbols()[number] for number in as_written(numbers))


def compositions_of(crystals: Iterable[Crystal]) -> Compositions:
    """Returns the reduced compositions of crystals.

    Args:
        crystals: Any number of them.
    """
    rows = []
    for crystal in crystals:
        numbers, counts = np.unique(crystal.numbers, return_counts=True)
        divisor = math.gcd(*counts.tolist())
        rows.append(dict(zip(numbers.tolist(), (counts // divisor).tolist(), strict=True)))
    return Compositions.from_mappings(rows)
