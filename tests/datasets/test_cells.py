"""Columns of a table as numbers, and conditions on them."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.datasets.properties import number
from tfmat.datasets.readers.table_columns import Where, to_numbers
from tfmat.errors import InputError

CELLS = st.lists(
    st.none()
    | st.floats().map(str)
    | st.integers().map(str)
    | st.sampled_from(["", " ", "nan", "None", "N/A", "True", "f", " 1 ", "1e3", "x", "1,5"])
    | st.text(max_size=3)
)


@given(CELLS)
@settings(deadline=None)
def test_a_column_reads_as_its_cells_do(cells):
    values, reasons = to_numbers(pa.array(cells, pa.large_string()))
    assert len(values) == len(cells)
    for row, cell in enumerate(cells):
        expected, reason = _read(cell)
        assert reasons.get(row) == reason
        assert values[row] == expected or (math.isnan(values[row]) and math.isnan(expected))


def _read(cell: str | None) -> tuple[float, str | None]:
    try:
        return number(cell), None
    except InputError as error:
        return math.nan, str(error)


def test_numbers_of_other_types():
    assert to_numbers(pa.chunked_array([[1.5, None], [2.0]]))[0].tolist()[::2] == [1.5, 2.0]
    assert to_numbers(np.array([3, 4]))[0].tolist() == [3.0, 4.0]
    assert to_numbers(pa.array([True, False]))[0].tolist() == [1.0, 0.0]
    assert len(to_numbers([])[0]) == 0


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a=1", [1, 1, 1, 0, 0, 0, 0]),
        ("a= TRUE ", [1, 1, 1, 0, 0, 0, 0]),
        ("a=x", [0, 0, 0, 1, 0, 0, 0]),
        ("a=x=y", [0, 0, 0, 0, 1, 0, 0]),
        ("a=", [0, 0, 0, 0, 0, 1, 1]),
        ("a=2", [0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_conditions_compare_numbers_as_numbers(condition, expected):
    cells = ["1", " 1.0", "true", "x ", "x=y", "", None]
    where = Where.parse(condition)
    assert where.holds(cells).tolist() == [bool(value) for value in expected]
    assert where.column == "a"


@pytest.mark.parametrize("text", ["a", "=1", " =1", ""])
def test_conditions_are_written_with_an_equals_sign(text):
    with pytest.raises(InputError, match="write it as COLUMN=VALUE"):
        Where.parse(text)
