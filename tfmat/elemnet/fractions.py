"""Formulas as ElemNet takes them: the share of the atoms that each of 86 elements has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions, symbols

# Jha et al., Sci. Rep. 8, 17593 (2018): of Z = 1 to 94 all but these.
_WITHOUT = {"He", "Ne", "Ar", "Po", "At", "Rn", "Fr", "Ra"}
_LAST = 94
NUMBERS: tuple[int, ...] = tuple(
    number for number in range(1, _LAST + 1) if symbols()[number] not in _WITHOUT
)
"""Atomic numbers of the 86 elements, ascending."""
ELEMENTS: tuple[str, ...] = tuple(symbols()[number] for number in NUMBERS)
"""Their symbols, in the order of the network's input."""

_COLUMNS = np.full(256, -1, np.int64)
_COLUMNS[list(NUMBERS)] = np.arange(len(NUMBERS))


def holds(compositions: Compositions) -> NDArray[np.bool_]:
    """Tells which formulas have no element but the 86.

    Args:
        compositions: ``n`` formulas.

    Returns:
        Shape ``(n,)``.
    """
    unused = compositions.numbers == 0
    found: NDArray[np.bool_] = (unused | (_COLUMNS[compositions.numbers] >= 0)).all(axis=1)
    return found


def fractions(compositions: Compositions) -> NDArray[np.float32]:
    """Returns the fractions of the elements.

    Args:
        compositions: ``n`` formulas of the 86 elements alone.

    Returns:
        Shape ``(n, 86)``; each row adds up to 1.
    """
    counts = np.zeros((len(compositions), len(NUMBERS) + 1))
    # Unused slots fall into a last column, which is cut off.
    columns = _COLUMNS[compositions.numbers]
    np.put_along_axis(counts, columns, compositions.counts, axis=1)
    counts = counts[:, :-1]
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), np.float32)
