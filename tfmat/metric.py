"""A measured number with its meaning: the one form of training, evaluation, cards and ``--json``.

Wherever something is measured, JSON has a key ``metrics`` with a list of these, each with the same
keys::

    {"name": "balanced", "value": 0.844, "unit": "1", "subset": {"n_elements": "3"},
     "numerator": 844, "denominator": 1000, "standard_error": 0.0115, "tolerance": null,
     "judge": {"name": "smact_validity", "version": "4.0.2", "settings": {...}},
     "note": "charge-neutral and electronegativity-balanced share of the formulas"}

Counts that nobody would cite, paths, seconds and settings stay beside that list. What is measured
of nothing is ``null``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import version
from typing import Any, TypeAlias

from tfmat import __version__

Subset: TypeAlias = Mapping[str, str | int]
"""What part of all a metric is of, by what parts it: ``{"n_elements": "3"}``; empty for all."""


@dataclass(frozen=True)
class Tolerance:
    """How far off still counts.

    Args:
        value: The limit.
        unit: Its unit.
    """

    value: float
    unit: str


@dataclass(frozen=True)
class Judge:
    """The tool that said what counts: other versions and settings say something else.

    Args:
        name: Its name.
        version: Its version; for a trained network the SHA-256 of its weights, empty where that
            is not known yet.
        settings: What it was asked, as plain JSON values.
    """

    name: str
    version: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def own(cls, name: str, **settings: Any) -> Judge:
        """Returns a judge of this package.

        Args:
            name: Name of the module.
            **settings: What it was asked.
        """
        return cls(name, __version__, settings)

    @classmethod
    def installed(cls, name: str, distribution: str, **settings: Any) -> Judge:
        """Returns a judge of another package, with the version that is installed.

        Args:
            name: Name of the tool.
            distribution: The package that it comes with.
            **settings: What it was asked.
        """
        return cls(name, version(distribution), settings)

    def __str__(self) -> str:
        words = [f"{self.name} {self.version}".rstrip()]
        words += [f"{key} {value}" for key, value in self.settings.items()]
        return ", ".join(words)


@dataclass(frozen=True)
class Metric:
    """A number with its meaning.

    Args:
        name: What is measured, as a key: ``atom_recall``.
        value: The number; ``None`` where it was measured of nothing (NaN becomes ``None``).
        unit: Its unit; ``1`` for a share, or a number without one.
        subset: The part of all that it is of.
        numerator: Of a share what counts: ``value`` is ``numerator / denominator``; otherwise
            ``None``.
        denominator: Of how many it is a share or a mean; ``None`` if it is neither.
        standard_error: Of ``value`` as an estimate from independent samples; ``None`` where they
            are not, or nobody asked.
        tolerance: How far off still counts.
        judge: The tool that said what counts.
        note: What it was measured on, and how.
    """

    name: str
    value: float | None
    unit: str = "1"
    subset: Subset = field(default_factory=dict)
    numerator: float | None = None
    denominator: float | None = None
    standard_error: float | None = None
    tolerance: Tolerance | None = None
    judge: Judge | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "numerator", "denominator", "standard_error"):
            object.__setattr__(self, name, _number(getattr(self, name)))

    def record(self) -> dict[str, Any]:
        """Returns it as plain JSON values; the keys are the same for every metric."""
        found = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        tolerance, judge = self.tolerance, self.judge
        return found | {
            "subset": dict(self.subset),
            "tolerance": tolerance and vars(tolerance).copy(),
            "judge": judge and {**vars(judge), "settings": dict(judge.settings)},
        }

    @classmethod
    def read(cls, record: Mapping[str, Any], name: str = "") -> Metric:
        """Reads what :meth:`record` gave, or a record of before with value, unit and note alone.

        Args:
            record: Plain JSON values; keys that are no metric's are left out.
            name: What it is called, where the record does not say.
        """
        known = {entry.name: record[entry.name] for entry in fields(cls) if entry.name in record}
        if (tolerance := known.get("tolerance")) is not None:
            known["tolerance"] = Tolerance(tolerance["value"], tolerance["unit"])
        if (judge := known.get("judge")) is not None:
            known["judge"] = Judge(judge["name"], judge["version"], judge["settings"])
        return cls(**{"name": name} | known)

    @property
    def about(self) -> str:
        """What it was measured on, how, and who judged, in one line."""
        return f"{self.note} ({self.judge})".lstrip() if self.judge is not None else self.note

    def percent(self, digits: int = 1) -> str:
        """Returns the share as a percentage; a dash of nothing.

        Args:
            digits: Digits behind the point.
        """
        return "–" if self.value is None else f"{self.value:.{digits}%}"

    def counted(self, digits: int = 1) -> str:
        """Returns the share as ``12 (30.0%)``; a dash of nothing.

        Args:
            digits: Digits behind the point.
        """
        return "–" if self.value is None else f"{self.numerator:,} ({self.percent(digits)})"

    def number(self, digits: int = 3) -> str:
        """Returns the value without its unit; a dash of nothing.

        Args:
            digits: Digits behind the point.
        """
        return "–" if self.value is None else f"{self.value:.{digits}f}"

    def figures(self) -> str:
        """Returns the value in four figures, a large whole number whole; ``none`` of nothing."""
        if self.value is None:
            return "none"
        if abs(self.value) >= 1e4 and float(self.value).is_integer():
            return f"{self.value:,.0f}"
        return f"{self.value:.4g}"


def _number(value: Any) -> float | None:
    """Returns a finite number of Python's, whole where it is one of NumPy's, or ``None``."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if hasattr(value, "__index__") else float(value)


