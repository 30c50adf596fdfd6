"""Enumerates the space of formulas and says which share of it is valid.

Shares come with two denominators. Of *formulas*: each choice of elements with each reduced ratio
counts once. Of *combinations*: each choice of species (an element in an oxidation state) with each
reduced ratio counts once, as exhaustive enumerations in the literature do; a formula then counts as
often as its elements have choices of oxidation states. The second is always exact and takes no
time; the first is exact where a space is gone through, and an estimate where it is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.elements import MAX_COUNT
from tfmat.matgan.generating.masks import Masks
from tfmat.matgan.space.formulas import BLOCK, Space
from tfmat.matgan.space.species import count_combinations
from tfmat.matgan.validity.checker import Validity, ValidityChecker, ValiditySettings
from tfmat.matgan.validity.oxidation_states import oxidation_states
from tfmat.metric import Judge, Metric, records, share
from tfmat.progress import Progress

# A space with more formulas is sampled unless the user wants all of it: ternaries take some 20 s.
_MOST_TO_GO_THROUGH = 100_000_000
_SAMPLE = 1_000_000
_MOST_ELEMENTS = 4

Sink = Callable[[Compositions, Validity], object]


@dataclass(frozen=True)
class EnumerationOptions:
    """What to enumerate.

    Args:
        n_elements: Fewest and most elements of a formula, 2 to 4; by default all of these that
            there are elements for.
        max_count: Most atoms of one element in the reduced formula.
        elements: Symbols of the elements to choose from; empty means all 85.
        valid_only: Hand on only charge-neutral formulas with balanced electronegativities.
        limit: Stop after so many formulas were handed on.
        sample: Draw so many formulas for each number of elements instead of all.
        seed: Of the draw.
        exhaustive: Go through every space, however large.
        validity: How validity is judged.

    Raises:
        InputError: The values contradict each other or make no sense.
    """

    n_elements: tuple[int, int] | None = None
    max_count: int = MAX_COUNT
    elements: Sequence[str] = ()
    valid_only: bool = False
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    exhaustive: bool = False
    validity: ValiditySettings = field(default_factory=ValiditySettings)

    def __post_init__(self) -> None:
        low, high = self.sizes
        asked = f"`n_elements` {low if low == high else f'{low}-{high}'}"
        if not 2 <= low <= high <= _MOST_ELEMENTS:
            raise InputError(
                f"{asked}: give a range within 2-{_MOST_ELEMENTS}, smaller number first"
            )
        if self.sample is not None and self.exhaustive:
            raise InputError("`sample` and `exhaustive`: give one of them")
        # Symbols and counts are checked like those of a generation.
        masks = Masks(tuple(self.elements), n_elements=(low, high), max_count=self.max_count)
        there = len(masks.allowed)
        if high > there:
            fewer = f"{low}-{there}" if low < there else f"{there}"
            raise InputError(
                f"{asked}: only {there} elements may be there; give `n_elements` {fewer}, or name "
                "more with `elements`"
            )

    @property
    def sizes(self) -> tuple[int, int]:
        """Fewest and most elements of a formula."""
        if self.n_elements is not None:
            return self.n_elements
        there = len(set(self.elements)) or _MOST_ELEMENTS
        return 2, max(2, min(there, _MOST_ELEMENTS))

    def numbers(self) -> NDArray[np.uint8]:
        """Returns the atomic numbers to choose from, ascending ``(m,)``."""
        allowed = Masks(tuple(self.elements)).allowed
        return np.array(sorted(symbols().index(symbol) for symbol in allowed), np.uint8)

    def spaces(self) -> list[Space]:
        """Returns the space of each number of elements."""
        numbers, (low, high) = self.numbers(), self.sizes
        return [Space(size, self.max_count, numbers) for size in range(low, high + 1)]

    def record(self) -> dict[str, Any]:
        """Returns the options as plain JSON values."""
        return {
            "n_elements": list(self.sizes),
            "max_count": self.max_count,
            "elements": list(self.elements),
            "valid_only": self.valid_only,
            "limit": self.limit,
            "sample": self.sample,
            "seed": self.seed,
            "exhaustive": self.exhaustive,
            "validity": self.validity.describe() if self.valid_only else None,
        }


def enumerate_space(
    options: EnumerationOptions, sink: Sink | None = None, part: range | None = None
) -> dict[str, Any]:
    """Goes through the space, or a sample of it, and counts what is valid.

    Nothing is kept in memory but a block of formulas.

    Args:
        options: What to enumerate.
        sink: Takes the formulas block by block, with the verdicts on them.
        part: Only these of all :func:`blocks_of` the spaces, for which nothing ends at ``limit``.

    Returns:
        ``settings`` of the check; ``by_elements``, for each number of elements and in ``total``
        over them: ``space`` (its number of formulas), ``examined``, ``how`` (``all``, ``sample`` or
        ``first``), numbers of ``neutral`` and ``balanced`` formulas, and of ``combinations``; and
        ``metrics``, of all and as subset ``n_elements``: ``neutral`` and ``balanced`` with their
        standard errors, each space weighted by its size, and ``.._of_combinations``. Formulas have
        no shares where ``limit`` stopped the way through the space.
    """
    checker = ValidityChecker(options.validity)
    counts: dict[str, Counts] = {}
    written = 0
    before = 0
    for space, blocks in zip(options.spaces(), blocks_of(options), strict=True):
        found = counts[str(space.n_elements)] = Counts()
        left = options.limit - written if options.limit is not None else None
        own = None
        if part is not None:
            own = range(max(0, part.start - before), max(0, min(blocks, part.stop - before)))
        before += blocks
        if left is None or left > 0:
            written += _go_through(space, options, checker, found, sink, left, own)
    return summarise(options, counts, written)


def blocks_of(options: EnumerationOptions) -> list[int]:
    """Returns for each number of elements in how many blocks its formulas come.

    Args:
        options: What to enumerate.
    """
    return [-(-_blocks(space, options)[1] // BLOCK) for space in options.spaces()]


def summarise(
    options: EnumerationOptions, counts: Mapping[str, Counts], written: int
) -> dict[str, Any]:
    """Returns what :func:`enumerate_space` does, of what was counted.

    Args:
        options: What was enumerated.
        counts: What was seen of the space of each number of elements.
        written: How many formulas were handed on.
    """
    states = oxidation_states(options.validity.oxidation_states)
    judge = options.validity.judge()
    parts: dict[str, dict[str, Any]] = {}
    metrics: list[Metric] = []
    for space in options.spaces():
        size = str(space.n_elements)
        combinations = count_combinations(
            space.n_elements, states, options.max_count, space.numbers
        )
        part = {"space": space.size, **vars(counts[size]), "combinations": vars(combinations)}
        parts[size] = part
        metrics += [replace(one, subset={"n_elements": size}) for one in _shares(part, judge)]
    return {
        "settings": options.validity.describe(),
        "max_count": options.max_count,
        "elements": len(options.spaces()[0].numbers),
        "seed": options.seed,
        "written": written,
        "by_elements": parts,
        "total": _total(list(parts.values())),
        "metrics": records([*metrics, *_shares_of_all(list(parts.values()), metrics, judge)]),
    }


@dataclass
class Counts:
    """What was seen of one space.

    Attributes:
        how: ``all``, ``sample`` or, up to a limit, the ``first``.
        examined: Formulas.
        neutral: Neutral ones.
        balanced: Neutral and balanced ones.
    """

    how: str = "first"
    examined: int = 0
    neutral: int = 0
    balanced: int = 0


_KINDS = {
    "neutral": "charge-neutral",
    "balanced": "charge-neutral and electronegativity-balanced",
}


def _shares(part: Mapping[str, Any], judge: Judge) -> Iterator[Metric]:
    """Yields the shares of one number of elements: of its formulas and of its combinations."""
    examined, size = part["examined"], part["space"]
    for name, words in _KINDS.items():
        if part["how"] == "first" or not examined:
            note = f"{words} share of the formulas; not known, for the way ended at a limit"
            yield Metric(name, None, judge=judge, note=note)
        else:
            rate = part[name] / examined
            yield share(
                name,
                part[name],
                examined,
                f"{words} share of the formulas ({part['how']} of {size:,})",
                standard_error=_standard_error(rate, examined, size),
                judge=judge,
            )
        yield _of_combinations(name, part["combinations"], judge)


def _of_combinations(name: str, counts: Mapping[str, int], judge: Judge) -> Metric:
    note = f"{_KINDS[name]} share of the combinations of species, charges and ratios"
    return share(f"{name}_of_combinations", counts[name], counts["total"], note, judge=judge)


def _shares_of_all(
    parts: Sequence[Mapping[str, Any]], metrics: Sequence[Metric], judge: Judge
) -> Iterator[Metric]:
    """Yields the shares of all numbers of elements, each space weighted by its size."""
    sizes = [part["space"] for part in parts]
    total = _total(parts)
    for name, words in _KINDS.items():
        found = [metric for metric in metrics if metric.name == name]
        value = error = None
        if all(metric.value is not None for metric in found):
            value = sum(n * (m.value or 0) for n, m in zip(sizes, found, strict=True)) / sum(sizes)
            squares = [
                (n * (m.standard_error or 0)) ** 2 for n, m in zip(sizes, found, strict=True)
            ]
            error = math.sqrt(sum(squares)) / sum(sizes)
        yield Metric(
            name,
            value,
            denominator=sum(sizes),
            standard_error=error,
            judge=judge,
            note=f"{words} share of the formulas, each number of elements weighted by how many",
        )
        yield _of_combinations(name, total["combinations"], judge)


def _go_through(
    space: Space,
    options: EnumerationOptions,
    checker: ValidityChecker,
    found: Counts,
    sink: Sink | None,
    left: int | None,
    part: range | None,
) -> int:
    """Examines a space block by block; returns how many formulas were handed on."""
    blocks, total, found.how = _blocks(space, options, part)
    written = 0
    if part is not None:
        total = max(0, min(total, part.stop * BLOCK) - part.start * BLOCK)
    with Progress(f"{space.n_elements} elements", total, "formula") as progress:
        for block in blocks:
            verdict = checker.check(block)
            found.examined += len(block)
            found.neutral += int(np.count_nonzero(verdict.neutral))
            found.balanced += int(np.count_nonzero(verdict.balanced))
            progress.update(len(block))
            rows = verdict.balanced if options.valid_only else np.ones(len(block), bool)
            chosen = np.flatnonzero(rows)[: None if left is None else left - written]
            written += len(chosen)
            if sink is not None and len(chosen):
                sink(block[chosen], Validity(verdict.neutral[chosen], verdict.balanced[chosen]))
            if left is not None and written >= left:
                if found.examined < total:
                    found.how = "first"
                break
    return written


def _blocks(
    space: Space, options: EnumerationOptions, part: range | None = None
) -> tuple[Iterator[Compositions], int, str]:
    """Returns the formulas to look at, how many they are, and whether they are all of them."""
    wanted = options.sample
    if wanted is None and space.size > _MOST_TO_GO_THROUGH and not options.exhaustive:
        wanted = _SAMPLE
    # Up to a limit formulas come in order, however large the space is.
    in_order = options.limit is not None and options.sample is None
    if in_order or wanted is None or wanted >= space.size:
        return space.blocks(part), space.size, "all"
    return space.sample(wanted, options.seed, part), wanted, "sample"


def _standard_error(rate: float, examined: int, size: int) -> float:
    """Standard error of a share that was estimated from a sample without replacement."""
    return math.sqrt(rate * (1 - rate) / examined * (1 - examined / size))


def _total(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Adds up the counts of all numbers of elements."""
    return {
        "space": sum(part["space"] for part in parts),
        "examined": sum(part["examined"] for part in parts),
        "combinations": {
            key: sum(part["combinations"][key] for part in parts)
            for key in ("total", "neutral", "balanced")
        },
    }
