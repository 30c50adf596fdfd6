"""Describes a dataset of compositions: sizes, elements, counts, properties, validity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.summary import (
    bars,
    credit_lines,
    property_lines,
    statistics,
    top,
    validity_line,
)
from tfmat.formulas.compositions import symbols
from tfmat.metric import read_metrics


def describe(dataset: CompositionDataset) -> dict[str, Any]:
    """Counts what a dataset of compositions holds.

    Args:
        dataset: The dataset.

    Returns:
        What ``tfmat data info --json`` prints, except for validity.
    """
    metadata, compositions = dataset.metadata, dataset.compositions
    used = compositions.numbers > 0
    elements = Counter(
        {
            symbols()[number]: int(count)
            for number, count in enumerate(np.bincount(compositions.numbers[used], minlength=1))
            if count
        }
    )
    return {
        "dataset": str(dataset.path),
        "kind": "compositions",
        "sha256": dataset.sha256,
        "source": metadata["source"] | dataset.credit.record(),
        "selection_applied": metadata["selection"],
        "formulas": len(dataset),
        "unknown_energy": metadata["counts"].get("unknown_energy"),
        "rejected": metadata["counts"]["rejected"],
        "rejected_by_reason": metadata["counts"]["rejected_by_reason"],
        "formulas_by_number_of_elements": _histogram(compositions.n_elements),
        "elements": dict(elements.most_common()),
        "counts_of_an_element": _histogram(compositions.counts[used]),
        "formulas_by_largest_count": _histogram(compositions.largest_count),
        "properties": {
            name: statistics(dataset.property(name), metadata["properties"][name]["unit"])
            for name in dataset.properties
        },
        "extra": metadata["extra"],
    }


def render(info: Mapping[str, Any], width: int = 80) -> str:
    """Writes what :func:`describe` found for the terminal.

    Args:
        info: The description; where it has ``validity_settings``, also the ``metrics`` of
            :func:`tfmat.matgan.validity.checker.rates`.
        width: Columns of the terminal.
    """
    lines = [
        f"{info['dataset']}: {info['formulas']:,} formulas of {len(info['elements'])} elements",
        f"source      {info['source'].get('name', '?')}",
        *credit_lines(info["source"]),
        f"selection   {_selection(info['selection_applied'])}",
        f"left out    {info['rejected']:,}",
        *(f"  {count:>8,}  {reason}" for reason, count in info["rejected_by_reason"].items()),
        f"elements    {top(info['elements'], 12)}",
        f"components  {top(info['formulas_by_number_of_elements'], 12)}",
        "atoms of an element in a formula:",
    ]
    lines += bars(list(_grouped(info["counts_of_an_element"]).items()), width)
    if "validity_settings" in info:
        lines += _validity(info)
    for name, numbers in info["properties"].items():
        lines += property_lines(name, numbers, width)
    return "\n".join(lines)


def _histogram(values: Any) -> dict[str, int]:
    distinct, counts = np.unique(np.asarray(values), return_counts=True)
    return {str(value): int(count) for value, count in zip(distinct, counts, strict=True)}


def _grouped(counts: Mapping[str, int], most: int = 16) -> dict[str, int]:
    """Puts everything above a size into one last group, so that the drawing stays small."""
    grouped = {size: count for size, count in counts.items() if int(size) <= most}
    rest = sum(count for size, count in counts.items() if int(size) > most)
    return grouped | ({f"> {most}": rest} if rest else {})


def _selection(selection: Mapping[str, Any] | None) -> str:
    if selection is None:
        return "none"
    parts = [f"rule {selection['rule']}", *selection["where"]]
    if selection["valid"]:
        parts.append("valid")
    return ", ".join(parts)


def _validity(info: Mapping[str, Any]) -> list[str]:
    lines = [
        f"validity by {validity_line(info['validity_settings'])}:",
        "  elements   formulas  charge-neutral  and balanced",
    ]
    neutral, balanced = (
        {
            metric.subset.get("n_elements", "all"): metric
            for metric in read_metrics(info)
            if metric.name == kind
        }
        for kind in ("neutral", "balanced")
    )
    # All formulas stand below those of each size.
    sizes = [*(size for size in neutral if size != "all"), "all"]
    return lines + [
        f"  {size:>8} {neutral[size].denominator:>10,} {neutral[size].percent(2):>15} "
        f"{balanced[size].percent(2):>13}"
        for size in sizes
    ]
