"""Tables of formulas as JSON: the forms that pandas writes, one record a line, and API answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmat.datasets.readers.records import open_text
from tfmat.errors import InputError, whole_characters
from tfmat.formulas.formula_text import LOST, FormulaError, parse_formula

# Objects that wrap the list of records under one of these keys, as API answers do.
_WRAPPERS = ("data", "entries", "results")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


@dataclass
class JsonTable:
    """A table as it stands in JSON.

    Attributes:
        names: Its columns.
        rows: Cells by column; what is no row has none.
        broken: Why the row at a place is none.
    """

    names: list[str] = field(default_factory=list)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)

    def add(self, row: Any, reason: str = "") -> None:
        """Appends a record, or what should have been one."""
        if isinstance(row, Mapping):
            # OPTIMADE has the properties of an entry one level below its identifier.
            inner = row.get("attributes")
            row = {**row, **inner} if isinstance(inner, Mapping) else row
            self.names += [name for name in row if name not in self._known]
            self._known.update(row)
        else:
            self.broken[len(self.rows)] = reason or f"broken row: {_kind(row)}, no record"
            row = {}
        self.rows.append(row)

    def __post_init__(self) -> None:
        self._known = set(self.names)

    def column(self, name: str) -> list[str | None]:
        """Returns a column as text, broken rows left out; ``None`` where nothing is known."""
        return [
            cell_text(row.get(name))
            for place, row in enumerate(self.rows)
            if place not in self.broken
        ]


def read_json_table(path: Path, is_formula_name: Callable[[str], bool]) -> JsonTable:
    """Reads a table from JSON.

    Args:
        path: The file, gzipped or not: a list of records, of rows or of formulas; an object of
            columns or of records, by label; pandas' forms ``split`` and ``table``; a record a
            line.
        is_formula_name: Tells whether a column's name is one that holds formulas.

    Raises:
        InputError: It is not JSON, or nothing says which of its texts are formulas.
    """
    with open_text(path) as stream:
        text = stream.read()
    try:
        value = _decoded(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise InputError(f"{path}: not JSON, or cut off ({error}); mend it") from error
        return _lines(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON that can be read ({_why(error)})") from error
    try:
        return _table(value, is_formula_name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def cell_text(value: Any) -> str | None:
    """Returns what a cell says, as a table of text has it.

    Args:
        value: A value of JSON. The amounts of a composition, ``{"Li": 2, "O": 1}``, become a
            formula.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, Mapping) and value and all(map(_is_amount, value.items())):
        return "".join(f"{symbol}{amount}" for symbol, amount in value.items())
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return LOST.sub("\ufffd", text)


def _is_amount(item: tuple[Any, Any]) -> bool:
    symbol, amount = item
    number = isinstance(amount, int | float) and not isinstance(amount, bool)
    return bool(number and math.isfinite(amount) and _SYMBOL.fullmatch(symbol))


def _decoded(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_without_doubles)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Half a character in a key is no name of a column.
    pairs = [(whole_characters(key), value) for key, value in pairs]
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{double!r} comes twice in one object")
    return found


def _why(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _lines(text: str) -> JsonTable:
    table = JsonTable()
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            table.add(_decoded(line))
        except (ValueError, RecursionError) as error:
            table.add(None, f"broken row: not JSON ({_why(error)})")
    return table


def _table(value: Any, is_formula_name: Callable[[str], bool]) -> JsonTable:
    if isinstance(value, list):
        return _list(value)
    if not isinstance(value, dict):
        raise InputError(f"{_kind(value)}, no table; give a list of records")
    wrapped = next((value[key] for key in _WRAPPERS if isinstance(value.get(key), list)), None)
    names = value.get("columns")
    if wrapped is not None and isinstance(names, list):
        return _split([whole_characters(str(name)) for name in names], wrapped)
    if wrapped is not None:
        return _list(wrapped)
    outer = any(map(is_formula_name, value))
    parts = list(value.values())
    inner = any(isinstance(part, dict) and any(map(is_formula_name, part)) for part in parts)
    if outer and inner:
        raise InputError(
            "both its keys and those within are called as formulas are; write it as a list of "
            "records"
        )
    if outer and all(isinstance(part, dict | list) for part in parts):
        return _columns(value)
    if outer:
        return _list([value])
    if parts and all(isinstance(part, dict) for part in parts):
        return _list(parts)
    if parts and all(isinstance(part, str) for part in parts):
        return _list(parts)
    raise InputError(
        "nothing in it is called 'formula'; write it as a list of records, each with a 'formula'"
    )


def _list(values: list[Any]) -> JsonTable:
    table = JsonTable()
    if values and all(isinstance(value, list) for value in values):
        return _split(_guessed_names(values), values)
    texts = bool(values) and not any(isinstance(value, dict) for value in values)
    for value in values:
        table.add({"formula": value} if texts and isinstance(value, str) else value)
    return table


def _split(names: list[str], rows: list[Any]) -> JsonTable:
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"two columns are called {doubled!r}; rename one")
    table = JsonTable(list(names))
    for row in rows:
        if isinstance(row, list) and len(row) == len(names):
            table.add(dict(zip(names, row, strict=True)))
        elif isinstance(row, list):
            table.add(None, f"broken row: {len(row)} cells, but {len(names)} columns")
        else:
            table.add(None, f"broken row: {_kind(row)}, no list of cells")
    return table


def _guessed_names(rows: list[list[Any]]) -> list[str]:
    """Names the columns of rows without names, if one of them alone holds formulas."""
    width = max(map(len, rows))
    holds = [
        any(_is_formula(row[column]) for row in rows if column < len(row))
        for column in range(width)
    ]
    if sum(holds) != 1:
        raise InputError(
            "its rows have no names, and not just one column holds formulas; write it as a list "
            "of records, each with a 'formula'"
        )
    return ["formula" if holds[column] else f"column_{column}" for column in range(width)]


def _is_formula(value: Any) -> bool:
    try:
        parse_formula(value if isinstance(value, str) else None)
    except FormulaError:
        return False
    return True


def _columns(value: Mapping[str, Any]) -> JsonTable:
    if all(isinstance(cells, list) for cells in value.values()):
        lengths = {len(cells) for cells in value.values()}
        if len(lengths) > 1:
            raise InputError("its columns have different lengths")
        labels: Iterable[Any] = range(lengths.pop())
    elif all(isinstance(cells, dict) for cells in value.values()):
        labels = list(dict.fromkeys(label for cells in value.values() for label in cells))
    else:
        raise InputError("some of its columns are lists and some are objects")
    table = JsonTable(list(value))
    for label in labels:
        table.add(
            {
                name: cells.get(label) if isinstance(cells, dict) else cells[label]
                for name, cells in value.items()
            }
        )
    return table


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return "nothing" if value is None else names.get(type(value), "a number")
