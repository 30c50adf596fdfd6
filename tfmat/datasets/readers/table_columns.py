"""Columns of a table as text or numbers: converting them, and comparing them with a value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.properties import number
from tfmat.errors import InputError


def to_numbers(cells: Any) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Converts a column to numbers, as :func:`tfmat.datasets.properties.number` does each cell.

    Args:
        cells: ``n`` cells: a ``pyarrow`` array, a NumPy array or a list, of text or numbers.

    Returns:
        The numbers ``(n,)``, NaN where a cell is absent or no number, and why each of the latter
        is none, by row.
    """
    distinct, places = _distinct(cells)
    values = np.full(len(distinct) + 1, math.nan)
    reasons: dict[int, str] = {}
    for index, cell in enumerate(distinct):
        try:
            values[index] = number(cell)
        except InputError as error:
            reasons[index] = str(error)
    bad = np.flatnonzero(np.isin(places, list(reasons))) if reasons else ()
    return values[places], {int(row): reasons[int(places[row])] for row in bad}


@dataclass(frozen=True)
class Where:
    """A condition on a column of a table.

    Args:
        column: The column.
        value: What it must hold: compared as a number where both sides are numbers (so that
            ``1``, ``1.0`` and ``true`` are one), else as text without the spaces around it.
    """

    column: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Where:
        """Reads ``COLUMN=VALUE``.

        Raises:
            InputError: It is not written so.
        """
        column, equals, value = text.partition("=")
        if not equals or not column.strip():
            raise InputError(f"`where` {text}: write it as COLUMN=VALUE, e.g. `where` icsd_flag=1")
        return cls(column.strip(), value.strip())

    def __str__(self) -> str:
        return f"{self.column}={self.value}"

    def holds(self, cells: Any) -> NDArray[np.bool_]:
        """Says where a column holds the value.

        Args:
            cells: ``n`` cells, as :func:`to_numbers` takes them.

        Returns:
            Shape ``(n,)``.
        """
        same = _comparison(self.value)
        distinct, places = _distinct(cells)
        return np.array([*(same(cell) for cell in distinct), same(None)], bool)[places]


def _comparison(value: str) -> Callable[[object], bool]:
    def as_text(cell: object) -> bool:
        return ("" if cell is None else str(cell).strip()) == value

    try:
        wanted = number(value)
    except InputError:
        return as_text
    if math.isnan(wanted):
        return as_text

    def as_number(cell: object) -> bool:
        try:
            return number(cell) == wanted
        except InputError:
            return False

    return as_number


def _distinct(cells: Any) -> tuple[list[Any], NDArray[np.int64]]:
    """Returns the distinct cells, and for each row which it is (a missing cell is the last + 1)."""
    import pyarrow as pa

    array = cells if isinstance(cells, pa.Array | pa.ChunkedArray) else pa.array(cells)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    encoded = array.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    return distinct, encoded.indices.fill_null(len(distinct)).to_numpy().astype(np.int64)
