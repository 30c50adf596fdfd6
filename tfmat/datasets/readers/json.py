"""Reads pymatgen's JSON in the shapes that people have.

A list (or a file of one document a line) of structures, of computed entries, or of records with a
structure among their fields; an object that maps identifiers to any of these; one structure alone;
and tables as pandas writes them, in each of its orients (``columns``, ``index``, ``split`` as in
the matbench files, ``records``, ``table``, ``values``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmat.datasets.properties import guess_id
from tfmat.datasets.readers.claims import check_record
from tfmat.datasets.readers.json_stream import JsonStream, Repeated, repeated_key
from tfmat.datasets.readers.records import SourceRow, open_text
from tfmat.datasets.readers.structure_dict import crystal_from_mapping
from tfmat.datasets.readers.structure_text import crystal_from_text
from tfmat.errors import InputError

_STRUCTURE_KEYS = ("structure", "final_structure", "initial_structure", "cif", "poscar")
# Objects that wrap the list of records under one of these keys, as API answers do.
_WRAPPERS = ("data", "entries", "results", "structures")


def read_json(path: Path, structure: str | None = None) -> Iterator[SourceRow]:
    """Reads pymatgen JSON element by element.

    Args:
        path: The file, gzipped or not.
        structure: The key of a record that holds the structure, if it is not one of the usual.

    Yields:
        A row for every element; ``fields`` are the numbers and texts of the record.

    Raises:
        InputError: The file cannot be read, is not JSON or ends early.
    """
    keys = (structure,) if structure is not None else _STRUCTURE_KEYS
    with open_text(path) as text:
        stream = JsonStream(text)
        number = 0
        try:
            if not stream.peek():
                raise InputError(f"{path}: the file is empty")
            while stream.peek():
                for name, value in _elements(stream, keys):
                    number += 1
                    row = _row(f"element {number}", name, value, keys)
                    if stream.repeats and (twice := repeated_key(value)):
                        row.crystal = None
                        row.reason = f"broken row: key {twice[:40]!r} comes twice in one object"
                    if name.isdecimal() and guess_id(row.fields):
                        # The number that pandas gives to each row names nothing.
                        row.name = ""
                    yield row
        except ValueError as error:
            raise InputError(f"{path}: element {number + 1}: not JSON ({error})") from error


def _elements(stream: JsonStream, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Walks through one document: identifier (or ``""``) and element."""
    if stream.peek() == "[":
        for value in stream.elements():
            yield "", _nameless(value) if isinstance(value, list) else value
        return
    if stream.peek() != "{":
        yield "", stream.value()
        return
    pairs: list[tuple[str, Any]] = []
    record: dict[str, Any] = {}
    rows: list[Any] = []
    wrapped = False
    for key in stream.members():
        if key in _WRAPPERS and stream.peek() == "[":
            wrapped = True
            for place, value in enumerate(stream.elements()):
                if isinstance(value, list) and "columns" not in record:
                    rows.append(value)
                else:
                    yield _named_row(record, place, value)
            continue
        # Cell by cell: in pandas' default form an object is a whole column.
        inner = stream.peek() == "{" and "@class" not in record
        value = stream.object() if inner else stream.value()
        # A structure's own parts (its lattice) are objects, too, but hold no structure.
        named = inner and key not in keys and _holds_structure(value, keys)
        if named and not _is_table(value, keys):
            yield key, value
            continue
        record[key] = value
        pairs.append((key, value))
    record = stream.joined(pairs)
    for place, value in enumerate(rows):
        yield _named_row(record, place, value)
    if _is_table(record, keys):
        for part in (record, *record.values()):
            if isinstance(part, Repeated):
                raise ValueError(f"key {part.key[:40]!r} comes twice in one object")
        yield from _transposed(record, keys)
    elif _holds_structure(record, keys):
        yield "", record
    elif not wrapped:
        # Objects that hold no structure, to be rejected under their names.
        yield from ((key, value) for key, value in record.items() if isinstance(value, dict))


def _named_row(record: Mapping[str, Any], place: int, value: Any) -> tuple[str, Any]:
    """Returns a row of a table with its name from ``index`` and its cells by ``columns``."""
    columns, index = record.get("columns"), record.get("index")
    if isinstance(value, list):
        if not isinstance(columns, list):
            value = _nameless(value)
        elif len(columns) == len(value):
            value = dict(zip(map(str, columns), value, strict=True))
        else:
            value = f"broken row: {len(value)} cells, but {len(columns)} columns"
    named = isinstance(index, list) and place < len(index)
    return str(index[place]) if named and index is not None else "", value


def _nameless(cells: list[Any]) -> Any:
    """Returns a row without column names as a record, if one cell alone is a structure."""
    found = [cell for cell in cells if _is_structure(cell)]
    return {"structure": found[0]} if len(found) == 1 else cells


def _is_structure(value: Any) -> bool:
    if isinstance(value, str):
        return "_cell_length_a" in value or ('"lattice"' in value and '"sites"' in value)
    return isinstance(value, Mapping) and "lattice" in value and "sites" in value


def _is_table(record: Mapping[str, Any], keys: Sequence[str]) -> bool:
    """Says whether a record is a table by columns: each maps the names of rows to cells."""
    column = next((record[key] for key in keys if key in record), None)
    return (
        isinstance(column, Mapping)
        and not _is_structure(column)
        and any(map(_is_structure, column.values()))
    )


def _transposed(table: Mapping[str, Any], keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    column = next(table[key] for key in keys if key in table)
    for name in column:
        yield (
            name,
            {
                key: cells[name]
                for key, cells in table.items()
                if isinstance(cells, Mapping) and name in cells
            },
        )


def _holds_structure(value: Any, keys: Sequence[str]) -> bool:
    return isinstance(value, Mapping) and (
        ("lattice" in value and "sites" in value) or any(key in value for key in keys)
    )


def _row(where: str, name: str, value: Any, keys: Sequence[str]) -> SourceRow:
    if isinstance(value, str) and value.startswith("broken row: "):
        return SourceRow(where, reason=value, name=name)
    if not isinstance(value, Mapping):
        return SourceRow(where, reason=f"no structure: {type(value).__name__}", name=name)
    fields = _fields(value)
    try:
        return SourceRow(where, fields, _crystal(value, keys), name=name)
    except InputError as error:
        return SourceRow(where, fields, reason=str(error), name=name)


def _crystal(value: Mapping[str, Any], keys: Sequence[str]) -> Any:
    if "lattice" in value and "sites" in value:
        return crystal_from_mapping(value)
    inner = next((value[key] for key in keys if key in value), None)
    if isinstance(inner, Mapping):
        crystal = crystal_from_mapping(inner)
    elif isinstance(inner, str):
        crystal = crystal_from_text(inner)
    else:
        raise InputError(f"no structure: no key {keys[0]!r}")
    check_record(crystal, value)
    return crystal


def _fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, texts and dates of a record and of the ``data`` and ``properties`` in it."""
    fields: dict[str, Any] = {}
    # A structure's own keys (its charge) say nothing that a dataset keeps.
    own = None if "sites" in value else value
    for part in (value.get("properties"), value.get("data"), own):
        if isinstance(part, Mapping):
            fields.update(
                {
                    key: item
                    for key, item in part.items()
                    if _is_plain(item) and not key.startswith("@")
                }
            )
    return fields


def _is_plain(item: Any) -> bool:
    # A date of MongoDB's ("$date") or of pymatgen's JSON is one value, though an object.
    dated = isinstance(item, Mapping) and ("$date" in item or item.get("@class") == "datetime")
    return dated or isinstance(item, str | int | float | None)
