"""Reading what was generated, and the table, the summary and the dataset of what is novel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat import files
from tfmat.csv_tables import TableWriter, read_table
from tfmat.datasets.generated import FRAMES, check, is_generated
from tfmat.datasets.generated import TABLE as RESULTS
from tfmat.datasets.sources import Entry, Source, read_source, write_chosen
from tfmat.evaluation.novelty.count import Verdict
from tfmat.evaluation.novelty.index import Match
from tfmat.evaluation.structures.measure import COLUMNS, Measured
from tfmat.figures.counting import distinct_structures
from tfmat.figures.elements import elemental_densities
from tfmat.figures.writing import FOLDER as FIGURES
from tfmat.figures.writing import draw_into
from tfmat.metric import find
from tfmat.work.shards import LINES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLE, SUMMARY, ELEMENTS = "structures.csv", "summary.json", "elements.csv"
# What tfmat generate writes about a crystal graph that became a structure.
_STRUCTURE = "structure"
_PARTS = ("id", "rms_angstrom", "form")


def read_generated(source: str | Path) -> Source:
    """Reads structures to judge, and the crystal graphs from which none came.

    Args:
        source: Whatever :func:`tfmat.datasets.sources.read_source` reads. For a folder that
            ``tfmat generate`` wrote its failures are entries, too, with their status as reason.

    Raises:
        InputError: As :func:`tfmat.datasets.sources.read_source`.
    """
    found = read_frames(source)
    table = Path(source) / RESULTS
    if not table.is_file():
        return found
    columns, lines = read_table(table)
    rows = list(lines) if {"id", "status"} <= set(columns) else []
    known = {entry.identifier for entry in found.entries}
    failed = [
        Entry(row["id"], None, row["status"], RESULTS)
        for row in rows
        if row["status"] != _STRUCTURE and row["id"] not in known
    ]
    return replace(found, entries=[*found.entries, *failed])


def read_frames(source: str | Path) -> Source:
    """Reads structures; a folder of ``tfmat generate`` may hold none, which no other source may.

    Args:
        source: Whatever :func:`tfmat.datasets.sources.read_source` reads.

    Raises:
        InputError: As :func:`tfmat.datasets.sources.read_source`.
    """
    folder = Path(source)
    if not is_generated(folder) or (folder / FRAMES).stat().st_size:
        return read_source(source)
    check(folder)
    sha256 = files.sha256(folder / FRAMES)
    return Source({"name": folder.resolve().name, "format": "extxyz", "sha256": sha256}, [])


def is_output(folder: Path) -> bool:
    """Tells whether a folder holds what ``tfmat evaluate structures`` wrote, and nothing else.

    Args:
        folder: Any folder.
    """
    names = {path.name for path in folder.iterdir()}
    return names - {FIGURES, ELEMENTS, LINES} == {TABLE, SUMMARY}


def write_output(
    folder: Path,
    verdicts: Sequence[Verdict],
    labels: Sequence[str],
    summary: Mapping[str, Any],
    measured: Measured,
    *,
    figures: bool = False,
) -> None:
    """Writes the table of verdicts, that of the elements, and the summary.

    Args:
        folder: An empty folder.
        verdicts: From :func:`tfmat.evaluation.novelty.count.judge`.
        labels: Names of the known sets.
        summary: What to keep beside the table.
        measured: What was found of each structure, and of the elements.
        figures: Draw how many are distinct after more and more of them.
    """
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as stream:
        known = [f"{label}_{part}" for label in labels for part in _PARTS]
        copies = [f"copy_of_{part}" for part in _PARTS]
        columns = ["id", "formula", "atoms", "distinct", *copies, "novel", *known]
        columns += [*COLUMNS, "reason"]
        writer = TableWriter(stream, columns)
        for verdict in verdicts:
            writer.row([*_row(verdict, labels), *measured.row(verdict), verdict.reason])
    with (folder / ELEMENTS).open("w", newline="", encoding="utf-8") as stream:
        writer = TableWriter(stream, ["element", "share", *(f"{name}_share" for name in labels)])
        for row in measured.elements:
            writer.row(row)
    files.write_json(folder / SUMMARY, summary)
    if figures:
        judged = [verdict for verdict in verdicts if not verdict.reason]
        distinct = [verdict.distinct for verdict in judged]
        novel = [verdict.novel for verdict in judged] if labels else None
        draw_into(
            folder,
            lambda: {
                "distinct": lambda _: distinct_structures(distinct, novel),
                "fig4b-elements": lambda _: _elements(measured, labels),
            },
        )


def _elements(measured: Measured, labels: Sequence[str]) -> Figure:
    """Draws the elements beside those of the first known set."""
    made, *known = (
        {row[0]: float(row[column]) for row in measured.elements}
        for column in range(1, 2 + len(labels))
    )
    if not known:
        return elemental_densities(made)
    r = find(measured.metrics, "element_correlation", against=labels[0]).value
    return elemental_densities(made, known[0], labels[0], r)


def _row(verdict: Verdict, labels: Sequence[str]) -> list[Any]:
    def cells(label: str, match: Match | None) -> list[Any]:
        if match is None:
            return [""] * len(_PARTS)
        distance = verdict.distances.get(label, math.nan)
        return [match.identifier, "" if math.isnan(distance) else f"{distance:.6f}", match.form]

    judged = not verdict.reason
    row: list[Any] = [verdict.identifier, verdict.formula, verdict.atoms or ""]
    row += [int(verdict.distinct) if judged else "", *cells("", verdict.copy_of)]
    row.append(int(verdict.novel) if judged and labels else "")
    for label in labels:
        row += cells(label, verdict.known.get(label))
    return row


def write_novel(
    out: Path,
    generated: Source,
    verdicts: Sequence[Verdict],
    summary: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> int:
    """Writes the distinct structures that are novel as a dataset, with their properties.

    Args:
        out: The dataset folder to make.
        generated: The structures that were judged.
        verdicts: The verdicts on them.
        summary: For the dataset's record.
        overwrite: Replace an existing dataset.

    Returns:
        How many were written; no dataset is made of none.

    Raises:
        InputError: ``out`` is in the way.
    """
    chosen = [
        entry
        for entry, verdict in zip(generated.entries, verdicts, strict=True)
        if verdict.distinct and verdict.novel
    ]
    if chosen:
        write_chosen(out, generated, chosen, {"novelty": dict(summary)}, overwrite=overwrite)
    return len(chosen)
