"""The 85 elements of MatGAN, in the original's order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import symbols

# The most atoms of one element that the matrix can hold: its number of rows.
MAX_COUNT = 8
# The most elements of a formula that the original accepts, and the fewest.
MAX_ELEMENTS = 8
MIN_ELEMENTS = 2

# Z = 1 to 94 without these (`Periodic_Table.csv` of the original). Xenon is in.
_LEFT_OUT = ("He", "Ne", "Ar", "Kr", "Po", "At", "Rn", "Fr", "Ra")

ELEMENTS: tuple[str, ...] = tuple(symbol for symbol in symbols()[1:95] if symbol not in _LEFT_OUT)

NUMBERS: NDArray[np.uint8] = np.array([symbols().index(symbol) for symbol in ELEMENTS], np.uint8)
"""Atomic number of each column ``(85,)``."""

COLUMNS: NDArray[np.int16] = np.full(256, -1, np.int16)
"""Column of each atomic number ``(256,)``; -1 for those that the matrix does not have."""
COLUMNS[NUMBERS] = np.arange(len(NUMBERS))
NUMBERS.flags.writeable = COLUMNS.flags.writeable = False
