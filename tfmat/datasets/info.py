"""Describes a dataset: counts, elements, systems, energies, and what passes the selection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfmat.datasets.select import MAX_ATOMS, MAX_LENGTH, select
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset
from tfmat.datasets.summary import BINS, bars, credit_lines, property_lines, statistics, top
from tfmat.formulas.elements import atomic_numbers

# Where cells have more sizes than this, the terminal shows ranges of sizes.
_MOST_SIZES = 24


def describe(
    dataset: Dataset,
    max_atoms: int | None = MAX_ATOMS,
    max_length: float | None = MAX_LENGTH,
    *,
    on_step: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Counts what a dataset holds.

    Args:
        dataset: The dataset.
        max_atoms: Selection: largest number of atoms in the cell.
        max_length: Selection: largest a, b and c of the Niggli cell, in Å.
        on_step: Called with 1 after every structure, for progress.

    Returns:
        What ``tfmat data info --json`` prints.

    Raises:
        InputError: A limit is no positive number.
    """
    symbols = _symbols()
    elements: Counter[str] = Counter()
    systems: Counter[str] = Counter()
    sizes: Counter[int] = Counter()
    formulas = set()
    for crystal in dataset:
        reduced = formula(crystal)
        formulas.add(reduced)
        names = [symbols[number] for number, _ in reduced]
        elements.update(names)
        systems["-".join(sorted(names))] += 1
        sizes[len(names)] += 1
    atoms = np.diff(dataset.offsets)
    counts, occurrences = np.unique(atoms, return_counts=True)
    chosen = select(dataset, max_atoms, max_length, on_step=on_step)
    return {
        "dataset": str(dataset.path),
        "sha256": dataset.sha256,
        "source": dataset.metadata["source"] | dataset.credit.record(),
        "selection_applied": dataset.metadata["selection"],
        "structures": len(dataset),
        "atoms": int(atoms.sum()),
        "rejected": dataset.metadata["counts"]["rejected"],
        "rejected_by_reason": dataset.metadata["counts"]["rejected_by_reason"],
        "formulas": len(formulas),
        "elements": dict(elements.most_common()),
        "systems": dict(systems.most_common()),
        "structures_by_number_of_elements": {str(size): sizes[size] for size in sorted(sizes)},
        "atoms_per_cell": {
            "min": int(atoms.min()),
            "mean": round(float(atoms.mean()), 3),
            "median": float(np.median(atoms)),
            "max": int(atoms.max()),
            "counts": {
                str(count): int(number) for count, number in zip(counts, occurrences, strict=True)
            },
        },
        "properties": {
            name: statistics(dataset.property(name), dataset.metadata["properties"][name]["unit"])
            for name in dataset.properties
        },
        "passes_selection": {
            "max_atoms": max_atoms,
            "max_length": max_length,
            "cell": "Niggli",
            "structures": int(chosen.sum()),
        },
        "extra": dataset.metadata["extra"],
    }


def render(info: Mapping[str, Any], width: int = 80) -> str:
    """Writes what :func:`describe` found for the terminal.

    Args:
        info: The description.
        width: Columns of the terminal.
    """
    cells = info["atoms_per_cell"]
    passing = info["passes_selection"]
    selection = info["selection_applied"]
    lines = [
        f"{info['dataset']}: {info['structures']:,} structures, {info['atoms']:,} atoms, "
        f"{info['formulas']:,} formulas",
        f"source      {info['source'].get('name', '?')}",
        *credit_lines(info["source"]),
        f"selection   {_limits(selection) if selection else 'none applied at import'}",
        f"passes      {passing['structures']:,} of {info['structures']:,} "
        f"({passing['structures'] / info['structures']:.1%}): {_limits(passing)}",
        f"rejected    {top(info['rejected_by_reason'], 5) or 'none'}",
        f"elements    {len(info['elements'])}: {top(info['elements'], 12)}",
        f"systems     {len(info['systems']):,}: {top(info['systems'], 6)}",
        f"components  {top(info['structures_by_number_of_elements'], 12)}",
        f"atoms/cell  {cells['min']} to {cells['max']}, mean {cells['mean']:.2f}, "
        f"median {cells['median']:g}",
    ]
    lines += bars(_sizes(cells["counts"]), width)
    for name, numbers in info["properties"].items():
        lines += property_lines(name, numbers, width)
    return "\n".join(lines)


def _sizes(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    if len(counts) <= _MOST_SIZES:
        return list(counts.items())
    step = -(-max(map(int, counts)) // BINS)
    bins: Counter[int] = Counter()
    for size, count in counts.items():
        bins[(int(size) - 1) // step] += count
    return [
        (f"{index * step + 1}-{(index + 1) * step}", bins[index]) for index in range(max(bins) + 1)
    ]


def _limits(selection: Mapping[str, Any]) -> str:
    parts = []
    if selection.get("max_atoms") is not None:
        parts.append(f"at most {selection['max_atoms']} atoms")
    if selection.get("max_length") is not None:
        parts.append(f"a, b, c of the Niggli cell at most {selection['max_length']:g} Å")
    return ", ".join(parts) or "no limit"


def _symbols() -> dict[int, str]:
    return {number: symbol for symbol, number in atomic_numbers().items() if symbol not in "DT"}
