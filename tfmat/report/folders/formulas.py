"""What ``tfmat generate matgan`` writes: a table of formulas with its summary beside it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from tfmat.csv_tables import read_table
from tfmat.errors import InputError
from tfmat.metric import read_metrics
from tfmat.reading import read_record, reading
from tfmat.report.charts import bars, counted
from tfmat.report.columns import cells
from tfmat.report.contents import Candidate, Chart, Part

_ENDING = ".json"
# Formulas that a page counts; more would take gigabytes of memory.
_MOST = 200_000


def is_one(place: Path) -> bool:
    """Tells whether a place is such a table.

    Args:
        place: A folder or a file.
    """
    return place.is_file() and _summary(place).is_file()


def read(place: Path) -> Part:
    """Reads such a table.

    Args:
        place: The table.

    Raises:
        InputError: It is damaged, or no CSV.
    """
    if place.suffix != ".csv":
        raise InputError(f"{place}: a page is made of a CSV table; generate one called NAME.csv")
    summary = read_record(_summary(place))
    columns, lines = read_table(place)
    if "formula" not in columns:
        raise InputError(f"{place}: no column formula; give a table of tfmat generate matgan")
    candidates: dict[str, Candidate] = {}
    sizes = []
    for row in islice(lines, _MOST):
        values = cells(row, "oxidation_states", flags=("charge_neutral", "balanced", "novel"))
        sizes.append(int(float(values.get("n_elements", 0))))
        name = row["formula"]
        if name in candidates:
            times = candidates[name].values
            times["times_generated"] = float(times.get("times_generated", 1)) + 1
        else:
            candidates[name] = Candidate(name, name, values)
    with reading(_summary(place)):
        metrics = read_metrics(summary)
        facts = _facts(summary)
        title = f"{int(summary['rows']):,} formulas"
    notes = []
    if len(sizes) == _MOST:
        notes.append(f"Charts, elements and candidates are those of the first {_MOST:,} rows.")
    charts = [chart for chart in (counted("Elements in a formula", sizes, "elements"),) if chart]
    charts += _validity(list(candidates.values()))
    found = list(candidates.values())
    return Part(title, place, facts, metrics, charts, found, notes=notes, has_crystals=False)


def _summary(place: Path) -> Path:
    return place.with_name(place.name + _ENDING)


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    validity = summary["validity"]
    words = ", ".join(f"{key} {value}" for key, value in validity.items())
    facts = [("Validity by", words)]
    for key, label in (
        ("model", "Model"),
        ("seed", "Seed"),
        ("precision", "Precision"),
        ("tfmat_version", "tfmat"),
    ):
        if summary.get(key) is not None:
            facts.append((label, str(summary[key])))
    return facts


def _validity(candidates: list[Candidate]) -> list[Chart]:
    """Draws the share of balanced formulas by number of elements."""
    by_size: dict[int, list[bool]] = {}
    for one in candidates:
        if "balanced" in one.values:
            size = int(float(one.values.get("n_elements", 0)))
            by_size.setdefault(size, []).append(bool(one.values["balanced"]))
    shares = {str(size): sum(found) / len(found) for size, found in sorted(by_size.items())}
    chart = bars(
        "Balanced formulas by number of elements",
        shares,
        "elements",
        caption="Of the distinct formulas: charge-neutral, with electronegativities in order.",
    )
    return [] if chart is None else [chart]
