"""Reachable sums of charge as bits of 64-bit words, for many formulas at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions
from tfmat.matgan.validity.oxidation_states import OxidationStates

HIGHEST_SUM = 63
"""The largest sum that has a bit; larger ones drop out."""

LARGEST_COUNT = HIGHEST_SUM + 1
"""More atoms of one element count as so many: any charge on them exceeds the highest sum."""

COUNTS = LARGEST_COUNT + 1
"""Codes of one element: from no atom to the largest count."""
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
        place = elements.electronegativity_order
        order = np.argsort(place, kind="stable")
        rank = np.empty(256, np.intp)
        rank[order] = np.arange(256)
        self._first_code = rank * COUNTS
        self._place = np.repeat(place[order], COUNTS)

        states = [elements.states.get(int(number), ()) for number in order]
        # The Pauling test fails for an element without a value.
        unknown = np.isnan(elements.electronegativity)
        judged = [
            () if unknown[number] else found for found, number in zip(states, order, strict=True)
        ]
        lowest = np.array([found[0] if found else 0 for found in states])
        highest = np.array([found[-1] if found else 0 for found in states])
        self._cations = move_tables([[s for s in found if s > 0] for found in judged])
        self._anions = move_tables([[-s for s in found if s < 0] for found in judged])
        self._steps = move_tables([[s - found[0] for s in found] for found in states])
        self._cation_word = np.bitwise_or.reduce(self._cations, axis=0)
        self._anion_word = np.bitwise_or.reduce(self._anions, axis=0)
        self._step_word = np.bitwise_or.reduce(self._steps, axis=0)
        self._step_mirrored = _mirror(self._step_word)
        # The sum of steps above the lowest states that makes a formula neutral, and the bounds on
        # the charge of its anions and of its cations.
        self._target = charge_sums(-lowest)
        self._most_negative = charge_sums(np.maximum(-lowest, 0))
        self._most_positive = charge_sums(np.maximum(highest, 0))

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
        order_columns(columns)
        return columns

    def balanced(self, codes: Codes) -> NDArray[np.bool_]:
        """Finds formulas whose cations and anions reach a common sum at some cut ``(n,)``."""
        anions = [self._anion_word.take(codes[-1])]
        for column in codes[-2:0:-1]:
            anions.append(reach(anions[-1], column, self._anions))
        places = [self._place.take(column) for column in codes]
        cations = self._cation_word.take(codes[0])
        found = np.zeros(len(cations), np.bool_)
        for cut in range(1, len(codes)):
            common = cations & anions[len(codes) - 1 - cut]
            # Of two elements with one electronegativity neither can be the other's cation.
            found |= (common != 0) & (places[cut - 1] < places[cut])
            if cut < len(codes) - 1:
                cations = reach(cations, codes[cut], self._cations)
        return found

    def neutral(self, codes: Codes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Finds neutral formulas among those that are not known to be balanced.

        Returns:
            Whether each is neutral ``(n,)``, and whether it is certain that it is so and that it is
            not balanced ``(n,)``: no sum that matters lies beyond the highest.
        """
        target, negative, positive = (
            sum((table.take(column) for column in codes), np.zeros(len(codes[0]), np.int64))
            for table in (self._target, self._most_negative, self._most_positive)
        )
        word = self._step_word.take(codes[0])
        for column in codes[1:-1]:
            word = reach(word, column, self._steps)
        # Bit 63 - s of the mirrored word stands for the sum s; moved, it stands for target - s.
        inside = (target >= 0) & (target <= HIGHEST_SUM)
        shift = np.where(inside, HIGHEST_SUM - target, 0).astype(np.uint64)
        wanted = self._step_mirrored.take(codes[-1]) >> shift
        neutral = inside & ((word & wanted) != 0)
        inside_bounds = np.minimum(negative, positive) <= HIGHEST_SUM
        sure = (target <= HIGHEST_SUM) & (inside_bounds | ~neutral)
        return neutral, sure


def order_columns(columns: list[NDArray[Any]]) -> None:
    """Sorts each row over the columns, in place: few columns, each with many rows."""
    for last in range(len(columns) - 1, 0, -1):
        for slot in range(last):
            left, right = columns[slot], columns[slot + 1]
            columns[slot], columns[slot + 1] = np.minimum(left, right), np.maximum(left, right)


def reach(words: Words, codes: NDArray[np.intp], moves: NDArray[np.uint64]) -> Words:
    """Adds an element to words of reachable sums.

    Args:
        words: Sums that can be reached without it ``(n,)``.
        codes: Codes of the element and its count ``(n,)``.
        moves: What ``move_tables`` made ``(states, codes)``. Moving bits is a product with a power
            of two, which costs less than shifting and needs no special case for absent states.
    """
    reached: NDArray[np.uint64] = words * moves[0].take(codes)
    for of_state in moves[1:]:
        reached |= words * of_state.take(codes)
    return reached


def move_tables(charges: Sequence[Sequence[int]]) -> NDArray[np.uint64]:
    """Builds the powers of two by which the states of an element move the bits of a word.

    Args:
        charges: Charges of each element's states, none negative; each element has ``COUNTS`` codes.

    Returns:
        Powers ``(states, codes)``; 0, which moves all bits out, where there is no such state.
    """
    longest = max(len(of_element) for of_element in charges)
    tables = np.zeros((longest, len(charges), COUNTS), np.uint64)
    counts = np.arange(COUNTS)
    for element, of_element in enumerate(charges):
        for place, charge in enumerate(of_element):
            moved = counts * charge
            inside = moved <= HIGHEST_SUM
            tables[place, element, inside] = np.uint64(1) << moved[inside].astype(np.uint64)
    return tables.reshape(longest, -1)


def charge_sums(charges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Multiplies charges with counts ``(codes,)``.

    Args:
        charges: One charge for each element.

    Returns:
        The products, beyond all bounds for the largest count, which stands for larger ones too.
    """
    sums = charges[:, None] * np.arange(COUNTS)
    sums[:, LARGEST_COUNT] = _BEYOND
    return sums.ravel()


def _mirror(words: Words) -> Words:
    """Reverses the order of the 64 bits."""
    octets = words.astype("<u8").view(np.uint8).reshape(-1, 8)
    bits = np.unpackbits(octets, axis=1, bitorder="little")
    packed: Words = np.packbits(bits[:, ::-1], axis=1, bitorder="little").view("<u8").ravel()
    return packed
