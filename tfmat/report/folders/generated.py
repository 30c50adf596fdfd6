"""What ``tfmat generate ccdcgan``, ``dcgan`` and ``tfmat screen`` write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfmat.csv_tables import read_table
from tfmat.datasets.generated import FRAMES, SUMMARY, TABLE, is_generated
from tfmat.datasets.importing import ImportOptions
from tfmat.datasets.sources import read_source
from tfmat.metric import read_metrics
from tfmat.reading import read_record, reading
from tfmat.report.charts import histogram
from tfmat.report.columns import cells
from tfmat.report.contents import Candidate, Chart, Part
from tfmat.report.folders.structures import (
    candidate,
    distributions,
    learned,
    numbers_of,
    readable,
    space_groups,
)

_PREDICTED = "predicted_formation_energy_per_atom"


def is_one(place: Path) -> bool:
    """Tells whether a place is such a folder.

    Args:
        place: A folder or a file.
    """
    return is_generated(place) and (place / SUMMARY).is_file()


def read(place: Path) -> Part:
    """Reads such a folder.

    Args:
        place: The folder.

    Raises:
        InputError: It is damaged or was changed.
    """
    summary = read_record(place / SUMMARY)
    rows = list(read_table(place / TABLE)[1])
    with reading(place / SUMMARY):
        metrics = read_metrics(summary)
        lost = {str(reason): int(count) for reason, count in summary["reasons"].items()}
        screened = "tolerance" in summary
        title = _screened(summary) if screened else _generated(summary)
        facts = _facts(summary)
    by_id = {row["id"]: row for row in rows}
    entries = []
    # Of a folder without structures the frames are empty, which no reader takes.
    if (place / FRAMES).stat().st_size:
        entries = readable(read_source(place, ImportOptions()).entries)
    candidates = [
        candidate(entry, cells(by_id.get(entry.identifier, {}), "space_group", "domain"))
        for entry in entries
    ]
    crystals = [entry.crystal for entry in entries if entry.crystal is not None]
    data, name = learned(summary.get("trained_on"))
    charts = [*_energies(rows, candidates), *distributions(crystals, data, ("generated", name))]
    if (groups := space_groups(rows)) is not None:
        charts.append(groups)
    return Part(title, place, facts, metrics, charts, candidates, lost, _notes(rows))


def _generated(summary: dict[str, Any]) -> str:
    made, tried = int(summary["structures"]), int(summary["graphs"])
    return f"{made:,} structures of {tried:,} begun"


def _screened(summary: dict[str, Any]) -> str:
    return f"{int(summary['kept']):,} of {int(summary['structures']):,} structures kept"


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for key, label in (
        ("model", "Model"),
        ("source", "Structures from"),
        ("reference", "Measured from"),
        ("tolerance", "Kept up to (eV/atom)"),
        ("seed", "Seed"),
        ("mode", "Decoding"),
        ("precision", "Precision"),
        ("tfmat_version", "tfmat"),
    ):
        if summary.get(key) is not None:
            facts.append((label, str(summary[key])))
    if isinstance(known := summary.get("trained_on"), dict):
        facts.insert(1, ("Learned from", str(known.get("name", ""))))
    return facts


def _notes(rows: list[dict[str, str]]) -> list[str]:
    outside = sum(row.get("domain", "").startswith("outside") for row in rows)
    judged = sum(bool(row.get("domain")) for row in rows)
    if not outside:
        return []
    return [
        f"The predicted energies of {outside:,} of {judged:,} structures are not to be believed: "
        "they are unlike the structures from which the constraint learned (column Domain)."
    ]


def _energies(rows: list[dict[str, str]], candidates: list[Candidate]) -> list[Chart]:
    inside = [row for row in rows if row.get("domain") == "inside"]
    believed = numbers_of(inside or rows, _PREDICTED)
    title = "Predicted formation energy"
    chart = histogram(title + (", in the domain" if inside else ""), believed, "eV/atom")
    return [] if chart is None or not candidates else [chart]
