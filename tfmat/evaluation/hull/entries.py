"""Compositions and formation energies of a dataset, found by chemical system."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.energies import ENERGY, energies_on
from tfmat.datasets.folders import COMPOSITIONS, kind_of, shipped
from tfmat.datasets.importing import import_dataset
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions

CHANGE = "delta_formation_energy_per_atom"
_CONVERGED = "converged"


@dataclass(frozen=True, eq=False)
class Entries:
    """Structures (or formulas) with a formation energy.

    Attributes:
        names: Names of the datasets that they come from.
        source: Place in ``names`` of each one's dataset, shape ``(n,)``.
        ids: Identifiers; formulas where a dataset has none.
        compositions: Reduced compositions, ``n`` rows.
        energies: Formation energies, eV/atom, shape ``(n,)``.
        changes: Formation energy before relaxation minus after, eV/atom, NaN where unknown,
            shape ``(n,)``.
        converged: 1 or 0, NaN where unknown, shape ``(n,)``.
        left_out: Number of rows that give no energy, by name of the dataset and reason.
        scales: Energy scale of each dataset; ``None`` where its record says nothing.
        prototypes: Names of those datasets that were filled prototypes (``tfmat data build``), not
            found in nature or in a database.
    """

    names: tuple[str, ...]
    source: NDArray[np.int64]
    ids: Sequence[str]
    compositions: Compositions
    energies: NDArray[np.float64]
    changes: NDArray[np.float64]
    converged: NDArray[np.float64]
    left_out: Mapping[str, Mapping[str, int]]
    scales: Mapping[str, str | None]
    prototypes: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.energies)

    @classmethod
    def concatenate(cls, parts: Sequence[Entries]) -> Entries:
        """Puts several datasets together.

        Args:
            parts: At least one.
        """
        starts = np.cumsum([0, *(len(part.names) for part in parts)])
        return cls(
            tuple(name for part in parts for name in part.names),
            np.concatenate([p.source + start for p, start in zip(parts, starts, strict=False)]),
            [identifier for part in parts for identifier in part.ids],
            Compositions.concatenate([part.compositions for part in parts]),
            np.concatenate([part.energies for part in parts]),
            np.concatenate([part.changes for part in parts]),
            np.concatenate([part.converged for part in parts]),
            {name: counts for part in parts for name, counts in part.left_out.items()},
            {name: scale for part in parts for name, scale in part.scales.items()},
            frozenset().union(*(part.prototypes for part in parts)),
        )

    @cached_property
    def systems(self) -> dict[tuple[int, ...], NDArray[np.int64]]:
        """Rows of each chemical system, by its atomic numbers in ascending order."""
        return self._by_system(np.arange(len(self)))

    @cached_property
    def _lowest(self) -> dict[tuple[int, ...], NDArray[np.int64]]:
        """Rows that a hull can have as corners: below the elements, the lowest of a composition."""
        keys = self.compositions.keys()
        order = np.lexsort((self.energies, keys))
        new = np.concatenate([[True], keys[order[1:]] != keys[order[:-1]]])[: len(order)]
        rows = np.sort(order[new])
        return self._by_system(rows[self.energies[rows] < 0])

    def _by_system(self, rows: NDArray[np.int64]) -> dict[tuple[int, ...], NDArray[np.int64]]:
        numbers = np.ascontiguousarray(self.compositions.numbers[rows])
        if not len(rows):
            return {}
        # Whole rows compare as bytes far faster than column by column.
        packed = numbers.view(np.dtype((np.void, numbers.shape[1]))).ravel()
        _, first, inverse, counts = np.unique(
            packed, return_index=True, return_inverse=True, return_counts=True
        )
        groups = np.split(rows[np.argsort(inverse, kind="stable")], np.cumsum(counts)[:-1])
        keys = (tuple(int(z) for z in numbers[row] if z) for row in first)
        return dict(zip(keys, groups, strict=True))

    def within(self, system: Sequence[int], *, corners: bool = False) -> NDArray[np.int64]:
        """Finds the structures that hold no other elements than those of a system.

        Args:
            system: Atomic numbers.
            corners: Only those that can be corners of a convex hull.

        Returns:
            Row numbers, ascending.
        """
        groups = self._lowest if corners else self.systems
        rows = [groups[subset] for subset in subsystems(system, groups)]
        return np.sort(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)

    def count(self, system: Sequence[int], chosen: NDArray[np.bool_] | None = None) -> str:
        """Writes how many structures a picture of a system shows: of it, and of its subsystems.

        Tables count the former alone.

        Args:
            system: Atomic numbers.
            chosen: Which of all structures count, shape ``(len(self),)``; all by default.
        """
        rows = [self.systems.get(tuple(sorted(system)), np.zeros(0, np.int64)), self.within(system)]
        own, both = (len(r) if chosen is None else int(chosen[r].sum()) for r in rows)
        others = both - own
        return f"{own:,} + {others:,} of subsystems" if others else f"{own:,}"

    def shares(self, rows: NDArray[np.int64], system: Sequence[int]) -> NDArray[np.float64]:
        """Returns the shares of a system's elements, shape ``(rows, elements)``.

        Args:
            rows: Row numbers of structures within the system.
            system: Atomic numbers, in the order of the columns.
        """
        numbers, counts = self.compositions.numbers[rows], self.compositions.counts[rows]
        columns = [np.where(numbers == z, counts, 0).sum(axis=1) for z in system]
        return np.asarray(np.column_stack(columns) / counts.sum(axis=1, dtype=np.int64)[:, None])


def subsystems(
    system: Sequence[int], systems: Mapping[tuple[int, ...], object]
) -> list[tuple[int, ...]]:
    """Returns those systems that hold no other elements than the given one.

    Args:
        system: Atomic numbers.
        systems: Systems by their atomic numbers in ascending order.
    """
    ordered = sorted(system)
    if 2 ** len(ordered) > len(systems):
        allowed = set(ordered)
        return [key for key in systems if allowed.issuperset(key)]
    every = (
        subset for size in range(1, len(ordered) + 1) for subset in combinations(ordered, size)
    )
    return [subset for subset in every if subset in systems]


def has_compound(system: Sequence[int], known: Entries) -> bool:
    """Tells whether anything known of two or more elements is in a system or its subsystems.

    Args:
        system: Atomic numbers.
        known: Structures that define the hulls.
    """
    return any(len(subset) > 1 for subset in subsystems(system, known.systems))


def read_known(places: Mapping[str, str | Path], others: Entries | None = None) -> Entries:
    """Reads known structures, on the energy scales of those that they are compared with.

    Args:
        places: As for :func:`read_entries`, by name.
        others: What they are compared with.

    Raises:
        InputError: One cannot be read, or nothing in it has a formation energy.
    """
    scales = set() if others is None else set(others.scales.values())
    return Entries.concatenate(
        [read_entries(str(place), name, scales) for name, place in places.items()]
    )


def read_entries(
    source: str, name: str | None = None, scales: Collection[str | None] = ()
) -> Entries:
    """Reads what a hull needs of a dataset or a file of structures.

    Args:
        source: A dataset of structures or formulas, the name of a shipped one, or whatever
            ``tfmat data import`` reads (CSV, extended XYZ, JSON, a folder).
        name: What to call it; ``source`` by default.
        scales: Energy scales to compare with, as in :func:`of_dataset`.

    Raises:
        InputError: It cannot be read, or nothing in it has a formation energy.
    """
    path = Path(source)
    if (path / "metadata.json").is_file() or source in shipped() or not path.exists():
        return of_dataset(_open(source), name or source, scales)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "imported"
        import_dataset(path, out)
        return of_dataset(Dataset.open(out), name or source)


def _open(source: str) -> Dataset | CompositionDataset:
    return (
        CompositionDataset.open(source) if kind_of(source) == COMPOSITIONS else Dataset.open(source)
    )


def of_dataset(
    dataset: Dataset | CompositionDataset, name: str, scales: Collection[str | None] = ()
) -> Entries:
    """Takes what a hull needs of a dataset.

    Args:
        dataset: The dataset.
        name: What to call it.
        scales: Energy scales to compare with (:func:`tfmat.datasets.energies.energies_on`).

    Raises:
        InputError: Nothing in it has a formation energy.
    """
    energy, scale = energies_on(dataset.metadata, scales)
    values = {
        key: np.array(dataset.property(key))
        if key in dataset.properties
        else np.full(len(dataset), np.nan)
        for key in (energy, CHANGE, _CONVERGED)
    }
    rows = np.flatnonzero(np.isfinite(values[energy]))
    if not len(rows):
        have = ", ".join(dataset.properties) or "none"
        raise InputError(
            f"{name}: no {ENERGY} (its properties: {have}); compute it with `tfmat relax`, or "
            f"import it with `properties` {ENERGY}=COLUMN"
        )
    if isinstance(dataset, CompositionDataset):
        compositions = dataset.compositions[rows].reduced()
        ids: Sequence[str] = compositions.formulas()
    else:
        compositions = _compositions(dataset)[rows].reduced()
        ids = [dataset.ids[int(row)] for row in rows]
    missing = {"no formation energy": len(dataset) - len(rows)}
    left_out = Counter(_failed(dataset.metadata)) + Counter(missing)
    return Entries(
        (name,),
        np.zeros(len(rows), dtype=np.int64),
        ids,
        compositions,
        values[energy][rows],
        values[CHANGE][rows],
        values[_CONVERGED][rows],
        {name: dict(left_out)},
        {name: scale},
        frozenset([name] if "build" in dataset.metadata["extra"] else []),
    )


def _compositions(dataset: Dataset) -> Compositions:
    """Counts the atoms of all structures at once."""
    owner = np.repeat(np.arange(len(dataset)), np.diff(dataset.offsets))
    keys, counts = np.unique(owner * 256 + dataset.numbers, return_counts=True)
    owner = keys // 256
    # Slot of each element within its structure: keys ascend, so elements stand side by side.
    first = np.searchsorted(owner, np.arange(len(dataset)))
    slot = np.arange(len(keys)) - first[owner]
    shape = (len(dataset), int(slot.max(initial=0)) + 1)
    numbers, amounts = np.zeros(shape, np.uint8), np.zeros(shape, np.uint16)
    numbers[owner, slot], amounts[owner, slot] = keys % 256, counts
    return Compositions(numbers, amounts)


def _failed(metadata: Mapping[str, Any]) -> Mapping[str, int]:
    """Returns what a relaxation or an import left out; what a build dropped was never wanted."""
    extra = metadata["extra"]
    counts = metadata["counts"] if {"relaxation", "columns"}.intersection(extra) else {}
    failed: Mapping[str, int] = counts.get("rejected_by_reason", {})
    return failed
