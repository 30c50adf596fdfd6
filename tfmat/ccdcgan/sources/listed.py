"""Compositions from a list of formulas, in place of those that a network draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError

# Symbol and atoms of each element in a formula unit.
Formula = tuple[tuple[str, int], ...]


def fitting_units(size: int, units: tuple[int, int], atoms: tuple[int, int]) -> range:
    """Returns the numbers of formula units that a cell may have.

    Args:
        size: Atoms of a formula unit.
        units: Fewest and most formula units.
        atoms: Fewest and most atoms of the cell.
    """
    least, most = max(units[0], -(-atoms[0] // size)), min(units[1], atoms[1] // size)
    return range(least, most + 1)


def listed_counts(
    formulas: Sequence[Formula],
    elements: Sequence[str],
    units: tuple[int, int],
    atoms: tuple[int, int],
    indices: Sequence[int],
    uniform: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Takes the formulas in turn, each with one of the numbers of units that fit in the cell.

    Args:
        formulas: The formulas, at least one.
        elements: Symbols that the model knows.
        units: Fewest and most formula units.
        atoms: Fewest and most atoms of the cell.
        indices: Which crystals are begun, ``n``; number i has the formula i modulo their number.
        uniform: Numbers in 0 to 1 that choose the units ``(n,)``.

    Returns:
        Atoms of each element ``(n, elements)``.

    Raises:
        InputError: A formula has another element, or no number of units of it fits.
    """
    column = {symbol: place for place, symbol in enumerate(elements)}
    counts = np.zeros((len(indices), len(elements)), np.int64)
    for row, index in enumerate(indices):
        formula = formulas[index % len(formulas)]
        text = "".join(f"{symbol}{count}" for symbol, count in formula)
        if unknown := [symbol for symbol, _ in formula if symbol not in column]:
            raise InputError(f"`formulas` {text}: the model does not know {unknown[0]}")
        may = fitting_units(sum(count for _, count in formula), units, atoms)
        if not len(may):
            raise InputError(
                f"`formulas` {text}: no cell of {atoms[0]} to {atoms[1]} atoms has {units[0]} to "
                f"{units[1]} formula units; change `z`, or leave it out"
            )
        times = may[min(int(uniform[row] * len(may)), len(may) - 1)]
        for symbol, count in formula:
            counts[row, column[symbol]] = times * count
    return counts
