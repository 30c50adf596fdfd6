"""One oxidation state for each element of a neutral composition, of the many that may do.

The rule: the most probable states that make the charge zero. The probability of an element's state
is its share of the reports on that element in ICSD 2024, as smact counted them, and elements count
as independent. A composition that can be balanced gets only states by which it is balanced. A state
that hardly any report names (Ni-1, O-1, Cu+4) is not given: that some such state makes the charge
zero says nothing of the compound, which then gets none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions
from tfmat.matgan.validity.oxidation_states import OxidationStates
from tfmat.matgan.validity.sum_words import (
    COUNTS,
    HIGHEST_SUM,
    LARGEST_COUNT,
    Words,
    charge_sums,
    move_tables,
    order_columns,
    reach,
)

# Sides on which an element can be: with any of its states, as cation, as anion.
_ANY, _CATION, _ANION = range(3)
# A state with a smaller share of the reports on its element is not given. O-1 of peroxides has
# 0.44%, Cu+4 0.04%, Ni-1 0.01%; Mn+7 of permanganates 0.70%, Ni+4 1.2%, S-1 of pyrite 3.1%.
RAREST = 0.005
# A state that was never reported is as probable as half a report.
_NO_REPORT = 0.5
# A step that no remaining charge allows.
_NEVER = np.uint64(1 << 40)
# More than the slots of any composition: one for each element.
_SLOTS = 256


class StateAssigner:
    """Assigns oxidation states to neutral compositions.

    Args:
        elements: Oxidation states, electronegativities and reports.
    """

    def __init__(self, elements: OxidationStates) -> None:
        self._places = elements.electronegativity_order
        self._ions = [[_ion(elements, number, side) for number in range(256)] for side in range(3)]
        every = [(side, number) for side in range(3) for number in range(256)]
        # Elements with few states go first: what follows then divides into few cases.
        every.sort(key=lambda ion: len(self._ions[ion[0]][ion[1]].states))
        ranked = [self._ions[side][number] for side, number in every]
        self._rank = np.empty((3, 256), np.int64)
        for rank, (side, number) in enumerate(every):
            self._rank[side, number] = rank
        self._depth = np.array([len(ion.states) for ion in ranked])
        longest = int(self._depth.max())
        self._states = np.zeros((longest, len(ranked)), np.int8)
        self._log_shares = np.zeros((longest, len(ranked)))
        moved = np.full((longest, len(ranked), COUNTS), _NEVER)
        for rank, ion in enumerate(ranked):
            length = len(ion.states)
            self._states[:length, rank] = ion.states
            self._log_shares[:length, rank] = ion.log_shares
            moved[:length, rank] = np.outer(ion.steps, np.arange(COUNTS))
        self._moved = moved.reshape(longest, -1)
        self._moves = move_tables([ion.steps for ion in ranked])
        self._target = charge_sums(np.array([-ion.lowest for ion in ranked]))
        self._most = charge_sums(np.array([max(ion.states, default=0) for ion in ranked]))

    def assign(
        self, chunk: Compositions, n_elements: int, balanced: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Assigns states to neutral compositions of one size.

        Args:
            chunk: Neutral compositions of exactly ``n_elements`` elements, two or more.
            n_elements: Number of elements.
            balanced: Which of them are balanced too ``(n,)``.

        Returns:
            Oxidation states in the order of the slots ``(n, n_elements)``, and the probability of
            all of them together ``(n,)``; zeros and NaN where only states that are too rare would
            do.
        """
        numbers, counts = chunk.numbers[:, :n_elements], chunk.counts[:, :n_elements]
        owners, sides = self._cases(numbers, balanced)
        codes = self._rank[sides, numbers[owners]] * COUNTS
        codes += np.minimum(counts[owners], LARGEST_COUNT)
        # The slot rides along while the columns are put in order.
        keys = [codes[:, slot] * _SLOTS + slot for slot in range(n_elements)]
        order_columns(keys)
        target, most = (
            np.sum([table.take(key // _SLOTS) for key in keys], axis=0)
            for table in (self._target, self._most)
        )
        possible = (target >= 0) & (most >= 0)
        large = possible & (target > HIGHEST_SUM)
        cases = np.flatnonzero(possible & ~large)
        found = self._solutions([key[cases] // _SLOTS for key in keys], target[cases])

        cases = cases[found.cases]
        best = np.full(len(numbers), -np.inf)
        np.maximum.at(best, owners[cases], found.log_share)
        # Of equals the first: the last that is written to a row is the one that stays.
        equals = np.flatnonzero(found.log_share == best[owners[cases]])[::-1]
        winner = np.full(len(numbers), -1)
        winner[owners[cases[equals]]] = equals
        solved = np.flatnonzero(winner >= 0)
        winner = winner[solved]
        states = np.zeros(numbers.shape, np.int8)
        for key, of_column in zip(keys, found.states, strict=True):
            states[solved, key[cases[winner]] % _SLOTS] = of_column[winner]
        for row in np.unique(owners[large]):
            atoms = numbers[row].tolist(), counts[row].tolist()
            best[row], found_states = self.assign_one(*atoms, bool(balanced[row]))
            states[row] = found_states or 0
        return states, np.where(np.isfinite(best), np.exp(best), np.nan)

    def _cases(
        self, numbers: NDArray[np.uint8], balanced: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Lists the ways in which the elements of each row can be cations and anions.

        Returns:
            Rows ``(cases,)`` and the side of each of their elements ``(cases, elements)``: for a
            balanced row one case for each cut in the order of electronegativity, for another one
            in which every element may be either.
        """
        undivided = np.flatnonzero(~balanced)
        rows = np.flatnonzero(balanced)
        places = self._places[numbers[rows]]
        # How many elements are less electronegative. Equals stay together: cuts can coincide.
        below = np.sum([places[:, [slot]] < places for slot in range(places.shape[1])], axis=0)
        cuts = range(places.shape[1] - 1, 0, -1)
        sides = [np.where(below < cut, _CATION, _ANION) for cut in cuts]
        sides.append(np.full((len(undivided), places.shape[1]), _ANY))
        return np.concatenate([*[rows] * len(cuts), undivided]), np.concatenate(sides)

    def _solutions(self, columns: list[NDArray[np.int64]], left: NDArray[np.int64]) -> _Solutions:
        """Follows all combinations of states that can still become neutral, element by element.

        Args:
            columns: Codes of the elements of each case, one column ``(cases,)`` after the other.
            left: How far the sum of all states must lie above the sum of the lowest ones
                ``(cases,)``, at most ``HIGHEST_SUM``.
        """
        words: list[Words] = [np.ones(len(left), np.uint64)]  # sums that the elements behind reach
        for column in columns[:0:-1]:
            words.append(reach(words[-1], column, self._moves))
        cases = np.arange(len(left))
        left_now = left.astype(np.uint64)
        log_share = np.zeros(len(left))
        states: list[NDArray[np.int8]] = []
        for number, column in enumerate(columns):
            code = column[cases]
            rank = code // COUNTS
            depth = int(self._depth[rank].max(initial=0))
            # A step larger than what is left wraps around, and no bit is so far up.
            ahead = left_now - self._moved[:depth].take(code, axis=1)
            possible = (words.pop()[cases] >> ahead & np.uint64(1)).astype(np.bool_)
            # One line for each case and state, in the order of the cases.
            line, place = np.nonzero(possible.T)
            cases, left_now, rank = cases[line], ahead[place, line], rank[line]
            log_share = log_share[line] + self._log_shares[place, rank]
            states = [of_column[line] for of_column in states] + [self._states[place, rank]]
            if 0 < number < len(columns) - 2:
                # Of lines that have come to the same sum only the best can win.
                keep = _best_of_equals(
                    cases * (HIGHEST_SUM + 1) + left_now.astype(np.int64), log_share
                )
                cases, left_now, log_share = cases[keep], left_now[keep], log_share[keep]
                states = [of_column[keep] for of_column in states]
        return _Solutions(cases, states, log_share)

    def assign_one(
        self, numbers: Sequence[int], counts: Sequence[int], balanced: bool
    ) -> tuple[float, tuple[int, ...]]:
        """Assigns states to one neutral composition, whatever its counts.

        Args:
            numbers: Atomic numbers, each once, two or more.
            counts: Atoms of each.
            balanced: Whether the composition is balanced too.

        Returns:
            The logarithm of the probability, and the states; minus infinity and none where only
            states that are too rare would do.
        """
        _, divisions = self._cases(np.array([numbers], np.uint8), np.array([balanced]))
        divisor = math.gcd(*counts)
        atoms = [count // divisor for count in counts]
        best: tuple[float, tuple[int, ...]] = (-math.inf, ())
        for sides in divisions.tolist():
            ions = [self._ions[side][n] for side, n in zip(sides, numbers, strict=True)]
            best = max(best, _most_probable(ions, atoms), key=lambda found: found[0])
        return best


@dataclass(frozen=True)
class _Ion:
    """An element on one side.

    Args:
        states: The states that it may have there, ascending.
        log_shares: Logarithm of each one's share of the reports.
        lowest: The first of them; 0 where there is none.
        steps: How far each lies above the lowest.
    """

    states: tuple[int, ...]
    log_shares: tuple[float, ...]
    lowest: int
    steps: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Solutions:
    """Combinations of states that make a case neutral, several for some cases.

    Args:
        cases: The case of each combination ``(m,)``.
        states: States, one column ``(m,)`` for each column of the cases.
        log_share: Logarithm of the combination's probability ``(m,)``.
    """

    cases: NDArray[np.int64]
    states: list[NDArray[np.int8]]
    log_share: NDArray[np.float64]


def _best_of_equals(keys: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Returns for each different key where its largest value lies, ascending."""
    order = np.lexsort((-values, keys))
    first = np.ones(len(order), np.bool_)
    first[1:] = keys[order[1:]] != keys[order[:-1]]
    best: NDArray[np.int64] = np.sort(order[first])
    return best


def _most_probable(ions: Sequence[_Ion], atoms: Sequence[int]) -> tuple[float, tuple[int, ...]]:
    """Returns the logarithm of the probability and the states of one case; none is -inf."""
    # Charges that the elements behind each one can still add, as bits from their lowest sum on.
    words = [1]
    for ion, count in zip(reversed(ions), reversed(atoms), strict=True):
        reached = 0
        for step in ion.steps:
            reached |= words[-1] << step * count
        words.append(reached)
    left = -sum(ion.lowest * count for ion, count in zip(ions, atoms, strict=True))
    if left < 0 or not words.pop() >> left & 1:
        return -math.inf, ()
    best: dict[int, tuple[float, tuple[int, ...]]] = {left: (0.0, ())}
    for ion, count in zip(ions, atoms, strict=True):
        following = words.pop()
        found: dict[int, tuple[float, tuple[int, ...]]] = {}
        for left, (log_share, states) in best.items():
            for state, step, more in zip(ion.states, ion.steps, ion.log_shares, strict=True):
                ahead = left - step * count
                if ahead < 0 or not following >> ahead & 1:
                    continue
                if ahead not in found or found[ahead][0] < log_share + more:
                    found[ahead] = log_share + more, (*states, state)
        best = found
    return best[0]


def _ion(elements: OxidationStates, number: int, side: int) -> _Ion:
    every = elements.states.get(number, ())
    reports = elements.reports.get(number, {})
    weight = {state: reports.get(state, 0) + _NO_REPORT for state in every}
    total = sum(weight.values())
    states = tuple(
        state
        for state in every
        if weight[state] >= RAREST * total and (side == _ANY or (state > 0) == (side == _CATION))
    )
    log_shares = tuple(math.log(weight[state] / total) for state in states)
    lowest = min(states, default=0)
    return _Ion(states, log_shares, lowest, tuple(state - lowest for state in states))
