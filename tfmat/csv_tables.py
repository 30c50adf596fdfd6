"""CSV tables as tfmat writes them, and as it reads them again.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula and runs it.
Names come from files and servers, so that every text of a table passes :func:`cell`, and whatever
reads a table gives the text back with :func:`text_of`. See "CSV Injection" of the OWASP Foundation,
https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from tfmat.errors import InputError, printable

LARGEST_CELL = 16 * 2**20
"""A cell of more characters is a quote that was never closed."""

# Spreadsheets in East Asia take the wide forms of the signs for the signs.
_COMMAND = re.compile(r"[\s']*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)


def cell(value: object) -> object:
    """Makes a value harmless as a cell of a table.

    Args:
        value: Numbers, truth values and ``None`` stay as they are. A text becomes printable; one
            that a spreadsheet would run, and that is no number, gets an apostrophe in front.
    """
    if value is None or isinstance(value, int | float):
        return value
    text = printable(str(value))
    return f"'{text}" if _COMMAND.match(text) and not _NUMBER.fullmatch(text) else text


def text_of(cell: str) -> str:
    """Returns the text for which a cell stands: ``text_of(cell(text)) == printable(text)``.

    Args:
        cell: A cell of a table.
    """
    return cell[1:] if cell[:1] == "'" and _COMMAND.match(cell) else cell


class TableWriter:
    """Writes a table whose texts are harmless.

    Args:
        stream: A text file, opened with ``newline=""``.
        columns: The header.
        verbatim: Columns with texts of many lines that this house has made, so that no spreadsheet
            runs them: they pass as they are.
    """

    def __init__(
        self, stream: TextIO, columns: Sequence[str], *, verbatim: Sequence[str] = ()
    ) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._columns = tuple(columns)
        self._harmless = [str if name in verbatim else cell for name in columns]
        self._writer.writerow(map(cell, columns))

    def row(self, values: Iterable[object]) -> None:
        """Writes a row, one value for each column."""
        self._writer.writerow(
            harmless(value) for harmless, value in zip(self._harmless, values, strict=True)
        )

    def record(self, values: Mapping[str, Any]) -> None:
        """Writes a row that is given by column; a column without a value stays empty."""
        self.row(values.get(name, "") for name in self._columns)


def read_table(path: Path) -> tuple[list[str], Iterator[dict[str, str]]]:
    """Reads a table that tfmat has written.

    Args:
        path: A CSV file in UTF-8.

    Returns:
        The columns, and the rows by column.

    Raises:
        InputError: It cannot be read, is not UTF-8 or no table, or, while the rows are read, one
            has too few or too many cells.
    """
    rows = _lines(path)
    columns = next(rows, [])
    return columns, _records(path, columns, rows)


def _lines(path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(LARGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for cells in csv.reader(stream):
                yield [text_of(cell) for cell in cells]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: not a table in UTF-8 ({error}); save it as CSV in UTF-8, or make it again"
        ) from error


def _records(
    path: Path, columns: Sequence[str], rows: Iterator[list[str]]
) -> Iterator[dict[str, str]]:
    for number, cells in enumerate(rows, start=1):
        if cells and len(cells) != len(columns):
            raise InputError(
                f"{path}: row {number}: {len(cells)} cells, but {len(columns)} columns; mend the "
                "row, or make the table again"
            )
        if cells:
            yield dict(zip(columns, cells, strict=True))
