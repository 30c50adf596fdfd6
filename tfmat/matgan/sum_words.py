"""Reachable sums of charge as bits of 64-bit words, for many formulas at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.compositions import Compositions
from tfmat.matgan.oxidation_states import OxidationStates

HIGHEST_SUM = 63
"""The largest sum that has a bit; larger ones drop out."""

LARGEST_COUNT = HIGHEST_SUM + 1
"""More atoms of one element count as so many: any charge on them exceeds the highest sum."""

_COUNTS = LARGEST_COUNT + 1
# Stands for a sum of charges that is not known, because a count was too large.
_BEYOND = 1 << 20

Words = NDArray[np.uint64]
Codes = list[NDArray[np.intp]]


class SumWords:
    """Tables of words for each (element, count) of one set of oxidation states.

    An element with its count is one *code*. Codes ascend with electronegativity, elements without
    one come last. What lies beyond the highest sum is dropped, which can hide a formula's
    neutrality but not invent it.

    Args:
        elements: Oxidation states and electronegativities.
    """

    def __init__(self, elements: OxidationStates) -> None:
        known = np.nan_to_num(elements.electronegativity, nan=np.inf)
        order = np.argsort(known, kind="stable")
        rank = np.empty(256, np.intp)
        rank[order] = np.arange(256)
        self._first_code = rank * _COUNTS
        # Equal electronegativities get equal classes: no cut goes between them.
        classes = np.unique(known, return_inverse=True)[1]
        self._class = np.repeat(classes[order].astype(np.uint8), _COUNTS)

        states = [elements.states.get(int(number), ()) for number in order]
        judged = [
            found if np.isfinite(known[number]) else ()
            for found, number in zip(states, order, strict=True)
        ]
        lowest = np.array([found[0] if found else 0 for found in states])
        highest = np.array([found[-1] if found else 0 for found in states])
        self._cations = _factors([[s for s in found if s > 0] for found in judged])
        self._anions = _factors([[-s for s in found if s < 0] for found in judged])
        self._steps = _factors([[s - found[0] for s in found] for found in states])
        self._cation_word = np.bitwise_or.reduce(self._cations, axis=0)
        self._anion_word = np.bitwise_or.reduce(self._anions, axis=0)
        self._step_word = np.bitwise_or.reduce(self._steps, axis=0)
        self._step_mirrored = _mirror(self._step_word)
        # The sum of steps above the lowest states that makes a formula neutral, and the bounds on
        # the charge of its anions and of its cations.
        self._target = _sums(-lowest)
        self._most_negative = _sums(np.maximum(-lowest, 0))
        self._most_positive = _sums(np.maximum(highest, 0))

    def codes(self, compositions: Compositions, n_elements: int) -> Codes:
        """Returns the codes of formulas of one size, in the order of electronegativity.

        Args:
            compositions: Formulas with exactly ``n_elements`` elements.
            n_elements: Number of elements.

        Returns:
            ``n_elements`` columns ``(n,)``.
        """
        columns = []
        for slot in range(n_elements):
            column = self._first_code.take(compositions.numbers[:, slot])
            column += np.minimum(compositions.counts[:, slot], LARGEST_COUNT)
            columns.append(column)
        # Neighbours change places until all are in order: few columns, each with many rows.
        for last in range(n_elements - 1, 0, -1):
            for slot in range(last):
                left, right = columns[slot], columns[slot + 1]
                columns[slot], columns[slot + 1] = np.minimum(left, right), np.maximum(left, right)
        return columns

    def balanced(self, codes: Codes) -> NDArray[np.bool_]:
        """Finds formulas whose cations and anions reach a common sum at some cut ``(n,)``."""
        anions = [self._anion_word.take(codes[-1])]
        for column in codes[-2:0:-1]:
            anions.append(_reach(anions[-1], column, self._anions))
        classes = [self._class.take(column) for column in codes]
        cations = self._cation_word.take(codes[0])
        found = np.zeros(len(cations), np.bool_)
        for cut in range(1, len(codes)):
            common = cations & anions[len(codes) - 1 - cut]
            found |= (common != 0) & (classes[cut - 1] != classes[cut])
            if cut < len(codes) - 1:
                cations = _reach(cations, codes[cut], self._cations)
        return found

    def neutral(self, codes: Codes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Finds neutral formulas among those that are not known to be balanced.

        Returns:
            Whether each is neutral ``(n,)``, and whether this and that it is not balanced are sure
            ``(n,)``: no sum that matters lies beyond the highest.
        """
        target, negative, positive = (
            sum((table.take(column) for column in codes), np.zeros(len(codes[0]), np.int64))
            for table in (self._target, self._most_negative, self._most_positive)
        )
        word = self._step_word.take(codes[0])
        for column in codes[1:-1]:
            word = _reach(word, column, self._steps)
        # Bit 63 - s of the mirrored word stands for the sum s; moved, it stands for target - s.
        inside = (target >= 0) & (target <= HIGHEST_SUM)
        shift = np.where(inside, HIGHEST_SUM - target, 0).astype(np.uint64)
        wanted = self._step_mirrored.take(codes[-1]) >> shift
        neutral = inside & ((word & wanted) != 0)
        sure = (target <= HIGHEST_SUM) & (np.minimum(negative, positive) <= HIGHEST_SUM)
        return neutral, sure


def _reach(words: Words, codes: NDArray[np.intp], factors: NDArray[np.uint64]) -> Words:
    """Adds an element: every state moves the bits, which is a product with a power of two."""
    reached = words * factors[0].take(codes)
    for factor in factors[1:]:
        reached |= words * factor.take(codes)
    return reached


def _factors(charges: list[list[int]]) -> NDArray[np.uint64]:
    """Powers of two for each state and code ``(states, codes)``; 0 moves all bits out."""
    longest = max(len(of_element) for of_element in charges)
    factors = np.zeros((longest, len(charges), _COUNTS), np.uint64)
    counts = np.arange(_COUNTS)
    for element, of_element in enumerate(charges):
        for place, charge in enumerate(of_element):
            moved = counts * charge
            inside = moved <= HIGHEST_SUM
            factors[place, element, inside] = np.uint64(1) << moved[inside].astype(np.uint64)
    return factors.reshape(longest, -1)


def _mirror(words: Words) -> Words:
    """Reverses the order of the 64 bits."""
    bits = np.unpackbits(
        words.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
    )
    packed: Words = np.packbits(bits[:, ::-1], axis=1, bitorder="little").view("<u8").ravel()
    return packed


def _sums(charges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Charge of each code ``(codes,)``; beyond all bounds where the count is not known."""
    sums = charges[:, None] * np.arange(_COUNTS)
    sums[:, LARGEST_COUNT] = _BEYOND
    return sums.ravel()
