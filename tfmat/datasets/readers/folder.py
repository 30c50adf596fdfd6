"""Reads a folder of CIF and POSCAR files, with an optional table of properties beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.properties import guess_id
from tfmat.datasets.readers.csv import read_table
from tfmat.datasets.readers.records import SourceRow, open_text
from tfmat.datasets.readers.structure_text import crystal_from_poscar, crystals_from_cif
from tfmat.errors import InputError

_POSCAR_NAMES = ("POSCAR", "CONTCAR")
_POSCAR_ENDINGS = (".vasp", ".poscar", ".contcar")


def kind_of(path: Path) -> str | None:
    """Returns ``"cif"``, ``"poscar"`` or, for any other file name, ``None``."""
    name = path.name.removesuffix(".gz")
    if name.lower().endswith(".cif"):
        return "cif"
    upper = name.upper()
    if upper.startswith(_POSCAR_NAMES) or name.lower().endswith(_POSCAR_ENDINGS):
        return "poscar"
    return None


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
        if kind_of(path) and path.is_file() and not path.name.startswith(".")
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
            for crystal in _parse(path):
                yield SourceRow(str(relative), fields or {}, crystal, name=name, named_by_file=True)
        except InputError as error:
            reason = str(error).removeprefix(f"{path}: ")
            yield SourceRow(
                str(relative), fields or {}, reason=reason, name=name, named_by_file=True
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
                f"--id; there are: {', '.join(fields)[:200]}"
            )
        name = fields[column].strip()
        if name in rows:
            raise InputError(f"{table}: row {number}: {name!r} comes twice; keep one")
        rows[name] = fields
    return rows


def _name(relative: Path) -> str:
    stem = relative.as_posix().removesuffix(".gz")
    if relative.name.removesuffix(".gz").upper() in _POSCAR_NAMES and len(relative.parts) > 1:
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


def _parse(path: Path) -> list[Crystal]:
    with open_text(path) as stream:
        text = stream.read()
    if not text.strip():
        raise InputError("empty file")
    return crystals_from_cif(text) if kind_of(path) == "cif" else [crystal_from_poscar(text)]
