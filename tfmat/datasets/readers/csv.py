"""Reads a table with a column of CIF texts, the form of the field's benchmark files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from tfmat.csv_tables import LARGEST_CELL, text_of
from tfmat.datasets.readers.claims import check_record
from tfmat.datasets.readers.records import SourceRow, lines_of, open_text
from tfmat.datasets.readers.structure_text import crystal_from_text
from tfmat.errors import InputError

_STRUCTURE_COLUMNS = ("cif", "cif_string", "structure_cif", "cifs", "structure", "poscar")
_SEPARATOR = re.compile(r'"?sep=([,;|\t])"?\r?\n?', re.IGNORECASE)


def first_line(lines: Iterable[str]) -> tuple[str, str, int]:
    """Finds the line of a table that names its columns.

    Args:
        lines: The table from its start; read up to that line. Blank ones are passed over, and so
            is what spreadsheets put above, ``sep=;``.

    Returns:
        The line, ``""`` if there is none; the delimiter, if ``sep=`` names it, else ``""``; and
        how many lines were read.
    """
    delimiter, count = "", 0
    for count, line in enumerate(lines, start=1):
        named = None if delimiter else _SEPARATOR.fullmatch(line)
        if named:
            delimiter = named[1]
        elif line.strip():
            return line, delimiter, count
    return "", delimiter, count


def header(line: str, delimiter: str = "") -> tuple[list[str], str]:
    """Splits the first line of a table.

    Args:
        line: The line.
        delimiter: What stands between cells, if it is known.

    Returns:
        Column names, and the delimiter: of comma, semicolon and tab the one that splits most.
    """
    delimiter = delimiter or max(",;\t", key=line.count)
    return [name.strip() for name in cells_of(line, delimiter)], delimiter


def cells_of(line: str, delimiter: str, *, strict: bool = False) -> list[str]:
    """Splits one line of a table.

    Args:
        line: The line; one with a quote that is not closed is one cell from there on.
        delimiter: What stands between cells.
        strict: Refuse such a line.

    Raises:
        InputError: Its quotes do not fit together, or a cell is too large.
    """
    csv.field_size_limit(LARGEST_CELL)
    try:
        reader = csv.reader([line.rstrip("\r\n")], delimiter=delimiter, strict=strict)
        return next(reader, [])
    except csv.Error as error:
        raise InputError(f"its quotes do not fit together ({error})") from error


def structure_column(columns: list[str], wanted: str | None = None) -> str | None:
    """Returns the column that holds structures.

    Args:
        columns: All columns.
        wanted: The user's word, which must be there.
    """
    if wanted is not None:
        return wanted if wanted in columns else None
    by_key = {column.lower(): column for column in columns}
    return next((by_key[name] for name in _STRUCTURE_COLUMNS if name in by_key), None)


def count_csv(path: Path) -> int:
    """Counts the rows of a table, fast; for progress only."""
    with open_text(path) as stream:
        _, rows = _table(path, stream)
        try:
            return sum(1 for _ in rows)
        except csv.Error:
            return 0


def read_csv(path: Path, structure: str | None = None) -> Iterator[SourceRow]:
    """Reads a table row by row.

    Args:
        path: A CSV file (comma, semicolon or tab), gzipped or not.
        structure: The column with CIF texts; by default the first of ``cif`` and its like.

    Yields:
        A row for every row; ``fields`` are the other columns as text. Those with formulas must
        agree with the structure.

    Raises:
        InputError: The file cannot be read, or has no such column.
    """
    for number, fields in read_table(path, need_structure=True, structure=structure):
        where = f"row {number}"
        if isinstance(fields, str):
            yield SourceRow(where, reason=fields)
            continue
        column = structure_column(list(fields), structure)
        text = fields.pop(column) if column is not None else ""
        try:
            crystal = crystal_from_text(text)
            check_record(crystal, fields)
            yield SourceRow(where, fields, crystal)
        except InputError as error:
            yield SourceRow(where, fields, reason=str(error))


def read_table(
    path: Path, *, need_structure: bool = False, structure: str | None = None
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Reads the rows of a table as dictionaries of text.

    Args:
        path: A CSV file.
        need_structure: Whether a column of structures must be there.
        structure: Its name, if it is not one of the usual.

    Yields:
        Number of the row (the one below the header is 1) and its fields, or the reason why the
        row is unusable.

    Raises:
        InputError: The file is empty, is no table, or lacks the column of structures.
    """
    with open_text(path) as stream:
        columns, rows = _table(path, stream)
        if need_structure and structure_column(columns, structure) is None:
            raise InputError(
                f"{path}: no column {structure or 'cif'!r}; name the one that holds the "
                f"structures with `structure`, or import formulas with `kind` compositions; "
                f"there are: {', '.join(columns)[:200]}"
            )
        number = 0
        try:
            for number, cells in enumerate(rows, start=1):
                if cells is None:
                    yield number, "broken row: a quote is not closed; is the file cut off?"
                elif len(cells) == len(columns):
                    yield number, dict(zip(columns, map(text_of, cells), strict=True))
                else:
                    yield number, f"broken row: {len(cells)} cells, but {len(columns)} columns"
        except csv.Error as error:
            raise InputError(f"{path}: row {number + 1}: not CSV ({error})") from error


def _table(path: Path, stream: TextIO) -> tuple[list[str], Iterator[list[str] | None]]:
    """Returns the columns of a table, and the cells of each row: ``None`` where a quote is open."""
    lines = lines_of(path, stream)
    first, named, _ = first_line(lines)
    columns, delimiter = header(first, named)
    if not any(columns):
        raise InputError(f"{path}: the file is empty")
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise InputError(f"{path}: two columns are called {doubled[0]!r}; rename one")
    csv.field_size_limit(LARGEST_CELL)
    return columns, _rows(lines, delimiter)


def _rows(lines: Iterator[str], delimiter: str) -> Iterator[list[str] | None]:
    ended = False

    def watched() -> Iterator[str]:
        nonlocal ended
        yield from lines
        ended = True

    for cells in csv.reader(watched(), delimiter=delimiter):
        # A row ends with its line. One that ends with the file has waited for a quote.
        if ended:
            yield None
        # A blank line is no row.
        elif cells:
            yield cells
