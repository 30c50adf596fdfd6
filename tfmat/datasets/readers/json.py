"""Reads pymatgen's JSON in the shapes that people have.

A list (or a file of one document a line) of structures, of computed entries, or of records with a
structure among their fields; an object that maps identifiers to any of these; one structure alone;
and the table form of pandas (``columns``, ``index``, ``data``) of the matbench files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfmat.datasets.readers.json_stream import JsonStream
from tfmat.datasets.readers.records import SourceRow, open_text
from tfmat.datasets.readers.structure_text import crystal_from_mapping, crystal_from_text
from tfmat.errors import InputError

_STRUCTURE_KEYS = ("structure", "final_structure", "initial_structure", "cif")
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
    with open_text(path) as text:
        stream = JsonStream(text)
        number = 0
        try:
            if not stream.peek():
                raise InputError(f"{path}: the file is empty")
            while stream.peek():
                for name, value in _elements(stream):
                    number += 1
                    yield _row(f"element {number}", name, value, structure)
        except ValueError as error:
            raise InputError(f"{path}: element {number + 1}: not JSON ({error})") from error


def _elements(stream: JsonStream) -> Iterator[tuple[str, Any]]:
    """Walks through one document: identifier (or ``""``) and element."""
    if stream.peek() == "[":
        for value in stream.elements():
            yield "", value
        return
    if stream.peek() != "{":
        yield "", stream.value()
        return
    record: dict[str, Any] = {}
    for key in stream.members():
        if key in _WRAPPERS and stream.peek() == "[":
            columns = record.get("columns")
            names = record.get("index") or []
            for position, value in enumerate(stream.elements()):
                if isinstance(columns, list) and isinstance(value, list):
                    value = dict(zip(map(str, columns), value, strict=False))
                yield str(names[position]) if position < len(names) else "", value
        elif stream.peek() == "{" and key not in _STRUCTURE_KEYS and "@class" not in record:
            value = stream.value()
            # A structure's own parts (its lattice) are objects, too, but hold no structure.
            if _holds_structure(value):
                yield key, value
            else:
                record[key] = value
        else:
            record[key] = stream.value()
    if _holds_structure(record):
        yield "", record
        return
    # Objects that hold no structure, to be rejected under their names.
    yield from ((key, value) for key, value in record.items() if isinstance(value, dict))


def _holds_structure(value: Any) -> bool:
    return isinstance(value, dict) and (
        ("lattice" in value and "sites" in value) or any(key in value for key in _STRUCTURE_KEYS)
    )


def _row(where: str, name: str, value: Any, structure: str | None) -> SourceRow:
    if not isinstance(value, Mapping):
        return SourceRow(where, reason=f"no structure: {type(value).__name__}", name=name)
    fields = _fields(value)
    try:
        if "lattice" in value and "sites" in value:
            return SourceRow(where, fields, crystal_from_mapping(value), name=name)
        keys = (structure,) if structure is not None else _STRUCTURE_KEYS
        inner = next((value[key] for key in keys if key in value), None)
        if isinstance(inner, Mapping):
            return SourceRow(where, fields, crystal_from_mapping(inner), name=name)
        if isinstance(inner, str):
            return SourceRow(where, fields, crystal_from_text(inner), name=name)
        raise InputError(f"no structure: no key {structure or 'structure'!r}")
    except InputError as error:
        return SourceRow(where, fields, reason=str(error), name=name)


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
