"""The space of formulas: every choice of elements with every reduced ratio of small counts.

A formula is a number: which set of elements, times which ratio. So any part of a space of eight
thousand million quaternaries can be made without the rest, in order or drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, mix
from tfmat.matgan.elements import MAX_COUNT, MAX_ELEMENTS, MIN_ELEMENTS, NUMBERS

BLOCK = 1 << 17
"""Formulas in a block: some megabytes."""
# Ratios are kept as a table.
_MOST_RATIOS = 1 << 24
# Four rounds make a Feistel network look random; small spaces take some more.
_ROUNDS = 8


class Space:
    """All reduced formulas of so many different elements with at most so many atoms of each.

    Args:
        n_elements: Different elements of a formula, 2 to 8.
        max_count: Most atoms of one element in the reduced formula.
        numbers: Atomic numbers to choose from ``(m,)``; the 85 of MatGAN by default.

    Attributes:
        ratios: Every reduced ratio, in lexicographic order ``(r, n_elements)``.
        element_sets: How many choices of elements there are.
        size: How many formulas.

    Raises:
        InputError: There are not so many elements, or too many ratios to list.
    """

    def __init__(
        self,
        n_elements: int,
        max_count: int = MAX_COUNT,
        numbers: NDArray[np.uint8] = NUMBERS,
    ) -> None:
        if not MIN_ELEMENTS <= n_elements <= MAX_ELEMENTS or max_count < 1:
            raise InputError(
                f"{n_elements} elements of at most {max_count} atoms: give {MIN_ELEMENTS} to "
                f"{MAX_ELEMENTS} elements and at least 1 atom"
            )
        if n_elements > len(numbers):
            raise InputError(
                f"`elements`: formulas of {n_elements} elements need as many, not {len(numbers)}"
            )
        if max_count**n_elements > _MOST_RATIOS:
            raise InputError(
                f"`max_count` {max_count}: too many ratios of {n_elements} elements; lower it"
            )
        self.n_elements = n_elements
        self.max_count = max_count
        self.numbers = np.sort(numbers).astype(np.uint8)
        self.ratios = reduced_ratios(n_elements, max_count)
        self.element_sets = math.comb(len(numbers), n_elements)
        self.size = self.element_sets * len(self.ratios)

    def at(self, indices: NDArray[np.int64]) -> Compositions:
        """Returns some of the formulas.

        Args:
            indices: Their numbers, 0 to :attr:`size` - 1 ``(n,)``.
        """
        which, ratio = np.divmod(indices, len(self.ratios))
        places = choices(which, len(self.numbers), self.n_elements)
        return Compositions(self.numbers[places], self.ratios[ratio].astype(np.uint16))

    def blocks(self, part: range | None = None) -> Iterator[Compositions]:
        """Yields all formulas in order, a block at a time.

        Args:
            part: Only the blocks with these numbers.
        """
        for start in _starts(self.size, part):
            yield self.at(np.arange(start, min(start + BLOCK, self.size)))

    def sample(self, n: int, seed: int, part: range | None = None) -> Iterator[Compositions]:
        """Yields formulas drawn at random, none twice, a block at a time.

        Args:
            n: How many; all of them if there are no more.
            seed: The same seed gives the same formulas.
            part: Only the blocks with these numbers.
        """
        if n >= self.size:
            yield from self.blocks(part)
            return
        for start in _starts(n, part):
            places = np.arange(start, min(start + BLOCK, n))
            yield self.at(shuffled(places, self.size, [seed, self.n_elements]))


def _starts(total: int, part: range | None) -> range:
    """Returns where blocks begin: all, or those of a part."""
    starts = range(0, total, BLOCK)
    return starts if part is None else starts[part.start : part.stop]


def choices(indices: NDArray[np.int64], of: int, size: int) -> NDArray[np.int64]:
    """Returns some of the ways to choose several of many things.

    Args:
        indices: Which of the ways, numbered by the combinatorial number system ``(n,)``.
        of: How many things there are.
        size: How many are chosen.

    Returns:
        The things chosen, as ascending numbers from 0, shape ``(n, size)``.
    """
    chosen = np.empty((len(indices), size), np.int64)
    for slot in range(size - 1, -1, -1):
        # How many ways have their last thing before the j-th.
        before = np.array([math.comb(j, slot + 1) for j in range(of + 1)], np.int64)
        chosen[:, slot] = np.searchsorted(before, indices, side="right") - 1
        indices = indices - before[chosen[:, slot]]
    return chosen


def reduced_ratios(n_elements: int, max_count: int) -> NDArray[np.uint8]:
    """Returns every tuple of counts from 1 to a largest one without a common divisor.

    Args:
        n_elements: Length of the tuples.
        max_count: The largest count.

    Returns:
        In lexicographic order, shape ``(r, n_elements)``.
    """
    counts = np.indices((max_count,) * n_elements).reshape(n_elements, -1).T + 1
    return np.asarray(counts[np.gcd.reduce(counts, axis=1) == 1], dtype=np.uint8)


def shuffled(places: NDArray[np.int64], size: int, seed: list[int]) -> NDArray[np.int64]:
    """Returns what stands at some places of a random order of the numbers below a size.

    The order is never made: a Feistel network permutes the numbers of twice so many bits as are
    needed for half of them, and what falls beyond the size goes through it again.

    Args:
        places: Different numbers below ``size`` ``(n,)``.
        size: How many numbers there are, at least 1.
        seed: The same seed gives the same order.

    Returns:
        Different numbers below ``size`` ``(n,)``.
    """
    half = np.uint64(max(1, -(-(size - 1).bit_length() // 2)))
    low = (np.uint64(1) << half) - np.uint64(1)
    keys = np.random.default_rng(seed).integers(0, 2**63, _ROUNDS, np.uint64)
    numbers = places.astype(np.uint64)
    rows = np.arange(len(places))
    while len(rows):
        left, right = numbers[rows] >> half, numbers[rows] & low
        for key in keys:
            left, right = right, left ^ (mix(right ^ key) & low)
        numbers[rows] = left << half | right
        rows = rows[numbers[rows] >= size]
    return numbers.astype(np.int64)
