"""Charge neutrality and electronegativity balance of millions of compositions, as smact judges.

smact tries every combination of oxidation states. Here the sums of charge that a formula can reach
are the bits of one 64-bit word: an element with the states 2 and 3, twice in the formula, turns the
word into ``word << 4 | word << 6``. Many formulas go through each of these steps at once.

With the elements in the order of electronegativity, a balanced formula has cations up to some cut
and anions behind it. It is balanced where cations and anions reach a common sum.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.validity.assignment import StateAssigner
from tfmat.matgan.validity.exact import ExactValidity
from tfmat.matgan.validity.oxidation_states import SETS, oxidation_states, smact_version
from tfmat.matgan.validity.sum_words import SumWords
from tfmat.metric import Judge, Metric, share

# Formulas in one step: words of a few columns stay in the processor's cache.
_CHUNK = 8192


class SettingsRecord(TypedDict):
    """What must stand beside every rate: tool, version, set and flags."""

    tool: str
    smact_version: str
    oxidation_states: str
    alloys: bool
    mixed_valence: bool


@dataclass(frozen=True)
class ValiditySettings:
    """What smact is asked. Its verdicts mean nothing without these.

    Args:
        oxidation_states: Set of oxidation states: ``smact14`` (the paper's), ``icsd16``,
            ``icsd24`` or ``default``.
        alloys: Whether formulas of metals alone pass without a test (smact's ``include_alloys``).

    Raises:
        InputError: There is no such set.
    """

    oxidation_states: str = "smact14"
    alloys: bool = False

    def __post_init__(self) -> None:
        if self.oxidation_states not in SETS:
            raise InputError(
                f"no set of oxidation states is called {self.oxidation_states!r}: "
                f"take one of {', '.join(SETS)}"
            )

    def describe(self) -> SettingsRecord:
        """Returns what must stand beside every rate: tool, version, set and flags."""
        return {
            "tool": "smact_validity",
            "smact_version": smact_version(),
            "oxidation_states": self.oxidation_states,
            "alloys": self.alloys,
            "mixed_valence": False,
        }

    def judge(self) -> Judge:
        """Returns the judge of every rate: our own check, and what of smact it repeats."""
        return Judge.own("tfmat.matgan.validity", **self.describe())


@dataclass(frozen=True, eq=False)
class Validity:
    """Verdicts on many compositions.

    Args:
        neutral: One oxidation state for each element makes the charge zero ``(n,)``; smact's answer
            without the Pauling test.
        balanced: Such states exist with every cation less electronegative than every anion
            ``(n,)``; smact's answer with the Pauling test.
    """

    neutral: NDArray[np.bool_]
    balanced: NDArray[np.bool_]


class ValidityChecker:
    """Judges compositions exactly as ``smact_validity`` of smact 4.0.2 does, without mixed valence.

    Where smact raises an error (a formula of several elements with one beyond lawrencium, of which
    smact knows nothing) or the composition is empty, the answer is no.

    Args:
        settings: What smact would be asked.
    """

    def __init__(self, settings: ValiditySettings | None = None) -> None:
        self.settings = settings or ValiditySettings()
        self._elements = oxidation_states(self.settings.oxidation_states)
        self._words = _sum_words(self.settings.oxidation_states)
        self._exact = ExactValidity(self._elements)

    def check(self, compositions: Compositions) -> Validity:
        """Judges neutrality and balance at once.

        Args:
            compositions: Any elements and counts; the counts need not be reduced.
        """
        neutral = np.zeros(len(compositions), np.bool_)
        balanced = np.zeros(len(compositions), np.bool_)
        for n_elements, rows in chunks_by_size(compositions, _CHUNK):
            if n_elements == 1:
                neutral[rows] = balanced[rows] = True
                continue
            verdict = self._check_chunk(compositions[rows], n_elements, self.settings.alloys)
            neutral[rows], balanced[rows] = verdict.neutral, verdict.balanced
        return Validity(neutral, balanced)

    def assign(self, compositions: Compositions) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Gives each neutral composition the oxidation states that most likely make it so.

        ``tfmat.matgan.validity.assignment`` says which ones of several. A single element has 0.
        Metals that pass as an alloy and by no other means get none, nor does a composition that
        only very rare states make neutral.

        Args:
            compositions: As for ``check``.

        Returns:
            Oxidation states in the order of the slots ``(n, slots)``, zeros where none are given,
            and their likelihood ``(n,)``: the product of each state's share of the reports on its
            element, NaN where none are given.
        """
        assigner = _assigner(self.settings.oxidation_states)
        states = np.zeros(compositions.numbers.shape, np.int8)
        likelihood = np.full(len(compositions), np.nan)
        for n_elements, rows in chunks_by_size(compositions, _CHUNK):
            if n_elements == 1:
                likelihood[rows] = 1.0
                continue
            chunk = compositions[rows]
            verdict = self._check_chunk(chunk, n_elements, alloys=False)
            some = np.flatnonzero(verdict.neutral)
            states[rows[some], :n_elements], likelihood[rows[some]] = assigner.assign(
                chunk[some], n_elements, verdict.balanced[some]
            )
        return states, likelihood

    def _alloys(self, chunk: Compositions, n_elements: int) -> NDArray[np.bool_]:
        metals: NDArray[np.bool_] = np.all(
            self._elements.metal[chunk.numbers[:, :n_elements]], axis=1
        )
        return metals

    def _check_chunk(self, chunk: Compositions, n_elements: int, alloys: bool) -> Validity:
        """Judges compositions of the same number of elements, two or more."""
        words = self._words
        codes = words.codes(chunk, n_elements)
        balanced = words.balanced(codes)
        if alloys:
            balanced |= self._alloys(chunk, n_elements)
        neutral = balanced.copy()
        rest = np.flatnonzero(~balanced)
        neutral[rest], sure = words.neutral([column[rest] for column in codes])
        unsure = rest[~sure]
        numbers = chunk.numbers[unsure, :n_elements].tolist()
        counts = chunk.counts[unsure, :n_elements].tolist()
        for row, *atoms in zip(unsure, numbers, counts, strict=True):
            neutral[row], balanced[row] = self._exact.judge(*atoms)
        return Validity(neutral, balanced)


def chunks_by_size(
    compositions: Compositions, size: int
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yields rows with the same number of elements, at most so many at a time.

    Args:
        compositions: What to divide; empty compositions are left out.
        size: Most rows in one part.

    Yields:
        The number of elements and the rows.
    """
    n_elements = compositions.n_elements
    for number in range(1, compositions.numbers.shape[1] + 1):
        rows = np.flatnonzero(n_elements == number)
        for start in range(0, len(rows), size):
            yield number, rows[start : start + size]


@functools.cache
def _sum_words(name: str) -> SumWords:
    return SumWords(oxidation_states(name))


@functools.cache
def _assigner(name: str) -> StateAssigner:
    return StateAssigner(oxidation_states(name))


def rates(compositions: Compositions, checker: ValidityChecker) -> list[Metric]:
    """Counts neutral and balanced compositions, in all and by number of elements.

    Args:
        compositions: What to judge, duplicates included.
        checker: Whose verdicts to take.

    Returns:
        The shares ``neutral`` and ``balanced`` of all and, as subset ``n_elements``, of those of
        each number of elements.
    """
    verdict = checker.check(compositions)
    n_elements, judge = compositions.n_elements, checker.settings.judge()
    parts: list[tuple[dict[str, str | int], Any]] = [({}, slice(None))]
    parts += [({"n_elements": str(n)}, n_elements == n) for n in np.unique(n_elements).tolist()]
    return [
        share(
            name,
            int(np.count_nonzero(valid[rows])),
            len(valid[rows]),
            f"{words} share of the formulas",
            subset=subset,
            judge=judge,
        )
        for subset, rows in parts
        for name, valid, words in (
            ("neutral", verdict.neutral, "charge-neutral"),
            ("balanced", verdict.balanced, "charge-neutral and electronegativity-balanced"),
        )
    ]
