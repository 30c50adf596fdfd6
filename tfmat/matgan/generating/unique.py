"""Formulas seen so far, found again by a 64-bit key: memory for each different one alone.

A table with open addressing in NumPy: a whole batch of keys is looked up at once, and only the few
whose place is taken by another key look at the next place.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions
from tfmat.matgan.elements import MAX_ELEMENTS

_FREE = np.uint32(0xFFFFFFFF)
# Look-ups stay short up to this part of the places taken.
_FULL = 0.6


class KeyTable:
    """Numbers different 64-bit keys 0, 1, 2, ... in the order in which they come.

    Keys must be well mixed, as those of
    :meth:`~tfmat.formulas.compositions.Compositions.keys` are.
    """

    def __init__(self) -> None:
        self._keys = np.empty(1024, np.uint64)
        self._places = np.full(2048, _FREE)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def sha256(self) -> str:
        """Returns the SHA-256 of the keys in the order of their numbers."""
        return hashlib.sha256(self._keys[: self._size].astype("<u8").tobytes()).hexdigest()

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Returns the number of each key ``(n,)``, -1 for one that is not in the table."""
        found = np.full(len(keys), -1, np.int64)
        last = np.uint64(len(self._places) - 1)
        rows, place = np.arange(len(keys)), keys & last
        while len(rows):
            number = self._places.take(place)
            taken = number != _FREE
            rows, place, number = rows[taken], place[taken], number[taken]
            same = self._keys.take(number) == keys[rows]
            found[rows[same]] = number[same]
            rows, place = rows[~same], (place[~same] + np.uint64(1)) & last
        return found

    def add(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Adds keys that are all different and not yet in the table.

        Args:
            keys: The keys, shape ``(n,)``.

        Returns:
            Their numbers, shape ``(n,)``.
        """
        first, self._size = self._size, self._size + len(keys)
        self._keys = grown(self._keys, self._size)
        self._keys[first : self._size] = keys
        if self._size > _FULL * len(self._places):
            places = len(self._places)
            while self._size > _FULL * places:
                places *= 2
            self._places = np.full(places, _FREE)
            self._insert(0)
        else:
            self._insert(first)
        return np.arange(first, self._size)

    def _insert(self, first: int) -> None:
        """Gives a place to every key from number ``first`` on."""
        last = np.uint64(len(self._places) - 1)
        numbers = np.arange(first, self._size, dtype=np.uint32)
        place = self._keys[first : self._size] & last
        while len(numbers):
            free = self._places.take(place) == _FREE
            # Of several keys that want one place, the last written has it.
            self._places[place[free]] = numbers[free]
            without = self._places.take(place) != numbers
            numbers, place = numbers[without], (place[without] + np.uint64(1)) & last


class UniqueFormulas:
    """Every different formula once, with how often it came.

    For each are kept: 16 bytes of composition, 8 of key, 4 of times, 1 of flags, and 7 to 14 of
    the table of keys; up to twice as much where an array has just grown.
    """

    def __init__(self) -> None:
        self._table = KeyTable()
        self._slots = np.zeros((1024, 2 * MAX_ELEMENTS), np.uint8)
        self._flags = np.zeros(1024, np.uint8)
        self._times = np.zeros(1024, np.uint32)

    def __len__(self) -> int:
        return len(self._table)

    def add(
        self, compositions: Compositions, keys: NDArray[np.uint64], flags: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """Counts formulas.

        Args:
            compositions: Reduced, at most 8 elements, no count above 255.
            keys: Their keys, shape ``(n,)``.
            flags: What is known of them, equal for equal formulas, shape ``(n,)``.

        Returns:
            The number of each formula, in the order of first appearance, shape ``(n,)``.
        """
        if not len(keys):
            return np.zeros(0, np.int64)
        distinct, first, inverse, times = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )
        numbers = self._table.find(distinct)
        new = np.flatnonzero(numbers < 0)
        new = new[np.argsort(first[new])]
        numbers[new] = self._table.add(distinct[new])
        self._store(compositions[first[new]], flags[first[new]], numbers[new])
        self._times[numbers] += times.astype(np.uint32)
        return numbers[inverse]

    def new(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Returns where in ``keys`` a formula comes for the first time, ascending."""
        distinct, first = np.unique(keys, return_index=True)
        return np.sort(first[self._table.find(distinct) < 0])

    def _store(
        self, compositions: Compositions, flags: NDArray[np.uint8], numbers: NDArray[np.int64]
    ) -> None:
        size = len(self)
        self._slots = grown(self._slots, size)
        self._flags = grown(self._flags, size)
        self._times = grown(self._times, size)
        slots = compositions.numbers.shape[1]
        self._slots[numbers, :slots] = compositions.numbers
        self._slots[numbers, MAX_ELEMENTS : MAX_ELEMENTS + slots] = compositions.counts
        self._flags[numbers] = flags

    def compositions(self, numbers: NDArray[np.int64]) -> Compositions:
        """Returns the formulas with some numbers."""
        slots = self._slots[numbers]
        return Compositions(
            np.ascontiguousarray(slots[:, :MAX_ELEMENTS]),
            slots[:, MAX_ELEMENTS:].astype(np.uint16),
        )

    def flags(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Returns the flags of the formulas with some numbers."""
        return self._flags[numbers]

    def times(self, numbers: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Returns how often the formulas with some numbers came."""
        return self._times[numbers]


def grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Returns the array, or a copy twice as long (or longer) where ``size`` rows do not fit."""
    if size <= len(array):
        return array
    # resize() may move the pages instead of copying them, and needs no second copy then.
    array.resize((max(size, 2 * len(array)), *array.shape[1:]), refcheck=False)
    return array
