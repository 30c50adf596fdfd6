"""Generated formulas measured: validity, uniqueness, novelty, recovery and distributions.

Every number names its denominator. *Samples* are the formulas that a generator gave, duplicates
counted; *distinct* are those formulas once each; *drawn* are also samples that are no formula.
Paper 000 gives validity of samples and recovery of training and held-out formulas by two million
samples; independent draws already match its uniqueness and novelty, so distributions and formulas
of four and more elements stand beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tfmat.evaluation.formulas.sets import Distinct, Drawn, Sample
from tfmat.formulas.statistics import (
    correlations,
    element_frequencies,
    pair_frequencies,
    size_histogram,
    total_variation,
)
from tfmat.matgan.validity.checker import ValidityChecker
from tfmat.metric import Metric, share

CURVE = (10_000, 34_000, 100_000, 340_000, 1_000_000, 2_000_000)
"""Numbers of samples at which uniqueness is given, besides all."""
RECOVERY = (340_000, 2_000_000)
"""Numbers of samples at which recovery is given, besides all."""
IN_ORDER = "counted in the order of sampling"
RAREFACTION = "expected of a random part (rarefaction: times generated are known, not the order)"
MANY = "4+"
"""Formulas of four and more elements."""
_MANY = 4

Rows: TypeAlias = NDArray[np.bool_] | slice


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


@dataclass(frozen=True)
class Measured:
    """What was found of one file or baseline.

    Args:
        counts: ``name``, ``samples``, ``distinct``, ``rejected_rows`` and ``drawn``, ready for
            JSON.
        metrics: All that was measured; docs/evaluating.md describes it.
    """

    counts: dict[str, Any]
    metrics: list[Metric]


def measure(
    sample: Sample, checker: ValidityChecker, references: References, at: Collection[int] = ()
) -> Measured:
    """Measures the formulas of one file or baseline.

    Args:
        sample: The formulas.
        checker: Checks charge neutrality and balance of electronegativity.
        references: What to compare with; what is not given is not measured.
        at: Further numbers of samples at which uniqueness and recovery are measured.
    """
    distinct = Distinct.of(sample.compositions, sample.times)
    metrics = [*validity(distinct, checker, sample.drawn), *uniqueness(distinct, at)]
    if references.training is not None:
        metrics += _against_training(distinct, references.training)
    for name, known in (("training", references.training), ("held_out", references.held_out)):
        if known is not None:
            metrics += recovery(distinct, known, name, at)
    for name, known in references.lists.items():
        metrics += confirmation(distinct, known, references.training, name)
    counts = {
        "name": sample.name,
        "samples": distinct.samples,
        "distinct": len(distinct),
        "rejected_rows": sample.rejected,
        "drawn": None if sample.drawn is None else vars(sample.drawn),
    }
    return Measured(counts, metrics)


def validity(
    distinct: Distinct, checker: ValidityChecker, drawn: Drawn | None = None
) -> Iterator[Metric]:
    """Counts charge-neutral and balanced formulas.

    Args:
        distinct: The formulas.
        checker: Checks charge neutrality and balance of electronegativity.
        drawn: What the formulas were kept of.

    Yields:
        ``neutral`` and ``balanced`` of the samples, ``.._of_distinct``, and ``.._of_drawn`` (all
        that the generator drew) where that is known and all accepted samples were kept; for each
        subset ``n_elements`` the first two, and the share of the samples that it is.
    """
    verdict, judge = checker.check(distinct.compositions), checker.settings.judge()
    kinds = (
        ("neutral", verdict.neutral, "charge-neutral"),
        ("balanced", verdict.balanced, "charge-neutral and electronegativity-balanced"),
    )
    # Whoever drew them drew them one by one.
    sampled = drawn is not None

    def rates(rows: Rows, which: str, subset: dict[str, str | int]) -> Iterator[Metric]:
        times = distinct.times[rows]
        for name, valid, words in kinds:
            for ending, part, whole, of in (
                ("", times[valid[rows]].sum(), times.sum(), "samples"),
                ("_of_distinct", valid[rows].sum(), len(times), "distinct formulas"),
            ):
                yield share(
                    name + ending,
                    int(part),
                    int(whole),
                    f"{words} share of the {of}{which}",
                    subset=subset,
                    judge=judge,
                    sampled=sampled and not ending,
                )

    yield from rates(slice(None), "", {})
    if drawn is not None and drawn.accepted == distinct.samples:
        for name, valid, words in kinds:
            yield share(
                f"{name}_of_drawn",
                int(distinct.times[valid].sum()),
                drawn.samples,
                f"{words} share of all samples that were drawn",
                judge=judge,
                sampled=True,
            )
    sizes = distinct.compositions.n_elements
    for size in np.unique(sizes).tolist():
        rows, subset = sizes == size, {"n_elements": str(size)}
        samples = int(distinct.times[rows].sum())
        note = f"share of the samples with {size} elements"
        yield share("n_elements", samples, distinct.samples, note, subset=subset, sampled=sampled)
        yield from rates(rows, f" of {size} elements", dict(subset))


def uniqueness(distinct: Distinct, at: Collection[int] = ()) -> Iterator[Metric]:
    """Measures how many formulas are distinct after more and more samples.

    Args:
        distinct: The formulas.
        at: Further numbers of samples.

    Yields:
        ``uniqueness`` of all samples and, as subset ``samples``, of each number of them in
        :data:`CURVE` and ``at`` that there is; the numerator is an expected number where the order
        is not known.
    """
    note = "distinct formulas as share of the samples"
    yield share("uniqueness", len(distinct), distinct.samples, note)
    for draws in _numbers((*CURVE, *at), distinct):
        found = _count(distinct.seen_after(draws).sum())
        yield share(
            "uniqueness",
            found,
            draws,
            f"{note}; {how(distinct)}",
            subset={"samples": draws},
        )


def how(distinct: Distinct) -> str:
    """Says how what a part of the samples holds is known.

    Args:
        distinct: The formulas.
    """
    return IN_ORDER if distinct.first is not None else RAREFACTION


def recovery(
    distinct: Distinct, known: Distinct, name: str, at: Collection[int] = ()
) -> Iterator[Metric]:
    """Counts known formulas that were generated.

    Args:
        distinct: The generated formulas.
        known: Training or held-out formulas.
        name: What they are called.
        at: Further numbers of samples.

    Yields:
        ``recovery_NAME`` by all samples and, as subset ``samples``, by each number of them in
        :data:`RECOVERY` and ``at`` that there is; of all known formulas and, as subset
        ``n_elements``, of those of each number of elements and of ``4+``. The numerator is an
        expected number where the order is not known.
    """
    places, sizes = distinct.find(known.keys), known.compositions.n_elements
    parts: list[tuple[dict[str, str | int], Rows]] = [({}, slice(None))]
    parts += [({"n_elements": str(size)}, sizes == size) for size in np.unique(sizes).tolist()]
    parts.append(({"n_elements": MANY}, sizes >= _MANY))
    note = f"share of the {name.replace('_', '-')} formulas that were generated"
    for draws in (*_numbers((*RECOVERY, *at), distinct), None):
        # Place -1: never.
        seen = np.append(distinct.seen_after(draws or distinct.samples), 0.0)[places]
        after: dict[str, str | int] = {} if draws is None else {"samples": draws}
        for subset, rows in parts:
            yield share(
                f"recovery_{name}",
                _count(seen[rows].sum()),
                len(seen[rows]),
                note if draws is None else f"{note}; {how(distinct)}",
                subset={**after, **subset},
            )


def confirmation(
    distinct: Distinct, known: Distinct, training: Distinct | None, name: str
) -> Iterator[Metric]:
    """Counts novel formulas that another list confirms.

    Args:
        distinct: The generated formulas.
        known: The list.
        training: Training formulas, which are neither novel nor a merit to find.
        name: Name of the list.

    Yields:
        As subset ``list``: how many of its formulas that are not in the training set were
        generated, as share of these (``confirmed_of_list``) and of the distinct generated formulas
        that are not in the training set (``confirmed_of_novel``).
    """
    unseen = known if training is None else known.without(training)
    novel = distinct if training is None else distinct.without(training)
    found = int((novel.find(unseen.keys) >= 0).sum())
    for ending, whole, of in (
        ("list", len(unseen), f"the formulas of {name} that are no training formulas"),
        ("novel", len(novel), "the novel formulas"),
    ):
        note = f"found in both, as share of {of}"
        yield share(f"confirmed_of_{ending}", found, whole, note, subset={"list": name})


def _against_training(distinct: Distinct, training: Distinct) -> Iterator[Metric]:
    """Yields novelty, and distances of the samples' distributions from the training set's."""
    made, weights, known = distinct.compositions, distinct.times, training.compositions
    novel = distinct.without(training)
    note = "share of the distinct formulas that are no training formulas"
    yield share("novelty", len(novel), len(distinct), note)
    sizes, of_novel = made.n_elements, novel.compositions.n_elements
    for size in np.unique(sizes).tolist():
        part, whole = int((of_novel == size).sum()), int((sizes == size).sum())
        yield share("novelty", part, whole, note, subset={"n_elements": str(size)})
    elements, pairs = correlations(
        (element_frequencies(made, weights), element_frequencies(known)),
        (pair_frequencies(made, weights), pair_frequencies(known)),
    )
    against = "samples against training formulas"
    yield Metric(
        "n_elements_distance",
        total_variation(size_histogram(made, weights), size_histogram(known)),
        note=f"total variation of the numbers of elements, {against}",
    )
    for name, value, what in (
        ("element_correlation", elements, "elements"),
        ("pair_correlation", pairs, "pairs of elements"),
    ):
        yield Metric(name, value, note=f"Pearson's r of the shares of {what}, {against}")


def _numbers(wanted: Collection[int], distinct: Distinct) -> list[int]:
    """Returns those numbers of samples that are a part of all, ascending."""
    return sorted({number for number in wanted if number < distinct.samples})


def _count(number: float) -> int | float:
    """Returns a whole number where it is one: rarefaction gives expected numbers."""
    return int(number) if float(number).is_integer() else float(number)
