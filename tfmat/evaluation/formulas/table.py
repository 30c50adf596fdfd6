"""Measured formulas as a table of text: one column for each file or baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tfmat.datasets.summary import validity_line
from tfmat.evaluation.formulas.measure import RAREFACTION
from tfmat.metric import Metric, read_metrics

_MISSING = "–"
_GAP = "  "
_DENOMINATORS = {"_of_drawn": "samples drawn", "": "samples", "_of_distinct": "distinct"}


class _Result:
    """One column of the table: counts and metrics of a file or baseline."""

    def __init__(self, counts: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
        self.counts = counts
        self.metrics = {
            (metric.name, frozenset(metric.subset.items()) - {("set", counts["name"])}): metric
            for metric in metrics
            if metric.subset.get("set") == counts["name"]
        }

    def get(self, name: str, **subset: str | int) -> Metric | None:
        """Returns a metric, if it was measured."""
        return self.metrics.get((name, frozenset(subset.items())))

    def subsets(self, name: str, key: str) -> list[Any]:
        """Returns all values of a key in the subsets of a metric, in their order."""
        found = [dict(subset).get(key) for other, subset in self.metrics if other == name]
        return list(dict.fromkeys(value for value in found if value is not None))


def render(summary: Mapping[str, Any]) -> str:
    """Writes the summary of ``tfmat evaluate compositions`` as lines of text.

    Args:
        summary: ``validity_settings``, ``references``, ``results`` and ``metrics`` (of
            :func:`tfmat.evaluation.formulas.evaluate.evaluate_compositions`).

    Returns:
        A heading and a table; percentages, with what they are of in the name of each row.
    """
    metrics = read_metrics(summary)
    table = _Table([_Result(counts, metrics) for counts in summary["results"]])
    if any(result.counts["drawn"] for result in table.results):
        for key, label in (("samples", "samples drawn"), ("accepted", "accepted of these")):
            table.row(label, partial(_drawn, key=key))
    table.row("samples", lambda result: _whole(result.counts["samples"]))
    table.row("distinct formulas", lambda result: _whole(result.counts["distinct"]))
    if any(result.counts["rejected_rows"] for result in table.results):
        table.row("rows without a formula", lambda result: _whole(result.counts["rejected_rows"]))
    _validity(table)
    _uniqueness(table)
    _recovery(table)
    _confirmation(table)
    _distributions(table)
    if "autoencoder" in summary:
        _decodability(table, metrics, summary["autoencoder"]["model"])
    if "energies" in summary:
        _energies(table, summary["energies"])
    return "\n".join([*_heading(summary), "", *table.lines()])


class _Table:
    """Rows of text: a label and a cell for each result."""

    def __init__(self, results: Sequence[_Result]) -> None:
        self.results = results
        self._rows: list[tuple[str, list[str]]] = [
            ("", [result.counts["name"] for result in results])
        ]

    def heading(self, text: str) -> None:
        """Starts a section."""
        self._rows += [("", []), (text, [])]

    def row(self, label: str, cell: Callable[[_Result], str]) -> None:
        """Adds a row."""
        self._rows.append((label, [cell(result) for result in self.results]))

    def measured(self, name: str, key: str) -> list[Any]:
        """Returns all values of a key in the subsets of a metric of any result."""
        found = [value for result in self.results for value in result.subsets(name, key)]
        return list(dict.fromkeys(found))

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
    for kind, label in (("neutral", "charge-neutral"), ("balanced", "and balanced")):
        for ending, of in _DENOMINATORS.items():
            if ending == "_of_drawn" and not any(r.counts["drawn"] for r in table.results):
                continue
            table.row(f"{label}, of {of}", partial(_rate, name=kind + ending))
    table.heading("by number of elements: % of samples; of these neutral, balanced")
    for size in sorted(table.measured("n_elements", "n_elements"), key=int):
        table.row(size, partial(_of_size, size=size))


def _drawn(result: _Result, key: str) -> str:
    return _whole(result.counts["drawn"][key]) if result.counts["drawn"] else _MISSING


def _of_size(result: _Result, size: str) -> str:
    names = ("n_elements", "neutral", "balanced")
    if result.get("n_elements", n_elements=size) is None:
        return _MISSING
    of_all, neutral, balanced = (_rate(result, name=name, n_elements=size) for name in names)
    return f"{of_all}; {neutral}, {balanced}"


def _uniqueness(table: _Table) -> None:
    steps = sorted(table.measured("uniqueness", "samples"))
    cells = [
        _rate(result, "uniqueness", samples=step) for result in table.results for step in steps
    ]
    expected = " (~ expected: order unknown)" if "~" in "".join(cells) else ""
    table.heading("unique, % of the first samples" + expected)
    for step in steps:
        table.row(_whole(step), partial(_rate, name="uniqueness", samples=step))
    table.row("all", partial(_rate, name="uniqueness"))


def _recovery(table: _Table) -> None:
    for key, words in (("recovery_training", "training"), ("recovery_held_out", "held-out")):
        # Each result compares with the same formulas.
        first = table.results[0]
        if first.get(key) is None:
            continue
        for step in [*sorted(table.measured(key, "samples")), None]:
            draws = f"{_whole(step)} samples" if step is not None else "all samples"
            table.heading(f"{words} formulas found in {draws}, %")
            at = {} if step is None else {"samples": step}
            for size in (None, *first.subsets(key, "n_elements")):
                part = {} if size is None else {"n_elements": size}
                metric = first.get(key, **part)
                label = "all" if size is None else f"{size} elements"
                of = 0 if metric is None else metric.denominator
                table.row(f"{label}, of {of:,}", partial(_rate, name=key, **at, **part))


def _confirmation(table: _Table) -> None:
    lists = table.results[0].subsets("confirmed_of_list", "list")
    if not lists:
        return
    table.heading(
        "novel formulas confirmed by another list: number, % of it (training formulas aside)"
    )
    for name in lists:
        table.row(name, partial(_confirmed, name=name))


def _confirmed(result: _Result, name: str) -> str:
    metric = result.get("confirmed_of_list", list=name)
    return f"{metric.numerator:,}, {_percent(metric)}" if metric is not None else _MISSING


def _distributions(table: _Table) -> None:
    if table.results[0].get("novelty") is None:
        return
    table.heading("against the training set")
    table.row("novel, % of distinct", partial(_rate, name="novelty"))
    for size in sorted(table.measured("novelty", "n_elements"), key=int):
        table.row(f"– of {size} elements", partial(_rate, name="novelty", n_elements=size))
    for name, label in (
        ("n_elements_distance", "numbers of elements, total variation"),
        ("element_correlation", "elements, Pearson's r"),
        ("pair_correlation", "pairs of elements, Pearson's r"),
    ):
        table.row(label, partial(_value, name=name))


def _decodability(table: _Table, metrics: Sequence[Metric], model: str) -> None:
    table.heading(f"found of the formulas that {model} decodes, and of the others, %")
    for metric in metrics:
        if metric.name != "decoded":
            continue
        name = str(metric.subset["list"])
        words = name.replace("_", "-")
        assert metric.numerator is not None  # noqa: S101
        assert metric.denominator is not None  # noqa: S101
        rest = int(metric.denominator - metric.numerator)
        kinds = (
            ("yes", f"{words}, {_whole(int(metric.numerator))} decoded ({metric.percent()})"),
            ("no", f"{words}, {_whole(rest)} not decoded"),
        )
        for decoded, label in kinds:
            table.row(label, partial(_rate, name=f"recovery_{name}", decoded=decoded))


def _energies(table: _Table, settings: Mapping[str, Any]) -> None:
    element = settings["element"]
    which = f"distinct balanced formulas{f' with {element}' * bool(element)}"
    table.heading(f"predicted formation energy of {which}, by {settings['model']}")
    subset: dict[str, str] = {"element": element or "all"}
    name = "mean_predicted_formation_energy_per_atom"
    table.row(
        "formulas", lambda result: _whole(int(_of(result, "predicted", **subset).denominator or 0))
    )
    table.row("– predicted, %", lambda result: _rate(result, "predicted", **subset))
    table.row("– mean, eV/atom", lambda result: _of(result, name, **subset).number())
    table.row("– below 0 eV/atom, %", lambda result: _rate(result, "below_0", **subset))


def _of(result: _Result, name: str, **subset: str | int) -> Metric:
    """Returns a metric that every result has."""
    metric = result.get(name, **subset)
    assert metric is not None  # noqa: S101
    return metric


def _whole(number: int) -> str:
    return f"{number:,}"


def _rate(result: _Result, name: str, **subset: str | int) -> str:
    """Returns a share as a percentage; ~ marks an expected number, a dash what is not there."""
    metric = result.get(name, **subset)
    if metric is None:
        return _MISSING
    return ("~" if metric.note.endswith(RAREFACTION) else "") + _percent(metric)


def _percent(metric: Metric) -> str:
    return _MISSING if metric.value is None else f"{100 * metric.value:.1f}"


def _value(result: _Result, name: str) -> str:
    metric = result.get(name)
    return _MISSING if metric is None else metric.number()