def share(name: str, part: float, whole: float, note: str = "", **more: Any) -> Metric:
    """Returns a share.

    Args:
        name: What is measured.
        part: What counts: a number, or the number that is expected.
        whole: Of how many.
        note: What it is a share of.
        **more: As for :class:`Metric`; ``sampled=True`` gives the binomial standard error, which
            is honest only where the ``whole`` are independent samples.
    """
    value = part / whole if whole else None
    if more.pop("sampled", False) and value is not None:
        more["standard_error"] = math.sqrt(value * (1 - value) / whole)
    return Metric(name, value, numerator=part, denominator=whole, note=note, **more)


def mean(name: str, values: Sequence[float], unit: str, note: str = "", **more: Any) -> Metric:
    """Returns a mean.

    Args:
        name: What is measured.
        values: The numbers, any sequence or array of one axis.
        unit: Their unit.
        note: What it is a mean of; where one of them is no number, there is no mean.
        **more: As for :class:`Metric`; ``sampled=True`` gives the standard error of the mean,
            which is honest only where the values are independent samples.
    """
    count = len(values)
    value = math.fsum(values) / count if count and all(map(math.isfinite, values)) else None
    if more.pop("sampled", False) and value is not None and count > 1:
        squares = math.fsum((number - value) ** 2 for number in values)
        more["standard_error"] = math.sqrt(squares / (count - 1) / count)
    return Metric(name, value, unit, denominator=count, note=note, **more)


def records(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """Returns metrics as the list that stands under ``metrics`` in JSON.

    Args:
        metrics: Any metrics.
    """
    return [metric.record() for metric in metrics]


def read_metrics(found: Mapping[str, Any]) -> list[Metric]:
    """Reads the metrics of a summary.

    Args:
        found: What a command prints with ``--json``, or a function returns.
    """
    return [Metric.read(record) for record in found["metrics"]]


def read_table(table: Mapping[str, Mapping[str, Any]]) -> list[Metric]:
    """Reads metrics by name, as runs and packages keep them.

    Args:
        table: Records by name, also those of before without one.
    """
    return [Metric.read(record, name) for name, record in table.items()]


def read_stages(stages: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[Metric]:
    """Reads metrics by stage and name, as runs and packages keep those of a training.

    Args:
        stages: Records by stage and name.

    Returns:
        Each with its stage as subset.
    """
    return [
        replace(metric, subset={"stage": stage})
        for stage, table in stages.items()
        for metric in read_table(table)
    ]


def find(metrics: Iterable[Metric], name: str, **subset: str | int) -> Metric:
    """Returns the metric of that name and subset.

    Args:
        metrics: Where to look.
        name: Its name.
        **subset: Exactly its subset.

    Raises:
        KeyError: There is none.
    """
    for metric in metrics:
        if metric.name == name and metric.subset == subset:
            return metric
    raise KeyError(f"{name} {subset}".rstrip(" {}"))


def metric_of(found: Mapping[str, Any], name: str, **subset: str | int) -> Metric:
    """Returns one metric of a summary.

    Args:
        found: What a command prints with ``--json``, or a function returns.
        name: Its name.
        **subset: Exactly its subset.

    Raises:
        KeyError: There is none.
    """
    return find(read_metrics(found), name, **subset)


def where(metrics: Iterable[Metric], **subset: str | int) -> list[Metric]:
    """Returns the metrics whose subset has at least these entries, in their order.

    Args:
        metrics: Where to look.
        **subset: Entries of the subset.
    """
    return [metric for metric in metrics if subset.items() <= metric.subset.items()]
