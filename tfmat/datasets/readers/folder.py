"""Reads a folder of CIF and POSCAR files, with an optional table of properties beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.properties import guess_id
from tfmat.datasets.readers.cif.structure import crystals_of_cif
from tfmat.datasets.readers.csv import read_table
from tfmat.datasets.readers.poscar import crystal_from_poscar, looks_like_poscar
from tfmat.datasets.readers.records import SourceRow, whole_text
from tfmat.errors import InputError

_CIF_ENDINGS = (".cif", ".mcif")
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
    if name.endswith((*_CIF_ENDINGS, *_POSCAR_ENDINGS)):
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
    if CIF_HEADER.search(text) or name.lower().removesuffix(".gz").endswith(_CIF_ENDINGS):
        return "cif"
    return "poscar"


def structure_files(source: Path) -> list[Path]:
    """Lists the CIF and POSCAR files of a folder and of the folders in it, by name.

    Args:
        source: A folder, or one such file. Links are listed with it, see :func:`leads_out`.

    Raises:
        InputError: There are none.
    """
    if source.is_file():
        return [source]
    found = sorted(
        path
        for path in source.rglob("*")
        if may_hold_structure(path)
        and (path.is_file() or (path.is_symlink() and not path.is_dir()))
        and not path.name.startswith(".")
    )
    if not found:
        raise InputError(f"{source}: the folder holds no CIF or POSCAR files")
    return found


def leads_out(path: Path, source: Path) -> bool:
    """Says whether a file of a folder is a link to nothing or to a file that is not in the folder.

    A folder from elsewhere must not have other files of this machine read.

    Args:
        path: A file of :func:`structure_files`.
        source: The folder, or the file itself, which may be a link: its name was given.
    """
    if path == source or not path.is_symlink():
        return False
    return not (path.is_file() and path.resolve().is_relative_to(source.resolve()))


def find_table(source: Path) -> Path | None:
    """Returns the CSV file of a folder, if there is one.

    Raises:
        InputError: There are several, or it is a link out of the folder.
    """
    tables = sorted(source.glob("*.csv")) if source.is_dir() else []
    if len(tables) > 1:
        names = ", ".join(table.name for table in tables)
        raise InputError(
            f"{source}: {len(tables)} CSV files in it ({names[:200]}); name the one with the "
            f"properties with `table`"
        )
    if tables and leads_out(tables[0], source):
        raise InputError(
            f"{tables[0]}: a link out of the folder; name the file that is meant with `table`"
        )
    return tables[0] if tables else None


def read_folder(
    source: Path, table: Path | None = None, key: str | None = None
) -> Iterator[SourceRow]:
    """Reads the files of a folder one by one.

    Args:
        source: A folder, or one file.
        table: A CSV file with properties, one row for every structure.
        key: Its column with file names (with or without ending); guessed by default.

    Yields:
        A row for every structure, named by :func:`file_names`. Then one with a reason for
        every name of the table that no file has.

    Raises:
        InputError: There are no files; or the table has no such column, or one file twice.
    """
    files = structure_files(source)
    relatives = [path.relative_to(source) if source.is_dir() else Path(path.name) for path in files]
    names = file_names(relatives)
    rows, unused = _by_file(table, key, relatives) if table is not None else ({}, [])
    for path, relative in zip(files, relatives, strict=True):
        stated = rows.get(relative, f"no properties: not in {table.name}" if table else "")
        fields = {} if isinstance(stated, str) else stated
        found: Iterable[Crystal | str]
        if leads_out(path, source):
            found = ["no structure: a link out of the folder; copy the file into it"]
        elif isinstance(stated, str) and stated:
            found = [stated]
        else:
            try:
                found = list(_parse(path))
            except InputError as error:
                found = [str(error).removeprefix(f"{path}: ")]
        for one in found:
            crystal, reason = (None, one) if isinstance(one, str) else (one, "")
            where, name = str(relative), names[relative]
            yield SourceRow(where, fields, crystal, reason, name, named_by_file=True)
    for name in unused:
        reason = "no structure: the folder has no such file"
        yield SourceRow(table.name if table else "", reason=reason, name=name, named_by_file=True)


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


def stem_of(name: str) -> str:
    """Returns what a structure is called in all its files: a file's path without the ending.

    Args:
        name: Path in the folder, with slashes; of ``mp-1/POSCAR`` the folder counts. What has no
            such ending stays.
    """
    stem = name.removesuffix(".gz")
    folder, _, last = stem.rpartition("/")
    if folder and last.lower() in _POSCAR_NAMES:
        return folder
    if Path(stem).suffix.lower() in (*_CIF_ENDINGS, *_POSCAR_ENDINGS):
        return stem.rpartition(".")[0]
    return stem


def file_names(relatives: Sequence[Path]) -> dict[Path, str]:
    """Names the structures of a folder: by the path without its ending, where it is of one file.

    Args:
        relatives: Paths of all files in the folder.

    Returns:
        The name of each: ``a`` for ``a.cif``, but ``a.cif`` and ``a.vasp`` where there are both.
    """
    whole = {path: path.as_posix() for path in relatives}
    files = Counter(name for path in whole.values() for name in {path, stem_of(path)})
    return {
        path: stem_of(name) if files[stem_of(name)] == 1 else name for path, name in whole.items()
    }


def _by_file(
    table: Path, key: str | None, relatives: Sequence[Path]
) -> tuple[dict[Path, dict[str, str] | str], list[str]]:
    """Finds the row of each file in a table of properties, by path and else by bare name.

    Returns:
        Its fields, or why nothing says which they are, by file; and the names without a file.
    """
    rows = read_properties(table, key)
    paths = {path: (stem_of(path.as_posix()), path.as_posix()) for path in relatives}
    bare = {path: (Path(stem).name, path.name) for path, (stem, _) in paths.items()}
    by_file: dict[Path, dict[str, str] | str] = {}
    used: set[str] = set()
    for ways in (paths, bare):
        left = {path: spellings for path, spellings in ways.items() if path not in by_file}
        found = _matches(table, rows.keys() - used, left)
        files = Counter(found.values())
        for path, name in found.items():
            by_file[path] = rows[name]
            if files[name] > 1:
                many = f"{name!r} in {table.name} is {files[name]} files"
                by_file[path] = f"unclear: {many}; give paths with their endings"
        used.update(found.values())
    return by_file, [name for name in rows if name not in used]


def _matches(
    table: Path, names: Container[str], ways: Mapping[Path, Sequence[str]]
) -> dict[Path, str]:
    """Returns the name of each file in a table, if it has one of several ways to write it."""
    found = {}
    for path, spellings in ways.items():
        known = [one for one in dict.fromkeys(spellings) if one in names]
        if len(known) > 1:
            raise InputError(f"{table}: {known[0]!r} and {known[1]!r} are one file; keep one row")
        if known:
            found[path] = known[0]
    return found


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
