"""Columns of text from CSV and from lists, with pyarrow; a bad row costs no other."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from tfmat.csv_tables import LARGEST_CELL
from tfmat.datasets.readers.csv import cells_of
from tfmat.datasets.readers.records import Utf8Stream, open_binary, open_text
from tfmat.errors import InputError, first_line
from tfmat.formulas.formula_text import FormulaError, parse_formula

# A line of a list holds no such byte, so that it stays one cell.
_NO_DELIMITER = "\x1f"


@dataclass(frozen=True)
class TextLayout:
    """How a table is written as text.

    Args:
        names: Its columns.
        delimiter: What stands between cells; by default it is a list, a line for each cell.
        skip: How many lines the header takes.
    """

    names: list[str]
    delimiter: str = _NO_DELIMITER
    skip: int = 0

    @property
    def is_list(self) -> bool:
        """Whether each line is a cell, quotes and all."""
        return self.delimiter == _NO_DELIMITER


def read_text_table(path: Path, layout: TextLayout, names: list[str]) -> tuple[Any, dict[int, str]]:
    """Reads columns as text, in UTF-8; what is none becomes U+FFFD.

    Args:
        path: The file.
        layout: How it is written.
        names: The columns, the one with formulas first.

    Returns:
        A ``pyarrow`` table of text, and the rows that are left out of it: why, by place.

    Raises:
        InputError: It cannot be read at all.
    """
    from pyarrow import csv

    broken: dict[int, str] = {}

    def skip_broken(row: Any) -> str:
        reason = f"broken row: {row.actual_columns} cells, but {row.expected_columns} columns"
        broken[row.number - layout.skip - 1] = reason
        return "skip"

    a_list = layout.is_list
    with open_binary(path) as raw, arrow_errors(path):
        stream = Utf8Stream(raw)
        table = csv.read_csv(
            io.BufferedReader(stream),
            # Only one thread knows the number of a broken row.
            csv.ReadOptions(
                use_threads=False,
                column_names=layout.names,
                skip_rows=layout.skip,
                block_size=LARGEST_CELL,
            ),
            csv.ParseOptions(
                delimiter=layout.delimiter,
                quote_char=False if a_list else '"',
                newlines_in_values=not a_list,
                ignore_empty_lines=not a_list,
                invalid_row_handler=skip_broken,
            ),
            csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.large_string())
            ),
        )
    rows = len(table) + len(broken)
    if not a_list and stream.quotes and _quotes_swallow_rows(path, layout, names[0], stream, rows):
        return _read_line_by_line(path, layout, names)
    return table, broken


def _quotes_swallow_rows(
    path: Path, layout: TextLayout, formula: str, stream: Utf8Stream, rows: int
) -> bool:
    """Tells whether a quote is not closed, or by one of another row, with rows between them."""
    if stream.quotes % 2:
        return True
    if stream.lines <= rows + layout.skip:
        return False
    column, within = layout.names.index(formula), False
    with open_text(path) as text:
        for line in islice(text, layout.skip, None):
            if within:
                cells = cells_of(line, layout.delimiter)
                if len(cells) == len(layout.names) and is_formula(cells[column]):
                    return True
            within ^= line.count('"') % 2 == 1
    return False


def _read_line_by_line(
    path: Path, layout: TextLayout, names: list[str]
) -> tuple[Any, dict[int, str]]:
    """Reads a table with a line for every row, whatever the quotes say."""
    broken: dict[int, str] = {}
    columns: dict[str, list[str]] = {name: [] for name in names}
    with open_text(path) as stream:
        lines = (line for line in islice(stream, layout.skip, None) if line.strip("\r\n"))
        for place, line in enumerate(lines):
            try:
                cells = cells_of(line, layout.delimiter, strict=True)
            except InputError as error:
                broken[place] = f"broken row: {error}"
                continue
            if len(cells) != len(layout.names):
                broken[place] = f"broken row: {len(cells)} cells, but {len(layout.names)} columns"
                continue
            row = dict(zip(layout.names, cells, strict=True))
            for name in names:
                columns[name].append(row[name])
    arrays = {name: pa.array(cells, pa.large_string()) for name, cells in columns.items()}
    return pa.table(arrays), broken


def is_formula(text: str) -> bool:
    """Tells whether a text is a formula.

    Args:
        text: Any text.
    """
    try:
        parse_formula(text)
    except FormulaError:
        return False
    return True


@contextmanager
def arrow_errors(path: Path) -> Iterator[None]:
    """Says in one line what pyarrow could not read.

    Args:
        path: The file that the block reads.

    Raises:
        InputError: The block could not.
    """
    try:
        yield
    # Damaged Parquet files: also what is said of files, texts and sizes.
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise InputError(f"{path}: not a readable table ({first_line(error)})") from error
