"""Measured formulas as a table of text: one column for each file or baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tfmat.datasets.summary import validity_line
from tfmat.evaluation.formulas.measure import RAREFACTION

_MISSING = "–"
_GAP = "  "
_DENOMINATORS = {
    "of_drawn": "samples drawn",
    "of_samples": "samples",
    "of_distinct": "distinct",
}


def render(summary: Mapping[str, Any]) -> str:
    """Writes the summary of ``tfmat evaluate compositions`` as lines of text.

    Args:
        summary: ``validity_settings``, ``references`` and ``results`` (of
            :func:`tfmat.evaluation.formulas.measure.measure`).

    Returns:
        A heading and a table; percentages, with what they are of in the name of each row.
    """
    results = summary["results"]
    table = _Table(results)
    if any(result["drawn"] for result in results):
        for key, label in (("samples", "samples drawn"), ("accepted", "accepted of these")):
            table.row(label, partial(_drawn, key=key))
    table.row("samples", lambda result: _whole(result["samples"]))
    table.row("distinct formulas", lambda result: _whole(result["distinct"]))
    if any(result["rejected_rows"] for result in results):
        table.row("rows without a formula", lambda result: _whole(result["rejected_rows"]))
    _validity(table)
    _uniqueness(table)
    _recovery(table, summary["references"])
    _confirmation(table)
    _distributions(table)
    return "\n".join([*_heading(summary), "", *table.lines()])


class _Table:
    """Rows of text: a label and a cell for each result."""

    def __init__(self, results: Sequence[Mapping[str, Any]]) -> None:
        self.results = results
        self._rows: list[tuple[str, list[str]]] = [("", [result["name"] for result in results])]

    def heading(self, text: str) -> None:
        """Starts a section."""
        self._rows += [("", []), (text, [])]

    def row(self, label: str, cell: Callable[[Mapping[str, Any]], str]) -> None:
        """Adds a row."""
        self._rows.append((label, [cell(result) for result in self.results]))

    def lines(self) -> list[str]:
        """Returns the lines, with columns as wide as they need."""
        first = max(len(label) for label, cells in self._rows if cells)
        widths = [
            max(len(cells[column]) for _, cells in self._rows if cells)
            for column in range(len(self.results))
        ]
        lines = []
        for label, cells in self._rows:
            padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
            lines.append(_GAP.join([label.ljust(first), *padded]) if cells else label)
        return lines


def _heading(summary: Mapping[str, Any]) -> list[str]:
    lines = [f"validity by {validity_line(summary['validity_settings'])}"]
    references = summary["references"]
    named = [("training set", references.get("training")), ("held out", references.get("held_out"))]
    named += list(references.get("lists", {}).items())
    for name, entry in named:
        if entry is None:
            continue
        notes = [
            f"{_whole(entry[key])} {words}"
            for key, words in (
                ("duplicates", "duplicate rows left out"),
                ("rejected_rows", "rows without a formula"),
                ("in_training_too", "that are in the training set left out"),
            )
            if entry.get(key)
        ]
        extra = f" ({', '.join(notes)})" if notes else ""
        lines.append(f"{name}: {entry['source']}, {_whole(entry['formulas'])} formulas{extra}")
    if "baselines" in summary:
        n, seed = summary["baselines"]["n"], summary["baselines"]["seed"]
        lines.append(f"baselines: {_whole(n)} formulas each, seed {seed}")
    return lines


def _validity(table: _Table) -> None:
    table.heading("valid, %")
    for kind, label in (("charge_neutral", "charge-neutral"), ("balanced", "and balanced")):
        for part, of in _DENOMINATORS.items():
            if part == "of_drawn" and not any(result["drawn"] for result in table.results):
                continue
            table.row(f"{label}, of {of}", partial(_valid, kind=kind, part=part))
    table.heading("by number of elements: % of samples; of these neutral, balanced")
    sizes = {size for result in table.results for size in result["validity"]["by_n_elements"]}
    for size in sorted(sizes, key=int):
        table.row(size, partial(_of_size, size=size))


def _valid(result: Mapping[str, Any], kind: str, part: str) -> str:
    return _rate(result["validity"][kind][part])


def _drawn(result: Mapping[str, Any], key: str) -> str:
    return _whole(result["drawn"][key]) if result["drawn"] else _MISSING


def _of_size(result: Mapping[str, Any], size: str) -> str:
    part = result["validity"]["by_n_elements"].get(size)
    if part is None:
        return _MISSING
    rates = [part[kind]["of_samples"] for kind in ("charge_neutral", "balanced")]
    share = part["samples"] / result["samples"]
    return f"{_rate(share)}; {_rate(rates[0])}, {_rate(rates[1])}"


def _uniqueness(table: _Table) -> None:
    expected = any(result["uniqueness_curve"]["how"] == RAREFACTION for result in table.results)
    table.heading("unique, % of the first samples" + (" (~ expected: order unknown)" * expected))
    steps = {
        point["samples"]
        for result in table.results
        for point in result["uniqueness_curve"]["points"]
        if point["samples"] < result["samples"]
    }
    for step in sorted(steps):
        table.row(_whole(step), partial(_curve, draws=step))
    table.row("all", lambda result: _rate(result["uniqueness"]))


def _curve(result: Mapping[str, Any], draws: int) -> str:
    for point in result["uniqueness_curve"]["points"]:
        if point["samples"] == draws:
            return _expected(result, draws) + _rate(point["uniqueness"])
    return _MISSING


def _expected(result: Mapping[str, Any], draws: int) -> str:
    """Returns the mark of an expected number, for a part of samples whose order is not known."""
    unknown = result["uniqueness_curve"]["how"] == RAREFACTION
    return "~" if unknown and draws < result["samples"] else ""


def _recovery(table: _Table, references: Mapping[str, Any]) -> None:
    for key, name in (("training", "training"), ("held_out", "held-out")):
        if key not in references:
            continue
        steps = {
            point["samples"]
            for result in table.results
            for point in result["recovery"]
            if point["samples"] < result["samples"]
        }
        for step in [*sorted(steps), None]:
            draws = f"{_whole(step)} samples" if step is not None else "all samples"
            table.heading(f"{name} formulas found in {draws}, %")
            # Of the last point: all samples. Each result compares with the same formulas.
            for part, entry in table.results[0]["recovery"][-1][key].items():
                label = part if part == "all" else f"{part} elements"
                table.row(
                    f"{label}, of {_whole(entry['of'])}",
                    partial(_recovered, draws=step, key=key, part=part),
                )


def _recovered(result: Mapping[str, Any], draws: int | None, key: str, part: str) -> str:
    wanted = result["samples"] if draws is None else draws
    for point in result["recovery"]:
        if point["samples"] == wanted:
            return _expected(result, wanted) + _rate(point[key][part]["share"])
    return _MISSING


def _confirmation(table: _Table) -> None:
    lists = table.results[0].get("confirmation", {})
    if not lists:
        return
    table.heading(
        "novel formulas confirmed by another list: number, % of it (training formulas aside)"
    )
    for name in lists:
        table.row(name, partial(_confirmed, name=name))


def _confirmed(result: Mapping[str, Any], name: str) -> str:
    entry = result["confirmation"][name]
    return f"{_whole(entry['found'])}, {_rate(entry['share_of_list'])}"


def _distributions(table: _Table) -> None:
    if "novelty" not in table.results[0]:
        return
    table.heading("against the training set")
    table.row("novel, % of distinct", lambda result: _rate(result["novelty"]))
    for key, label in (
        ("n_elements_distance", "numbers of elements, total variation"),
        ("element_correlation", "elements, Pearson's r"),
        ("pair_correlation", "pairs of elements, Pearson's r"),
    ):
        table.row(label, partial(_value, key=key))


def _whole(number: int) -> str:
    return f"{number:,}"


def _rate(share: float | None) -> str:
    return _MISSING if share is None else f"{100 * share:.1f}"


def _value(result: Mapping[str, Any], key: str) -> str:
    value = result[key]
    return _MISSING if value is None else f"{value:.3f}"
