"""What a user asks of a composition, as masks on each choice: nothing else can be drawn.

A composition is drawn element by element in a fixed order, each with its number of atoms. Before
each choice the masks leave what can still end in a composition that fulfils all conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.errors import InputError


@dataclass(frozen=True)
class Conditions:
    """What compositions have to fulfil.

    Args:
        elements: Symbols that the model knows, in the order in which they are drawn.
        most: Most atoms that the model writes.
        atoms: Fewest and most atoms of the cell.
        kinds: Fewest and most elements.
        required: Symbols of elements that have to be there.
        allowed: Symbols of the only elements that may be there; empty means all.
        excluded: Symbols of elements that may not be there.
        formula: Atoms of each element in a formula unit; empty for any.
        units: Fewest and most formula units in the cell.

    Raises:
        InputError: The model does not know an element, or nothing can fulfil all of it.
    """

    elements: tuple[str, ...]
    most: int
    atoms: tuple[int, int]
    kinds: tuple[int, int] = (1, SLOTS)
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    formula: tuple[tuple[str, int], ...] = ()
    units: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        named = {
            "`require`": self.required,
            "`elements`": self.allowed,
            "`exclude`": self.excluded,
            "`formula`": tuple(symbol for symbol, _ in self.formula),
        }
        for option, symbols in named.items():
            if unknown := [symbol for symbol in symbols if symbol not in self.elements]:
                raise InputError(
                    f"{option} {' '.join(unknown)}: is none of the {len(self.elements)} elements "
                    "that the model knows; leave it out"
                )
        possible = self.fewest <= self.at_most and self._start().any()
        if self.needed[~self.free].any() or not possible:
            raise InputError(self._conflict())

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Which elements may be there, shape ``(elements,)``."""
        names = set(self.allowed or self.elements) - set(self.excluded)
        if self.formula:
            names &= set(dict(self.formula))
        return np.array([symbol in names for symbol in self.elements])

    @cached_property
    def needed(self) -> NDArray[np.bool_]:
        """Which elements have to be there, shape ``(elements,)``."""
        names = {*self.required, *dict(self.formula)}
        return np.array([symbol in names for symbol in self.elements])

    @cached_property
    def per_unit(self) -> NDArray[np.int64]:
        """Atoms of each element in a formula unit, zeros without a formula, ``(elements,)``."""
        counts = dict(self.formula)
        return np.array([counts.get(symbol, 0) for symbol in self.elements], np.int64)

    @property
    def fewest(self) -> int:
        """Fewest elements, whatever is required."""
        return max(self.kinds[0], int(self.needed.sum()), 1)

    @property
    def at_most(self) -> int:
        """Most elements that there can be."""
        return min(self.kinds[1], int(self.free.sum()), SLOTS)

    @property
    def range(self) -> tuple[int, int]:
        """Fewest and most atoms that there can be."""
        return max(self.atoms[0], 1), min(self.atoms[1], self.most)

    def _later(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns how many elements behind each are needed, and how many are free."""
        needed, free = self.needed.astype(np.int64), self.free.astype(np.int64)
        return needed.sum() - needed.cumsum(), free.sum() - free.cumsum()

    def _start(self) -> NDArray[np.bool_]:
        state = Unfinished.begin(self, 1)
        return state.elements()[0, :-1]

    def _conflict(self) -> str:
        least, most = self.range
        if self.formula:
            total = sum(count for _, count in self.formula)
            first, last = self.units
            units = f"{first}" if first == last else f"{first} to {last}"
            return (
                f"`formula`: with {units} formula units of {total} atoms it fulfils not all other "
                f"conditions (of {least} to {most} atoms); change `z`, or leave some out"
            )
        if self.needed[~self.free].any():
            return "`require` names an element that `elements`, `system` or `exclude` leaves out"
        return (
            f"nothing has {self.fewest} to {self.at_most} elements, all that are required, and "
            f"{least} to {most} atoms at once (a model writes up to {SLOTS} elements and "
            f"{self.most} atoms); ask for less"
        )


@dataclass
class Unfinished:
    """Compositions that are being drawn, all under the same conditions.

    Args:
        conditions: What they have to fulfil.
        counts: Atoms of each element so far, shape ``(n, elements)``.
        last: The element drawn last, -1 before the first, shape ``(n,)``.
        units: Formula units, 0 while they are open or there is no formula, shape ``(n,)``.
    """

    conditions: Conditions
    counts: NDArray[np.int64]
    last: NDArray[np.int64]
    units: NDArray[np.int64]

    @classmethod
    def begin(cls, conditions: Conditions, count: int) -> Unfinished:
        """Begins compositions."""
        none = np.zeros(count, np.int64)
        empty = np.zeros((count, len(conditions.elements)), np.int64)
        return cls(conditions, empty, none - 1, none.copy())

    def elements(self) -> NDArray[np.bool_]:
        """Returns which elements may come next, and at the end whether the cell may be complete.

        Returns:
            Shape ``(n, elements + 1)``.
        """
        rules = self.conditions
        after_needed, _ = rules._later()
        total, kinds = self.counts.sum(axis=1), (self.counts > 0).sum(axis=1)
        columns = np.arange(len(rules.elements))
        # None that is needed may be passed over: all that are left lie behind.
        left = int(rules.needed.sum()) - ((self.counts > 0) & rules.needed).sum(axis=1)
        passed = rules.needed + after_needed < left[:, None]
        fits = self._fits(columns[None], total[:, None], kinds[:, None]).any(axis=2)
        may = rules.free & (columns > self.last[:, None]) & ~passed & fits
        least, _ = rules.range
        done = (left == 0) & (kinds >= rules.fewest) & (total >= least)
        return np.concatenate([may, done[:, None]], axis=1)

    def atoms(self, element: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Returns how many atoms of an element there may be, 1 at first; shape ``(n, most)``.

        Args:
            element: Which element comes next in each, one that may; shape ``(n,)``.
        """
        total, kinds = self.counts.sum(axis=1), (self.counts > 0).sum(axis=1)
        return self._fits(element, total, kinds)

    def _fits(
        self, element: NDArray[np.integer], total: NDArray[np.int64], kinds: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tells which numbers of atoms of an element leave a way to the end."""
        rules = self.conditions
        after_needed, after_free = (each[element] for each in rules._later())
        least, most = rules.range
        amount = np.arange(1, rules.most + 1)
        kinds = kinds + 1
        more = np.maximum(after_needed, rules.fewest - kinds)
        reached = (total[..., None] + amount) + np.maximum(more, 0)[..., None]
        good = (
            (least <= most) & (reached <= most) & (kinds + after_needed <= rules.at_most)[..., None]
        )
        good &= (kinds + after_free >= rules.fewest)[..., None]
        can_grow = (kinds < rules.at_most) & (after_free > 0)
        good &= can_grow[..., None] | (total[..., None] + amount >= least)
        if rules.formula:
            good &= self._whole_units(element, amount)
        return np.asarray(good)

    def _whole_units(
        self, element: NDArray[np.integer], amount: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tells which numbers of atoms are those of a number of formula units that may be."""
        rules = self.conditions
        least, most = rules.range
        size = int(rules.per_unit.sum())
        sets = np.arange(rules.units[0], rules.units[1] + 1)
        sets = sets[(sets * size >= least) & (sets * size <= most)]
        each = rules.per_unit[element][..., None]
        units = np.where(each > 0, amount // np.maximum(each, 1), 0)
        good = (each > 0) & (units * each == amount) & np.isin(units, sets)
        own = self.units.reshape(-1, *[1] * (good.ndim - 1))
        return np.asarray(good & ((own == 0) | (units == own)))

    def add(
        self, rows: NDArray[np.intp], element: NDArray[np.integer], amount: NDArray[np.integer]
    ) -> None:
        """Adds atoms to some of the compositions.

        Args:
            rows: Which compositions.
            element: Which element comes next in each of them.
            amount: How many atoms of it.
        """
        self.counts[rows, element] = amount
        self.last[rows] = element
        each = self.conditions.per_unit[element]
        self.units[rows] = np.where(each > 0, amount // np.maximum(each, 1), 0)


def formula_of(
    content: Mapping[str, int] | Sequence[tuple[str, int]],
) -> tuple[tuple[str, int], ...]:
    """Returns a formula as conditions take it, each element once."""
    return tuple(dict(content).items())
