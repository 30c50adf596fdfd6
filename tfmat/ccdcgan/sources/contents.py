"""Contents of cells, each with its elements in the one order that all sources share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from tfmat.ccdcgan.element_descriptors import HEAVIEST, electronegativities
from tfmat.crystals.crystal import Crystal

# Most elements of a cell; more have 0.05% of the Materials Project's structures.
SLOTS = 5


@dataclass(frozen=True, eq=False)
class Contents:
    """Elements and atoms of cells, ordered by atoms, then electronegativity, then atomic number.

    So cells of one pattern of counts have elements of like part in the same slot, and a crystal
    becomes another one by exchanging the elements slot by slot.

    Args:
        numbers: Atomic numbers, 0 behind the last element, shape ``(n, SLOTS)``.
        counts: Atoms of each, 0 behind the last element, shape ``(n, SLOTS)``.
    """

    numbers: NDArray[np.uint8]
    counts: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Contents:
        """Returns some of the rows."""
        return Contents(self.numbers[rows], self.counts[rows])

    @classmethod
    def of(cls, cells: Sequence[Mapping[int, int]]) -> Contents:
        """Orders contents.

        Args:
            cells: Atoms of each element by atomic number, of at most :data:`SLOTS` elements.
        """
        scale = electronegativities()
        numbers = np.zeros((len(cells), SLOTS), np.uint8)
        counts = np.zeros((len(cells), SLOTS), np.uint8)
        for row, cell in enumerate(cells):
            ordered = sorted((count, scale[number], number) for number, count in cell.items())
            numbers[row, : len(ordered)] = [number for *_, number in ordered]
            counts[row, : len(ordered)] = [count for count, *_ in ordered]
        return cls(numbers, counts)

    @classmethod
    def of_counts(cls, counts: NDArray[np.integer], elements: Sequence[int]) -> Contents:
        """Orders contents given as a table.

        Args:
            counts: Atoms of each element, shape ``(n, elements)``, of at most :data:`SLOTS`.
            elements: Atomic number of each column.
        """
        kinds = np.asarray(elements)
        scale = electronegativities()[kinds]
        # What is not there comes last, behind any count.
        place = np.where(counts > 0, counts, 1 + HEAVIEST + counts.max(initial=0))
        order = np.lexsort(
            (np.broadcast_to(kinds, place.shape), np.broadcast_to(scale, place.shape), place)
        )
        first = order[:, :SLOTS]
        found = np.take_along_axis(np.asarray(counts), first, axis=1)
        numbers = np.where(found > 0, kinds[first], 0)
        short = SLOTS - first.shape[1]
        pad = ((0, 0), (0, max(short, 0)))
        return cls(np.pad(numbers, pad).astype(np.uint8), np.pad(found, pad).astype(np.uint8))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Atoms of each cell, shape ``(n,)``."""
        return np.asarray(self.counts.sum(axis=1, dtype=np.int64))

    def fractions(self) -> NDArray[np.float64]:
        """Returns the share of each element by atomic number, shape ``(n, 104)``."""
        found = np.zeros((len(self), HEAVIEST + 1))
        rows = np.arange(len(self))
        for slot in range(SLOTS):
            found[rows, self.numbers[:, slot]] += self.counts[:, slot]
        return found / np.maximum(self.sizes, 1)[:, None]

    def patterns(self) -> NDArray[np.uint64]:
        """Returns a number for each pattern of counts, shape ``(n,)``."""
        weights = np.uint64(256) ** np.arange(SLOTS, dtype=np.uint64)
        return np.asarray((self.counts.astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64))

    def formula_labels(self) -> NDArray[np.int64]:
        """Returns a number for the reduced formula of each cell, shape ``(n,)``."""
        counts = self.counts.astype(np.int64)
        divisor = np.maximum(np.gcd.reduce(counts, axis=1), 1)[:, None]
        parts = self.numbers.astype(np.int64) * 32 + counts // divisor
        found = np.zeros(len(self), np.int64)
        for column in -np.sort(-parts, axis=1).T:
            found = found * 4096 + column
        return found

    def atoms(self, row: int) -> NDArray[np.uint8]:
        """Returns the atomic number of each atom of a cell, slot by slot."""
        return np.repeat(self.numbers[row], self.counts[row])

    def formula(self, row: int) -> str:
        """Returns the reduced formula of a cell, e.g. ``Hf2Co``, its elements by their slots."""
        there = self.counts[row] > 0
        divisor = int(np.gcd.reduce(self.counts[row][there].astype(int)))
        pairs = zip(self.numbers[row][there], self.counts[row][there], strict=True)
        return "".join(
            chemical_symbols[number] + (str(count // divisor) if count > divisor else "")
            for number, count in pairs
        )


def contents_of(crystals: Sequence[Crystal]) -> Contents:
    """Returns the contents of crystals of at most :data:`SLOTS` elements."""
    cells = []
    for crystal in crystals:
        kinds, counts = np.unique(crystal.numbers, return_counts=True)
        cells.append(dict(zip(kinds.tolist(), counts.tolist(), strict=True)))
    return Contents.of(cells)


def kinds_of(crystal: Crystal) -> int:
    """Returns the number of elements of a crystal."""
    return len(set(crystal.numbers.tolist()))
