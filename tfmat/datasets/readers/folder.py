"""Reads a folder of CIF and POSCAR files, with an optional table of properties beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.properties import guess_id
from tfmat.datasets.readers.cif.structure import crystals_of_cif
from tfmat.datasets.readers.csv import read_table
from tfmat.datasets.readers.poscar import crystal_from_poscar, looks_like_poscar
from tfmat.datasets.readers.records import SourceRow, whole_text
from tfmat.errors import InputError

_POSCAR_NAMES = ("poscar", "contcar")
_POSCAR_ENDINGS = (".vasp", ".poscar", ".contcar")
_OTHER_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".xyz", ".extxyz", ".txt", ".md", ".parquet")
CIF_HEADER = re.compile(r"^\s*data_\S*\s*$", re.IGNORECASE | re.MULTILINE)
"""The first line of a data block."""


def may_hold_structure(path: Path) -> bool:
    """Says whether a file's name is that of a CIF or POSCAR file; its content decides which.

    Args:
        path: The file. A table, JSON or extended XYZ called ``poscars_...`` is none.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".cif", *_POSCAR_ENDINGS)):
        return True
    return name.startswith(_POSCAR_NAMES) and not name.endswith(_OTHER_ENDINGS)


def kind_of(text: str, name: str) -> str:
    """Returns ``"cif"`` or ``"poscar"``, by content before name.

    Args:
        text: The file, or its first lines.
        name: The file's name.
    """
    if looks_like_poscar(text):
        return "poscar"
    if CIF_HEADER.search(text) or name.lower().removesuffix(".gz").endswith(".cif"):
        return "cif"
    return "poscar"


def structure_files(source: Path) -> list[Path]:
    """Lists the CIF and POSCAR files of a folder and of the folders in it, by name.

    Args:
        source: A folder, or one such file.

    Raises:
        InputError: There are none.
    """
    if source.is_file():
        return [source]
    found = sorted(
        path
        for path in source.rglob("*")
        if may_hold_structure(path) and path.is_file() and not path.name.startswith(".")
    )
    if not found:
        raise InputError(f"{source}: the folder holds no CIF or POSCAR files")
    return found


def find_table(source: Path) -> Path | None:
    """Returns the only CSV file of a folder, if there is exactly one."""
    tables = sorted(source.glob("*.csv")) if source.is_dir() else []
    return tables[0] if len(tables) == 1 else None


def read_folder(
    source: Path, table: Path | None = None, key: str | None = None
) -> Iterator[SourceRow]:
    """Reads the files of a folder one by one.

    Args:
        source: A folder, or one file.
        table: A CSV file with properties, one row for every structure.
        key: Its column with file names (with or without ending); guessed by default.

    Yields:
        A row for every structure; its name is the file's path in the folder without the ending
        (for ``mp-1/POSCAR`` the folder's name).

    Raises:
        InputError: There are no files, or the table has no such column.
    """
    files = structure_files(source)
    rows = read_properties(table, key) if table is not None else {}
    for path in files:
        relative = path.relative_to(source) if source.is_dir() else Path(path.name)
        name = _name(relative)
        fields = _look_up(rows, relative, name)
        if table is not None and fields is None:
            yield SourceRow(
                str(relative),
                reason=f"no properties: not in {table.name}",
                name=name,
                named_by_file=True,
            )
            continue
        try:
            found = list(_parse(path))
        except InputError as error:
            found = [str(error).removeprefix(f"{path}: ")]
        for one in found:
            crystal, reason = (None, one) if isinstance(one, str) else (one, "")
            yield SourceRow(
                str(relative), fields or {}, crystal, reason, name=name, named_by_file=True
            )


def read_properties(table: Path, key: str | None = None) -> dict[str, dict[str, str]]:
    """Reads a table of properties.

    Args:
        table: A CSV file with a header.
        key: The column with identifiers; guessed by default.

    Returns:
        Fields by identifier, as the table writes it.

    Raises:
        InputError: There is no such column, or a row is broken or comes twice.
    """
    rows: dict[str, dict[str, str]] = {}
    for number, fields in read_table(table):
        if isinstance(fields, str):
            raise InputError(f"{table}: row {number}: {fields}")
        column = key if key in fields else guess_id(fields) if key is None else None
        if column is None:
            raise InputError(
                f"{table}: no column {key or 'id'!r}; name the one that holds the file names with "
                f"`identifier`; there are: {', '.join(fields)[:200]}"
            )
        name = fields[column].strip()
        if name in rows:
            raise InputError(f"{table}: row {number}: {name!r} comes twice; keep one")
        rows[name] = fields
    return rows


def _name(relative: Path) -> str:
    stem = relative.as_posix().removesuffix(".gz")
    if relative.name.removesuffix(".gz").lower() in _POSCAR_NAMES and len(relative.parts) > 1:
        return relative.parent.as_posix()
    if Path(stem).suffix.lower() in (".cif", *_POSCAR_ENDINGS):
        return stem.rpartition(".")[0]
    return stem


def _look_up(
    rows: Mapping[str, dict[str, str]], relative: Path, name: str
) -> dict[str, str] | None:
    for candidate in (name, relative.as_posix(), relative.name, Path(name).name):
        if candidate in rows:
            return rows[candidate]
    return None


def _parse(path: Path) -> Iterator[Crystal | str]:
    """Yields the structures of a file, or the reason why one is none."""
    text = whole_text(path)
    if not text.strip():
        raise InputError("empty file")
    if kind_of(text, path.name) == "poscar":
        yield crystal_from_poscar(text)
        return
    for name, found in crystals_of_cif(text):
        many = isinstance(found, str) and name and not found.startswith("empty")
        yield f"{found} (data_{name[:40]})" if many else found
