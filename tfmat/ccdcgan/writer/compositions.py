"""Which compositions the writer writes: those of the training structures, or what is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from tfmat.errors import InputError


@dataclass(frozen=True)
class Compositions:
    """Contents of cells, with how often each is drawn.

    Args:
        numbers: Atomic numbers of the elements.
        max_atoms: Most atoms of a cell.
        counts: Atoms of each element, shape ``(n, elements)``.
        weights: How often each is drawn, shape ``(n,)``.
    """

    numbers: tuple[int, ...]
    max_atoms: int
    counts: NDArray[np.int32]
    weights: NDArray[np.float64]

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[int]], numbers: Sequence[int], max_atoms: int
    ) -> Compositions:
        """Reads the table of a package.

        Args:
            rows: Atoms of each element, and the number of structures that have so many.
            numbers: Atomic numbers of the elements.
            max_atoms: Most atoms of a cell.
        """
        table = np.asarray(rows, np.int32).reshape(-1, len(numbers) + 1)
        return cls(tuple(numbers), max_atoms, table[:, :-1], table[:, -1].astype(np.float64))

    def __len__(self) -> int:
        return len(self.counts)

    def only(
        self,
        *,
        atoms: tuple[int, int],
        required: Sequence[str] = (),
        allowed: Sequence[str] = (),
        n_elements: tuple[int, int] | None = None,
        formula: Mapping[str, int] | None = None,
    ) -> Compositions:
        """Returns those that fulfil a request; a formula need not be in the table.

        Args:
            atoms: Fewest and most atoms.
            required: Symbols of elements that have to be there.
            allowed: Symbols of the only elements that may be there; empty means all.
            n_elements: Fewest and most elements.
            formula: Symbol to number of atoms in the cell.

        Raises:
            InputError: None does.
        """
        table = self if formula is None else self._exactly(formula)
        there, total = table.counts > 0, table.counts.sum(axis=1)
        good = (total >= atoms[0]) & (total <= atoms[1])
        needed = np.isin(table.numbers, [atomic_numbers[symbol] for symbol in required])
        good &= there[:, needed].all(axis=1)
        if allowed:
            free = np.isin(table.numbers, [atomic_numbers[symbol] for symbol in allowed])
            good &= ~there[:, ~free].any(axis=1)
        if n_elements is not None:
            kinds = there.sum(axis=1)
            good &= (kinds >= n_elements[0]) & (kinds <= n_elements[1])
        if not good.any():
            raise InputError(
                f"none of the {len(table)} compositions that the model knows fulfils the request; "
                "ask for fewer conditions, or name one with `formula`"
                if formula is None
                else "`formula`: does not fulfil the other conditions; leave them out"
            )
        return Compositions(table.numbers, table.max_atoms, table.counts[good], table.weights[good])

    def _exactly(self, formula: Mapping[str, int]) -> Compositions:
        counts = [formula_count(formula, number) for number in self.numbers]
        unknown = [symbol for symbol in formula if atomic_numbers.get(symbol) not in self.numbers]
        if unknown:
            raise InputError(f"`formula`: the model does not know {', '.join(unknown)}")
        if sum(counts) > self.max_atoms:
            raise InputError(
                f"`formula`: is the content of one cell, so {sum(counts)} atoms, but the model "
                f"writes at most {self.max_atoms}"
            )
        return Compositions(self.numbers, self.max_atoms, np.array([counts], np.int32), np.ones(1))

    def draw(self, normal: ArrayLike) -> NDArray[np.int32]:
        """Draws compositions by the inverse of the cumulative distribution.

        Args:
            normal: Standard normal numbers, shape ``(m,)``.

        Returns:
            Atoms of each element, shape ``(m, elements)``.
        """
        uniform = [0.5 * math.erfc(-value * math.sqrt(0.5)) for value in np.ravel(normal).tolist()]
        ends = np.cumsum(self.weights)
        rows = np.searchsorted(ends, np.array(uniform) * ends[-1], side="right")
        drawn: NDArray[np.int32] = self.counts[np.minimum(rows, len(self) - 1)]
        return drawn


def formula_count(formula: Mapping[str, int], number: int) -> int:
    """Returns how many atoms of an element a formula has."""
    return sum(count for symbol, count in formula.items() if atomic_numbers.get(symbol) == number)
