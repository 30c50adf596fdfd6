"""What ``tfmat evaluate hull`` writes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tfmat.csv_tables import read_table
from tfmat.evaluation.hull.output import STRUCTURES, SUMMARY, TABLE
from tfmat.metric import read_metrics
from tfmat.reading import read_record, reading
from tfmat.report.charts import histogram
from tfmat.report.columns import cells
from tfmat.report.contents import Candidate, Chart, Part
from tfmat.report.folders.structures import numbers_of
from tfmat.report.hull_charts import hull_chart

# Systems that are drawn, those with the most generated structures.
_DRAWN = 12


def is_one(place: Path) -> bool:
    """Tells whether a place is such a folder.

    Args:
        place: A folder or a file.
    """
    return all((place / name).is_file() for name in (STRUCTURES, TABLE, SUMMARY))


def read(place: Path) -> Part:
    """Reads such a folder.

    Args:
        place: The folder.

    Raises:
        InputError: It is damaged.
    """
    summary = read_record(place / SUMMARY)
    rows = list(read_table(place / STRUCTURES)[1])
    made = [row for row in rows if row["set"] == "generated"]
    with reading(place / SUMMARY):
        metrics = read_metrics(summary)
        facts = [("Known structures", ", ".join(map(str, summary["against"])))]
        if summary["generated"] is not None:
            facts.insert(0, ("Structures from", str(summary["generated"])))
        scales = sorted({str(scale) for scale in summary["scales"].values() if scale})
        if scales:
            facts.append(("Energy scales", "; ".join(scales)))
        notes = [str(warning) for warning in summary["warnings"]]
        systems = list(summary["hulls"])
        names = [str(row["system"]) for row in summary["table"] if row["system"] != "all"]
        lost = {
            f"{name}: {reason}": int(count)
            for name, reasons in summary["left_out"].items()
            for reason, count in reasons.items()
        }
        charts, left = _hulls(systems, rows)
    above = histogram(
        "Energy above the hull",
        numbers_of(made, "e_above_known_hull"),
        "eV/atom above the hull of the known",
        mark=(0.0, "hull"),
    )
    if above is not None:
        charts.append(above)
    if not systems and any(name.count("-") in (1, 2) for name in names):
        notes.append("No hull is drawn: the folder was written without pictures.")
    if left:
        notes.append(f"{left:,} more systems are in {TABLE}; the largest are drawn.")
    candidates = [
        Candidate(row["id"], row["formula"], cells(row, flags=("stable",))) for row in made
    ]
    title = f"Hulls of {len(names):,} {'system' if len(names) == 1 else 'systems'}"
    return Part(title, place, facts, metrics, charts, candidates, lost, notes)


def _hulls(systems: list[dict[str, object]], rows: list[dict[str, str]]) -> tuple[list[Chart], int]:
    """Draws the largest systems; returns the charts, and how many others could be drawn."""
    names = [str(system["system"]) for system in systems]
    made = Counter(row["system"] for row in rows if row["set"] == "generated")
    known = Counter(row["system"] for row in rows)
    drawable = [name for name in names if name.count("-") in (1, 2)]
    chosen = set(sorted(drawable, key=lambda name: (-made[name], -known[name], name))[:_DRAWN])
    charts = []
    for system, name in zip(systems, names, strict=True):
        if name in chosen:
            elements = set(name.split("-"))
            part = [row for row in rows if set(row["system"].split("-")) <= elements]
            chart = hull_chart(system, part)
            if chart is not None:
                charts.append(chart)
    return charts, len(drawable) - len(chosen)
