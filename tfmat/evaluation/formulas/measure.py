"""Generated formulas measured: validity, uniqueness, novelty, recovery and distributions.

Every number names its denominator. *Samples* are the formulas that a generator gave, duplicates
counted; *distinct* are those formulas once each; *drawn* are also samples that are no formula.
Paper 000 gives validity of samples and recovery of training and held-out formulas by two million
samples; independent draws already match its uniqueness and novelty, so distributions and formulas
of four and more elements stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from tfmat.evaluation.formulas.sets import Distinct, Drawn, Sample
from tfmat.evaluation.formulas.statistics import (
    correlations,
    element_frequencies,
    pair_frequencies,
    size_histogram,
    total_variation,
)
from tfmat.formulas.compositions import Compositions

CURVE = (10_000, 34_000, 100_000, 340_000, 1_000_000, 2_000_000)
"""Numbers of samples at which uniqueness is given."""
RECOVERY = (340_000, 2_000_000)
"""Numbers of samples at which recovery is given, besides the whole file."""
IN_ORDER = "counted in the order of sampling"
RAREFACTION = "expected of a random part (rarefaction: times generated are known, not the order)"
_MANY = 4

Judge: TypeAlias = Callable[[Compositions], tuple[NDArray[np.bool_], NDArray[np.bool_]]]
"""Tells which compositions are charge-neutral, and which of them balanced."""


@dataclass(frozen=True)
class References:
    """The formulas that generated ones are compared with.

    Args:
        training: Formulas that the generator was trained on.
        held_out: Formulas that it has not seen; none of them is in ``training``.
        lists: Further formulas by the name of their list, for cross-confirmation.
    """

    training: Distinct | None = None
    held_out: Distinct | None = None
    lists: Mapping[str, Distinct] = field(default_factory=dict)


class Uniqueness(TypedDict):
    """A point of the curve of uniqueness."""

    samples: int
    distinct: float
    uniqueness: float | None


class Found(TypedDict):
    """How many of known formulas were generated."""

    found: float
    of: int
    share: float | None


class Confirmation(TypedDict):
    """How many novel formulas another list confirms."""

    listed: int
    found: int
    share_of_list: float | None
    share_of_novel: float | None


def measure(sample: Sample, judge: Judge, references: References) -> dict[str, Any]:
    """Measures the formulas of one file or baseline.

    Args:
        sample: The formulas.
        judge: Checks charge neutrality and balance of electronegativity.
        references: What to compare with; what is not given is not measured.

    Returns:
        Plain numbers, strings, lists and dictionaries, ready for JSON; docs/evaluating.md
        describes them.
    """
    distinct = Distinct.of(sample.compositions, sample.times)
    result: dict[str, Any] = {
        "name": sample.name,
        "samples": distinct.samples,
        "distinct": len(distinct),
        "rejected_rows": sample.rejected,
        "uniqueness": _share(len(distinct), distinct.samples),
        "drawn": None if sample.drawn is None else vars(sample.drawn),
        "validity": validity(distinct, judge, sample.drawn),
        "uniqueness_curve": {
            "how": IN_ORDER if distinct.first is not None else RAREFACTION,
            "points": uniqueness_curve(distinct),
        },
        "n_elements": {
            str(n): share
            for n, share in enumerate(size_histogram(distinct.compositions, distinct.times))
            if share
        },
    }
    if references.training is not None:
        result |= _against_training(distinct, references.training)
    if references.training is not None or references.held_out is not None:
        result["recovery"] = recovery(distinct, references)
    if references.lists:
        result["confirmation"] = {
            name: confirmation(distinct, known, references.training)
            for name, known in references.lists.items()
        }
    return result


def validity(distinct: Distinct, judge: Judge, drawn: Drawn | None = None) -> dict[str, Any]:
    """Counts charge-neutral and balanced formulas.

    Args:
        distinct: The formulas.
        judge: Checks charge neutrality and balance of electronegativity.
        drawn: What the formulas were kept of.

    Returns:
        ``charge_neutral`` and ``balanced``, each with its share ``of_samples``, ``of_distinct``
        and ``of_drawn`` (all that the generator drew; ``None`` where that is not known or not all
        accepted samples were kept); and under ``by_n_elements`` the first two with numbers of
        ``samples`` and ``distinct`` for each number of elements.
    """
    neutral, balanced = judge(distinct.compositions)
    sizes = distinct.compositions.n_elements

    def rates(rows: NDArray[np.bool_] | slice) -> dict[str, dict[str, float | None]]:
        times = distinct.times[rows]
        return {
            name: {
                "of_samples": _share(int(times[valid[rows]].sum()), int(times.sum())),
                "of_distinct": _share(int(valid[rows].sum()), len(times)),
            }
            for name, valid in (("charge_neutral", neutral), ("balanced", balanced))
        }

    total = rates(slice(None))
    all_kept = drawn is not None and drawn.accepted == distinct.samples
    for name, valid in (("charge_neutral", neutral), ("balanced", balanced)):
        good = int(distinct.times[valid].sum())
        total[name]["of_drawn"] = _share(good, drawn.samples) if drawn and all_kept else None
    by_size = {}
    for size in np.unique(sizes).tolist():
        rows = sizes == size
        samples = int(distinct.times[rows].sum())
        by_size[str(size)] = {"samples": samples, "distinct": int(rows.sum()), **rates(rows)}
    return {**total, "by_n_elements": by_size}


def uniqueness_curve(distinct: Distinct) -> list[Uniqueness]:
    """Returns distinct formulas and their share after more and more samples.

    Args:
        distinct: The formulas.

    Returns:
        For each number of samples of :data:`CURVE` that there is, and for all: ``samples``,
        ``distinct`` (an expected number where the order is not known) and ``uniqueness``.
    """
    points: list[Uniqueness] = []
    for draws in _steps(CURVE, distinct.samples):
        found = _count(distinct.seen_after(draws).sum())
        points.append({"samples": draws, "distinct": found, "uniqueness": _share(found, draws)})
    return points


def recovery(distinct: Distinct, references: References) -> list[dict[str, Any]]:
    """Counts training and held-out formulas that were generated.

    Args:
        distinct: The generated formulas.
        references: With training or held-out formulas.

    Returns:
        For each number of samples of :data:`RECOVERY` that there is, and for all: ``samples`` and,
        for ``training`` and ``held_out``, ``found`` (an expected number where the order is not
        known), ``of`` and ``share``: of ``all``, by number of elements, and of ``4+``.
    """
    named = {"training": references.training, "held_out": references.held_out}
    known = {name: formulas for name, formulas in named.items() if formulas is not None}
    places = {name: distinct.find(formulas.keys) for name, formulas in known.items()}
    points = []
    for draws in _steps(RECOVERY, distinct.samples):
        seen = np.append(distinct.seen_after(draws), 0.0)  # place -1: never
        point: dict[str, Any] = {"samples": draws}
        for name, formulas in known.items():
            point[name] = _by_size(formulas.compositions.n_elements, seen[places[name]])
        points.append(point)
    return points


def confirmation(distinct: Distinct, known: Distinct, training: Distinct | None) -> Confirmation:
    """Counts novel formulas that another list confirms.

    Args:
        distinct: The generated formulas.
        known: The list.
        training: Training formulas, which are neither novel nor a merit to find.

    Returns:
        ``listed`` formulas that are not in the training set, and ``found``: how many of them were
        generated, as ``share_of_list`` and as ``share_of_novel`` (distinct generated formulas that
        are not in the training set).
    """
    unseen = known if training is None else known.without(training)
    novel = distinct if training is None else distinct.without(training)
    found = int((novel.find(unseen.keys) >= 0).sum())
    return {
        "listed": len(unseen),
        "found": found,
        "share_of_list": _share(found, len(unseen)),
        "share_of_novel": _share(found, len(novel)),
    }


def _against_training(distinct: Distinct, training: Distinct) -> dict[str, Any]:
    """Returns novelty, and distances of the samples' distributions from the training set's."""
    made, weights, known = distinct.compositions, distinct.times, training.compositions
    novel = len(distinct.without(training))
    elements, pairs = correlations(
        (element_frequencies(made, weights), element_frequencies(known)),
        (pair_frequencies(made, weights), pair_frequencies(known)),
    )
    return {
        "novel": novel,
        "novelty": _share(novel, len(distinct)),
        "n_elements_distance": total_variation(
            size_histogram(made, weights), size_histogram(known)
        ),
        "element_correlation": elements,
        "pair_correlation": pairs,
    }


def _by_size(sizes: NDArray[np.int64], seen: NDArray[np.float64]) -> dict[str, Found]:
    def part(rows: NDArray[np.bool_] | slice) -> Found:
        found, of = _count(seen[rows].sum()), len(seen[rows])
        return {"found": found, "of": of, "share": _share(found, of)}

    result = {"all": part(slice(None))}
    result |= {str(size): part(sizes == size) for size in np.unique(sizes).tolist()}
    return {**result, f"{_MANY}+": part(sizes >= _MANY)}


def _steps(wanted: tuple[int, ...], samples: int) -> list[int]:
    """Returns the wanted numbers of samples that there are, and all samples."""
    return sorted({*(number for number in wanted if number < samples), samples})


def _share(part: float, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _count(number: float) -> int | float:
    """Returns a whole number where it is one: rarefaction gives expected numbers."""
    return int(number) if float(number).is_integer() else float(number)
