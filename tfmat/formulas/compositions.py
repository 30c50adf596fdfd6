"""Chemical compositions as arrays: who is in a formula and how often, without any text."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Elements without an electronegativity (He, Ne, Ar, ...) are written last.
_NO_ELECTRONEGATIVITY = 1e9
_HIGHEST_NUMBER = 118
# Counts below this have their texts in a table.
_SMALL = 256


@dataclass(frozen=True, eq=False)
class Compositions:
    """Many compositions, one a row, in slots of (element, number of atoms).

    Args:
        numbers: Atomic numbers ``(n, slots)``, ascending in each row; 0 fills the slots that a row
            does not need, behind those that it needs.
        counts: Atoms of that element in the formula unit ``(n, slots)``, 0 in unused slots.
    """

    numbers: NDArray[np.uint8]
    counts: NDArray[np.uint16]

    def __post_init__(self) -> None:
        if self.numbers.shape != self.counts.shape or self.numbers.ndim != 2:
            raise ValueError(
                f"numbers {self.numbers.shape} and counts {self.counts.shape} must be (n, slots)"
            )

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Compositions:
        """Returns some of the rows: a slice, indices or a mask."""
        return Compositions(self.numbers[rows], self.counts[rows])

    @classmethod
    def from_mappings(cls, rows: Iterable[Mapping[int, int]]) -> Compositions:
        """Builds compositions from mappings of atomic number to number of atoms.

        Args:
            rows: One mapping for each composition.
        """
        items = [sorted(row.items()) for row in rows]
        slots = max((len(row) for row in items), default=1)
        numbers = np.zeros((len(items), max(slots, 1)), np.uint8)
        counts = np.zeros(numbers.shape, np.uint16)
        for index, row in enumerate(items):
            for slot, (number, count) in enumerate(row):
                numbers[index, slot], counts[index, slot] = number, count
        return cls(numbers, counts)

    @classmethod
    def concatenate(cls, parts: Sequence[Compositions]) -> Compositions:
        """Puts compositions one after the other, with as many slots as the widest needs."""
        slots = max((part.numbers.shape[1] for part in parts), default=1)
        wide = [part.with_slots(slots) for part in parts]
        if not wide:
            return cls(np.zeros((0, 1), np.uint8), np.zeros((0, 1), np.uint16))
        return cls(
            np.concatenate([part.numbers for part in wide]),
            np.concatenate([part.counts for part in wide]),
        )

    def with_slots(self, slots: int) -> Compositions:
        """Returns the same compositions with at least so many slots."""
        missing = slots - self.numbers.shape[1]
        if missing <= 0:
            return self
        return Compositions(
            np.pad(self.numbers, ((0, 0), (0, missing))),
            np.pad(self.counts, ((0, 0), (0, missing))),
        )

    @property
    def n_elements(self) -> NDArray[np.int64]:
        """Number of different elements of each composition ``(n,)``."""
        return np.asarray(np.count_nonzero(self.numbers, axis=1))

    @property
    def largest_count(self) -> NDArray[np.uint16]:
        """Atoms of the most frequent element of each composition ``(n,)``."""
        largest: NDArray[np.uint16] = self.counts.max(axis=1, initial=0)
        return largest

    def reduced(self) -> Compositions:
        """Returns the compositions divided by the greatest common divisor of their counts."""
        if not len(self):
            return self
        divisor = np.maximum(np.gcd.reduce(self.counts, axis=1), 1)
        if divisor.max(initial=1) == 1:
            return self
        return Compositions(self.numbers, self.counts // divisor[:, None])

    def keys(self) -> NDArray[np.uint64]:
        """Returns a 64-bit key of each composition ``(n,)``, the same for the same contents.

        The sum of a well-mixed number for each (element, count), so that neither the order nor the
        number of slots matters. Among two million different compositions the chance that any two
        share a key is about 1e-7.
        """
        keys = np.zeros(len(self), np.uint64)
        for slot in range(self.numbers.shape[1]):
            number = self.numbers[:, slot]
            code = number.astype(np.uint64) << np.uint64(16) | self.counts[:, slot]
            keys += np.where(number > 0, mix(code), np.uint64(0))
        return keys

    def formula_order(self) -> NDArray[np.int64]:
        """Returns the slots of each row as a formula writes them ``(n, slots)``.

        The order is that of electronegativity; unused slots come last.
        """
        order: NDArray[np.int64] = np.argsort(_ranks()[self.numbers], axis=1, kind="stable")
        return order

    def formulas(self) -> list[str]:
        """Returns formulas such as ``Li2O`` in the usual order, that of electronegativity."""
        texts: list[str] = self.formula_array().to_pylist()
        return texts

    def formula_array(self) -> Any:
        """Returns the formulas as a ``pyarrow.StringArray``, millions a second."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(self):
            return pa.array([], pa.string())
        order = self.formula_order()
        numbers = np.take_along_axis(self.numbers, order, axis=1)
        counts = np.take_along_axis(self.counts, order, axis=1)
        if counts.max() < _SMALL:
            tokens, codes = _small_tokens(), numbers.astype(np.int32) * _SMALL + counts
        else:
            # Each (element, count) that occurs is written once and looked up afterwards.
            wide = numbers.astype(np.uint32) << 16 | counts
            distinct, inverse = np.unique(wide, return_inverse=True)
            tokens = pa.array([_token(int(code) >> 16, int(code) & 0xFFFF) for code in distinct])
            codes = inverse.reshape(wide.shape).astype(np.int32)
        parts = [tokens.take(pa.array(column)) for column in codes.T]
        return pc.binary_join_element_wise(*parts, "")

    def mapping(self, row: int) -> dict[int, int]:
        """Returns one composition as a mapping of atomic number to number of atoms."""
        return {
            int(number): int(count)
            for number, count in zip(self.numbers[row], self.counts[row], strict=True)
            if number
        }


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scrambles 64-bit numbers, so that sums of them hardly ever collide (SplitMix64's finaliser).

    Args:
        values: Any numbers.

    Returns:
        As many numbers, a one-to-one function of ``values``.
    """
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@functools.cache
def symbols() -> tuple[str, ...]:
    """Returns the symbols of the elements by atomic number; the first, for 0, is empty."""
    from ase.data import chemical_symbols

    return ("", *chemical_symbols[1 : _HIGHEST_NUMBER + 1])


def as_written(numbers: Iterable[int]) -> list[int]:
    """Returns elements in the order of a written formula, by their electronegativity (Pauling).

    Args:
        numbers: Atomic numbers.
    """
    return sorted(map(int, numbers), key=lambda number: float(_ranks()[number]))


@functools.cache
def _ranks() -> NDArray[np.float64]:
    """Returns for each atomic number its place in a written formula; unused slots go last."""
    import warnings

    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of every element without a value
        values = [Element.from_Z(number).X for number in range(1, _HIGHEST_NUMBER + 1)]
    known = np.nan_to_num(np.array([0.0, *values]), nan=_NO_ELECTRONEGATIVITY)
    known[0] = 2 * _NO_ELECTRONEGATIVITY
    # Elements of one electronegativity (S and C, say) in the order of their symbols.
    alphabetical = np.argsort(np.argsort(symbols()))
    order = np.lexsort((alphabetical, known))
    ranks = np.empty(len(known))
    ranks[order] = np.arange(len(known))
    return ranks


@functools.cache
def _small_tokens() -> Any:
    """Returns the texts of all elements with counts below 256 as a ``pyarrow`` array."""
    import pyarrow as pa

    every = range(_HIGHEST_NUMBER + 1)
    return pa.array([_token(number, count) for number in every for count in range(_SMALL)])


def _token(number: int, count: int) -> str:
    return symbols()[number] + (str(count) if count > 1 else "")
