"""Known structures of one formula, and which of them are the same as a given one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.cell_matching import CellMatcher
from tfmat.crystals.reduced_cells import Cell, Reduced
from tfmat.evaluation.novelty.screen import Screen

# The two forms of StructureMatcher, by what they compare.
PRIMITIVE, NIGGLI = "primitive", "niggli"
# A sieve costs more than it saves where only so few structures have to be compared.
_FEW = 4


class Pool:
    """Structures of one reduced formula.

    Accepted is what one of the two forms of StructureMatcher accepts, ``fit(given, known)`` with
    ``primitive_cell=True`` or else ``False``. Once the cells are reduced both forms are the same
    comparison, of other cells. It says no at once where the cells hold different numbers of atoms
    (a supercell is only reduced by the search for a primitive cell), so these need no comparison;
    nor do the Niggli cells of two structures neither of which became smaller, which the first form
    has compared.

    Args:
        items: The structures; ``None`` where one could not be reduced, so that nothing matches it.
    """

    def __init__(self, items: Sequence[Reduced | None]) -> None:
        self._items = items
        self._shrunk = np.array([item is not None and item.shrunk for item in items], dtype=bool)
        by_size: dict[tuple[str, int], list[int]] = defaultdict(list)
        for position, item in enumerate(items):
            if item is not None:
                by_size[PRIMITIVE, len(item.primitive)].append(position)
                by_size[NIGGLI, len(item.niggli)].append(position)
        self._layers = {
            (form, size): _Layer(
                positions, [cell_of(items[position], form) for position in positions]
            )
            for (form, size), positions in by_size.items()
        }
        self._matcher = CellMatcher()

    def __len__(self) -> int:
        return len(self._items)

    def matches(
        self, given: Reduced, allowed: NDArray[np.bool_] | None = None
    ) -> Iterator[tuple[int, str]]:
        """Yields the structures that are the same as a given one.

        Args:
            given: A structure of the pool's formula.
            allowed: Which structures of the pool are asked for, shape ``(n,)``; all by default.

        Yields:
            Position in the pool, and the form that accepts: ``primitive`` (``primitive_cell=True``)
            or, where only that does, ``niggli`` (``primitive_cell=False``). Similar cells first.
        """
        wanted = np.ones(len(self), dtype=bool) if allowed is None else allowed.copy()
        for form in (PRIMITIVE, NIGGLI):
            if form == NIGGLI and not given.shrunk:
                wanted &= self._shrunk
            cell = cell_of(given, form)
            layer = self._layers.get((form, len(cell)))
            if layer is None:
                continue
            for place in layer.candidates(cell, wanted[layer.positions]):
                if self._matcher.same(cell, layer.cells[place]):
                    position = int(layer.positions[place])
                    wanted[position] = False
                    yield position, form


class _Layer:
    """Those cells of a pool that hold the same number of atoms."""

    def __init__(self, positions: Sequence[int], cells: Sequence[Cell]) -> None:
        self.positions = np.array(positions, dtype=np.intp)
        self.cells = cells

    @cached_property
    def _screen(self) -> Screen:
        return Screen(self.cells)

    def candidates(self, cell: Cell, allowed: NDArray[np.bool_]) -> Iterator[int]:
        places = np.flatnonzero(allowed)
        if len(places) <= _FEW:
            yield from places.tolist()
        else:
            yield from self._screen.candidates(cell, allowed)


def cell_of(item: Reduced | None, form: str) -> Cell:
    """Returns the cell of a structure that a form compares."""
    assert item is not None  # noqa: S101
    return item.primitive if form == PRIMITIVE else item.niggli
