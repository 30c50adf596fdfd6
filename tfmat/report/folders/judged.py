"""What ``tfmat evaluate structures --out`` writes."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

from tfmat.csv_tables import read_table
from tfmat.evaluation.novelty.output import ELEMENTS, SUMMARY, TABLE
from tfmat.metric import read_metrics
from tfmat.reading import read_record, reading
from tfmat.report.charts import bars, curves
from tfmat.report.columns import cells, number
from tfmat.report.contents import Candidate, Chart, Part, Value

_FLAGS = ("distinct", "novel", "structure_valid", "composition_valid", "balanced")
# Elements in the chart of elemental densities, those that most structures hold.
_MOST = 40


def is_one(place: Path) -> bool:
    """Tells whether a place is such a folder.

    Args:
        place: A folder or a file.
    """
    return all((place / name).is_file() for name in (TABLE, SUMMARY))


def read(place: Path) -> Part:
    """Reads such a folder.

    Args:
        place: The folder.

    Raises:
        InputError: It is damaged.
    """
    summary = read_record(place / SUMMARY)
    rows = [row for row in read_table(place / TABLE)[1] if not row["reason"]]
    with reading(place / SUMMARY):
        metrics = read_metrics(summary)
        sets = list(summary["against"])
        facts = [("Structures from", str(summary["generated"]["name"]))]
        if sets:
            facts.append(("Known sets", ", ".join(sets)))
        lost = {str(why): int(n) for why, n in summary["not_judged_by_reason"].items()}
        title = (
            f"{int(summary['distinct']):,} of {int(summary['structures']):,} structures distinct"
        )
    candidates = [Candidate(row["id"], row["formula"], _values(row, sets)) for row in rows]
    charts = _curves(rows, bool(sets)) + _elements(place / ELEMENTS, sets)
    return Part(title, place, facts, metrics, charts, candidates, lost)


def _values(row: dict[str, str], sets: list[str]) -> dict[str, Value]:
    values = cells(row, "space_group", flags=_FLAGS)
    if (above := number(row.get("e_above_hull", ""))) is not None:
        values["e_above_known_hull"] = above
    known = [f"{name}: {row[f'{name}_id']}" for name in sets if row.get(f"{name}_id")]
    return {**values, "known_as": "; ".join(known)} if known else values


def _curves(rows: list[dict[str, str]], novel: bool) -> list[Chart]:
    if len(rows) < 2:
        return []
    count = list(range(1, len(rows) + 1))
    lines = {"distinct": (count, list(accumulate(row["distinct"] == "1" for row in rows)))}
    if novel:
        both = accumulate(row["distinct"] == "1" and row["novel"] == "1" for row in rows)
        lines["distinct and novel"] = (count, list(both))
    title = "Distinct structures against structures judged"
    return [curves(title, lines, "structures judged")]


def _elements(file: Path, sets: list[str]) -> list[Chart]:
    """Draws the elemental densities beside those of the first known set (paper 002, Fig. 4B)."""
    if not file.is_file():
        return []
    rows = list(read_table(file)[1])
    rows.sort(key=lambda row: -(number(row["share"]) or 0.0))
    shown = rows[:_MOST]
    made = {row["element"]: number(row["share"]) or 0.0 for row in shown}
    known = None
    if sets:
        known = {row["element"]: number(row[f"{sets[0]}_share"]) or 0.0 for row in shown}
    caption = "Share of the structures that hold each element."
    if len(rows) > len(shown):
        caption += f" {len(rows) - len(shown):,} less frequent elements are in {file.name}."
    names = ("structures", sets[0] if sets else "")
    chart = bars("Elemental densities", made, "element", known, caption=caption, names=names)
    return [] if chart is None else [chart]
