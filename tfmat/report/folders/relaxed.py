"""What ``tfmat relax`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfmat.csv_tables import read_table
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.sources import read_source
from tfmat.figures.relaxing import NEAR
from tfmat.metric import read_metrics
from tfmat.reading import read_record, reading
from tfmat.report.charts import MADE, histogram
from tfmat.report.columns import cells
from tfmat.report.contents import Chart, Part
from tfmat.report.folders.structures import (
    candidate,
    distributions,
    numbers_of,
    readable,
    space_groups,
)
from tfmat.report.svg import Plot

_TABLE, _SUMMARY = "relaxation.csv", "summary.json"
_BEFORE, _AFTER = "initial_formation_energy_per_atom", "formation_energy_per_atom"
_FALL = "delta_formation_energy_per_atom"
_NAMES = ("relaxed", "data")
# Points that can be chosen in one picture.
_CHOSEN = 1500


def is_one(place: Path) -> bool:
    """Tells whether a place is such a folder.

    Args:
        place: A folder or a file.
    """
    return all((place / name).is_file() for name in (_TABLE, _SUMMARY))


def read(place: Path) -> Part:
    """Reads such a folder.

    Args:
        place: The folder.

    Raises:
        InputError: It is damaged or was changed.
    """
    summary = read_record(place / _SUMMARY)
    rows = list(read_table(place / _TABLE)[1])
    by_id = {row["id"]: row for row in rows}
    with reading(place / _SUMMARY):
        metrics = read_metrics(summary)
        lost = {str(reason): int(count) for reason, count in summary["reasons"].items()}
        facts = _facts(summary)
        title = f"{int(summary['structures']) - int(summary['failed']):,} structures relaxed"
    entries = readable(read_source(place).entries) if is_dataset(place) else []
    candidates = [
        candidate(
            entry,
            cells(
                by_id.get(entry.identifier, {}),
                "space_group",
                "status",
                flags=("kept_prototype",),
            ),
        )
        for entry in entries
    ]
    crystals = [entry.crystal for entry in entries if entry.crystal is not None]
    charts: list[Chart | None] = [
        histogram(
            "Formation energy",
            numbers_of(rows, _AFTER),
            "eV/atom",
            names=_NAMES,
            mark=(0.0, "elements"),
        ),
        histogram(
            "Fall of the energy on relaxing",
            numbers_of(rows, _FALL),
            "ΔEf (eV/atom)",
            names=_NAMES,
            mark=(NEAR, f"{NEAR} eV/atom"),
        ),
        _before_and_after(rows),
        *distributions(crystals, None, _NAMES),
        space_groups(rows),
    ]
    drawn = [chart for chart in charts if chart is not None]
    return Part(title, place, facts, metrics, drawn, candidates, lost)


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    potential, settings = summary["potential"], summary["settings"]
    facts = [
        ("Structures from", str(summary["source"]["name"])),
        ("Potential", f"{potential['name']} {potential['version']}"),
        ("Energy scale", str(potential.get("scale", ""))),
        ("Settings", ", ".join(f"{name} {value}" for name, value in settings.items())),
        ("tfmat", str(summary["tfmat_version"])),
    ]
    return [(label, text) for label, text in facts if text]


def _before_and_after(rows: list[dict[str, str]]) -> Chart | None:
    before, after = (numbers_of(rows, key) for key in (_BEFORE, _AFTER))
    known = np.flatnonzero(np.isfinite(before) & np.isfinite(after))
    if not len(known):
        return None
    before, after = before[known], after[known]
    # The highest are counted, not shown, unless there are few.
    top = float(np.percentile(before, 92)) if len(before) > 25 else float(before.max())
    shown = np.flatnonzero(before <= top)
    low = float(min(after.min(), before.min()))
    high = float(max(after[shown].max(), top))
    room = 0.04 * (high - low)
    title = "Before and after relaxing"
    plot = Plot(
        (low - room, top + room),
        (low - room, high + room),
        title,
        "formation energy as made (eV/atom)",
        "relaxed (eV/atom)",
    )
    plot.line([low, min(top, high)], [low, min(top, high)], "data", "nothing changed")
    names = [rows[known[row]]["id"] for row in shown] if len(shown) <= _CHOSEN else None
    plot.points(before[shown], after[shown], MADE, "structures", names=names)
    hidden = len(before) - len(shown)
    caption = f"{hidden:,} that were higher as made are not shown." if hidden else ""
    return Chart(title, plot.svg(), caption)
