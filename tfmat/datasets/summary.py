"""Summaries of columns of numbers and counts, and how a terminal shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets import dates

BINS = 16


def statistics(values: NDArray[np.float64], unit: str | None) -> dict[str, Any]:
    """Summarises a property.

    Args:
        values: Shape ``(n,)``, NaN where unknown.
        unit: Its unit.

    Returns:
        Unit, number of known values and, if any, their minimum, mean, median, maximum, standard
        deviation and histogram; of days also the first and the last as dates, of flags (0 and 1)
        how many are 1. The histogram spans
        the 1st to 99th percentile; its outer bins hold what lies beyond.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return {"unit": unit, "known": 0}
    low, high = np.percentile(known, (1, 99))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(np.clip(known, low, high), bins=BINS, range=(low, high))
    first_and_last = (
        {"earliest": dates.iso(known.min()), "latest": dates.iso(known.max())}
        if unit == dates.UNIT
        else {}
    )
    return {
        "unit": unit,
        "known": len(known),
        **first_and_last,
        **({"ones": int(known.sum())} if np.isin(known, (0, 1)).all() else {}),
        "min": float(known.min()),
        "mean": float(known.mean()),
        "median": float(np.median(known)),
        "max": float(known.max()),
        "std": float(known.std()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def credit_lines(source: Mapping[str, Any]) -> list[str]:
    """Writes the licence of a dataset and whom to cite for the terminal.

    Args:
        source: The entry of its record.
    """
    lines = [f"licence     {source.get('license', 'not said')}"]
    for text in source.get("attribution", ()):
        lines.append(f"{'attribution' if len(lines) == 1 else '':12}{text}")
    return lines


def property_lines(name: str, numbers: Mapping[str, Any], width: int) -> list[str]:
    """Writes a property for the terminal.

    Args:
        name: Its name.
        numbers: What :func:`statistics` found.
        width: Columns of the terminal.

    Returns:
        A line with the extremes and the averages, and a histogram; of flags and of what is the same
        everywhere only a line.
    """
    if not numbers["known"]:
        return [f"{name}: unknown for all"]
    unit = f" {numbers['unit']}" if numbers["unit"] else ""
    if "ones" in numbers:
        share = numbers["ones"] / numbers["known"]
        return [f"{name}: {numbers['known']:,} known, {numbers['ones']:,} are 1 ({share:.1%})"]
    if numbers["min"] == numbers["max"] and numbers["unit"] != dates.UNIT:
        return [f"{name}: {numbers['known']:,} known, all {numbers['min']:.4g}{unit}"]
    write: Callable[[float], str] = "{:.3f}".format
    line = f"{name}: {numbers['known']:,} known, "
    if numbers["unit"] == dates.UNIT:
        write = dates.iso
        line += f"{numbers['earliest']} to {numbers['latest']}, median {write(numbers['median'])}"
    else:
        line += (
            f"{numbers['min']:.4g} to {numbers['max']:.4g}, "
            f"mean {numbers['mean']:.4g}, median {numbers['median']:.4g}{unit}"
        )
    edges, counts = numbers["histogram"]["edges"], numbers["histogram"]["counts"]
    names = [write(edge) for edge in edges[:-1]]
    if numbers["max"] > edges[-1]:
        names[-1] = f"≥ {names[-1]}"
    if numbers["min"] < edges[0]:
        names[0] = f"< {write(edges[1])}"
    return [line, *bars(list(zip(names, counts, strict=True)), width)]


def top(counts: Mapping[str, int], most: int) -> str:
    """Writes the first counts in one line.

    Args:
        counts: Number by name, the largest first.
        most: How many to write.
    """
    names = [f"{name} {count:,}" for name, count in list(counts.items())[:most]]
    return ", ".join(names) + (", ..." if len(counts) > most else "")


def bars(rows: list[tuple[str, int]], width: int) -> list[str]:
    """Draws a horizontal histogram; a count that is not 0 always shows.

    Args:
        rows: Name and count of each bar.
        width: Columns of the terminal.

    Returns:
        One line for each bar.
    """
    if not rows:
        return []
    widest = max(len(name) for name, _ in rows)
    digits = max(len(f"{count:,}") for _, count in rows)
    room = max(10, width - widest - digits - 6)
    most = max(count for _, count in rows) or 1
    return [
        f"  {name:>{widest}}  {count:>{digits},}  {'█' * (-(-count * room // most))}".rstrip()
        for name, count in rows
    ]


def validity_line(settings: Mapping[str, Any]) -> str:
    """Writes how validity was judged, without which no rate means anything.

    Args:
        settings: As :meth:`tfmat.matgan.validity.checker.ValiditySettings.describe` gives them.
    """
    return (
        f"{settings['tool']} {settings['smact_version']}, oxidation states "
        f"{settings['oxidation_states']}, alloys {'pass' if settings['alloys'] else 'are tested'}, "
        f"{'with' if settings['mixed_valence'] else 'no'} mixed valence"
    )
