"""Crystals as rows of whole numbers, and back.

A row holds how many atoms of each element there are, the canonical cell, and the fractional
coordinates of the atoms::

    counts (elements) | a b c alpha beta gamma | x y z of each atom (3 max_atoms)

Lengths, angles and coordinates are numbers of bins. One atom of the first element that is there is
the origin; the atoms are ordered by element, x, y, z. So each atom of that element, with the
crystal or with its inverted image, gives a row of equal right; training draws among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.cell import lattice_from_parameters, parameters
from tfmat.crystals.crystal import Crystal

Tokens = NDArray[np.int32]

# Bins of a fractional coordinate: 1/2, 1/3, 1/4, 1/6, 1/8, 1/12, 1/16 and 1/32 lie in the middle of
# one.
BINS = 96
# Bins of a, b, c: their width and where the first begins, in Å.
LENGTH_STEP, SHORTEST = 0.08, 2.0
# Bins of the angles, centred on these degrees: those of a Niggli cell lie in 60 to 120.
ANGLE_STEP, SMALLEST, ANGLES = 0.5, 60.0, 122
CELL = 6


@dataclass(frozen=True)
class Vocabulary:
    """What rows can say.

    Args:
        numbers: Atomic numbers of the elements, in the order of their counts.
        max_atoms: Most atoms of a cell.
        max_length: Longest edge of a cell, in Å.
    """

    numbers: tuple[int, ...]
    max_atoms: int
    max_length: float

    @property
    def elements(self) -> int:
        """Number of elements."""
        return len(self.numbers)

    @property
    def lengths(self) -> int:
        """Number of bins of a length."""
        return max(1, math.ceil((self.max_length - SHORTEST) / LENGTH_STEP - 1e-9))

    @property
    def row(self) -> int:
        """Length of a row."""
        return self.elements + CELL + 3 * self.max_atoms

    def join(
        self, counts: NDArray[np.integer], cell: NDArray[np.integer], places: NDArray[np.integer]
    ) -> Tokens:
        """Joins counts ``(n, elements)``, cells ``(n, 6)`` and places ``(n, max_atoms, 3)``."""
        parts = [counts, cell, places.reshape(len(places), -1)]
        return np.concatenate(parts, axis=1).astype(np.int32)

    def cell_bins(self, values: NDArray[np.float64]) -> Tokens:
        """Returns the bins ``(n, 6)`` of a, b, c in Å and angles in degrees; the nearest there are.

        Args:
            values: Shape ``(n, 6)``.
        """
        lengths = np.floor((values[:, :3] - SHORTEST) / LENGTH_STEP)
        angles = np.rint((values[:, 3:] - SMALLEST) / ANGLE_STEP)
        bins = [np.clip(lengths, 0, self.lengths - 1), np.clip(angles, 0, ANGLES - 1)]
        return np.concatenate(bins, axis=1).astype(np.int32)

    def crystal(self, tokens: Tokens) -> Crystal:
        """Returns what a row describes, in its standard orientation.

        Args:
            tokens: Shape ``(row,)``.

        Raises:
            InputError: No cell has these angles.
        """
        counts, cell, places = np.split(tokens, [self.elements, self.elements + CELL])
        lattice = lattice_from_parameters(length_values(cell[:3]), angle_values(cell[3:]))
        numbers = np.repeat(np.array(self.numbers, np.uint8), counts)
        fractional = places.reshape(-1, 3)[: len(numbers)] / BINS
        return Crystal(lattice, fractional @ lattice, numbers)


def length_values(bins: NDArray[np.integer]) -> NDArray[np.float64]:
    """Returns the middle of bins of lengths, in Å."""
    return np.asarray(SHORTEST + LENGTH_STEP * (bins + 0.5), np.float64)


def angle_values(bins: NDArray[np.integer]) -> NDArray[np.float64]:
    """Returns the middle of bins of angles, in degrees."""
    return np.asarray(SMALLEST + ANGLE_STEP * bins, np.float64)


@dataclass(frozen=True)
class Examples:
    """Crystals in the form in which rows are quickly drawn of them.

    Args:
        vocabulary: What rows can say.
        counts: Atoms of each element, shape ``(n, elements)``.
        cells: a, b, c in Å and angles in degrees, shape ``(n, 6)``.
        fractional: Fractional coordinates, the atoms in the order of the elements, shape ``(n,
            max_atoms, 3)``; anything behind the last atom.
    """

    vocabulary: Vocabulary
    counts: NDArray[np.int32]
    cells: NDArray[np.float64]
    fractional: NDArray[np.float64]

    @classmethod
    def of(cls, crystals: Sequence[Crystal], vocabulary: Vocabulary) -> Examples:
        """Takes crystals in their canonical cells.

        Args:
            crystals: Crystals of the vocabulary's elements and of at most ``max_atoms`` atoms.
            vocabulary: What rows can say.
        """
        slots = {number: slot for slot, number in enumerate(vocabulary.numbers)}
        counts = np.zeros((len(crystals), vocabulary.elements), np.int32)
        cells = np.zeros((len(crystals), CELL))
        fractional = np.zeros((len(crystals), vocabulary.max_atoms, 3))
        for row, crystal in enumerate(crystals):
            slot = np.array([slots[int(number)] for number in crystal.numbers])
            counts[row] = np.bincount(slot, minlength=vocabulary.elements)
            cells[row] = parameters(crystal.lattice)
            places = np.linalg.solve(crystal.lattice.T, crystal.positions.T).T
            fractional[row, : len(crystal)] = places[np.argsort(slot, kind="stable")]
        return cls(vocabulary, counts, cells, fractional)

    def __len__(self) -> int:
        return len(self.counts)

    def draw(
        self, rows: NDArray[np.intp], random: np.random.Generator, jitter: float = 0.0
    ) -> Tokens:
        """Draws one row of tokens for each of some crystals.

        Args:
            rows: Which crystals.
            random: Chooses origin and inversion.
            jitter: Standard deviation of the logarithm of a factor on the lengths.

        Returns:
            Shape ``(len(rows), row)``.
        """
        counts = self.counts[rows]
        first = counts[np.arange(len(rows)), (counts > 0).argmax(axis=1)]
        origin = random.integers(first)
        sign = 1 - 2 * random.integers(2, size=len(rows))
        cells = self.cells[rows].copy()
        cells[:, :3] *= np.exp(jitter * random.standard_normal((len(rows), 1)))
        return self._rows(rows, origin, sign, cells)

    def all_of(self, row: int) -> Tokens:
        """Returns all rows of tokens of one crystal, each once.

        Args:
            row: Which crystal.
        """
        counts = self.counts[row]
        first = int(counts[(counts > 0).argmax()])
        origin, sign = np.repeat(np.arange(first), 2), np.tile([1, -1], first)
        rows = np.full(2 * first, row)
        return np.unique(self._rows(rows, origin, sign, self.cells[rows]), axis=0)

    def _rows(
        self,
        rows: NDArray[np.intp],
        origin: NDArray[np.integer],
        sign: NDArray[np.integer],
        cells: NDArray[np.float64],
    ) -> Tokens:
        vocabulary, counts = self.vocabulary, self.counts[rows]
        fractional = self.fractional[rows]
        moved = fractional - fractional[np.arange(len(rows)), origin][:, None]
        bins = np.rint(moved * (sign[:, None, None] * BINS)).astype(np.int64) % BINS
        slots = slots_of(counts, vocabulary.max_atoms)
        key = ((slots * BINS + bins[..., 0]) * BINS + bins[..., 1]) * BINS + bins[..., 2]
        order = np.argsort(key, axis=1, kind="stable")
        bins = np.take_along_axis(bins, order[..., None], axis=1)
        bins[slots == vocabulary.elements] = 0
        return vocabulary.join(counts, vocabulary.cell_bins(cells), bins)


def slots_of(counts: NDArray[np.integer], max_atoms: int) -> NDArray[np.int64]:
    """Returns the slot of the element of each atom; the number of elements behind the last atom.

    Args:
        counts: Atoms of each element, shape ``(n, elements)``.
        max_atoms: Most atoms.

    Returns:
        Shape ``(n, max_atoms)``.
    """
    ends = np.cumsum(counts, axis=1)
    behind = np.arange(max_atoms)[None, :, None] >= ends[:, None, :]
    return np.asarray(behind.sum(axis=2), np.int64)
