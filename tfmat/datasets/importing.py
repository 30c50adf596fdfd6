"""Imports a source of any supported format into a dataset folder, row by row."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tfmat import files
from tfmat.datasets.credit import given
from tfmat.datasets.folders import STRUCTURES, is_dataset, shipped
from tfmat.datasets.properties import PropertyReader
from tfmat.datasets.readers.csv import count_csv, first_line, header, read_csv, structure_column
from tfmat.datasets.readers.extxyz import count_extxyz, read_extxyz
from tfmat.datasets.readers.folder import (
    CIF_HEADER,
    find_table,
    leads_out,
    may_hold_structure,
    read_folder,
    stem_of,
    structure_files,
)
from tfmat.datasets.readers.json import read_json
from tfmat.datasets.readers.poscar import looks_like_poscar
from tfmat.datasets.readers.records import SourceRow, open_text
from tfmat.datasets.select import check_limits, limits_record, obstacle
from tfmat.datasets.selecting import copied
from tfmat.datasets.store import SEVERAL_FILES, DatasetWriter
from tfmat.errors import InputError
from tfmat.progress import Progress

FORMATS = ("csv", "extxyz", "folder", "json")
_ENDINGS = {".csv": "csv", ".tsv": "csv", ".xyz": "extxyz", ".extxyz": "extxyz", ".json": "json"}


@dataclass(frozen=True)
class ImportOptions:
    """How to read a source.

    Args:
        form: One of :data:`FORMATS`; found from the content by default.
        structure: Column or key that holds the structures.
        identifier: Column or key that holds the identifiers.
        properties: Property name to column or key.
        table: For a folder: a CSV file with properties.
        max_atoms: Keep only structures with at most this many atoms.
        max_length: Keep only structures whose Niggli cell has no longer edge, in Å.
        limit: Read only this many rows.
        energy_scale: What formation energies count from, in any words; only energies with the
            same words are compared without a warning.
        licence: Of the data, as SPDX writes it; empty if not said.
        attribution: Whom to cite for the data.
        overwrite: Replace a dataset that is there.
    """

    form: str | None = None
    structure: str | None = None
    identifier: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    table: Path | None = None
    max_atoms: int | None = None
    max_length: float | None = None
    limit: int | None = None
    energy_scale: str | None = None
    licence: str = ""
    attribution: Sequence[str] = ()
    overwrite: bool = False


def sniff(source: Path, structure: str | None = None) -> str:
    """Finds the format of a source, from its content before its name.

    Args:
        source: A file or a folder.
        structure: Column that holds the structures, if the user named one.

    Returns:
        One of :data:`FORMATS`.

    Raises:
        InputError: There is no such source, it is empty or of no known format.
    """
    if source.is_dir():
        return "folder"
    if not source.is_file():
        raise InputError(f"{source}: no such file or folder")
    with open_text(source) as stream:
        head = stream.read(2**16)
    if not head.strip():
        raise InputError(f"{source}: the file is empty")
    if looks_like_poscar(head):
        return "folder"
    if "\0" in head:
        raise InputError(
            f"{source}: no text, or UTF-16 without a byte order mark; save it as text in UTF-8"
        )
    head = head.lstrip()
    if head[0] in "{[":
        return "json"
    first, named, _ = first_line(head.splitlines())
    if first.strip().isdecimal():
        return "extxyz"
    if structure_column(header(first, named)[0], structure) is not None:
        return "csv"
    ending = Path(source.name.removesuffix(".gz")).suffix.lower()
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    if may_hold_structure(source) or CIF_HEADER.search(head):
        return "folder"
    raise InputError(
        f"{source}: neither CSV with a cif column, extended XYZ, JSON nor CIF; "
        f"name its form with `form` {'|'.join(FORMATS)}"
    )


def import_dataset(source: Path, out: Path, options: ImportOptions | None = None) -> dict[str, Any]:
    """Imports a source into a dataset folder.

    Bad rows go to ``rejected.csv`` in it with the reason, the rest goes on. Memory holds a block
    of structures and the identifiers, whatever the size of the source.

    Args:
        source: A CSV with CIFs, an extended XYZ file, pymatgen JSON (each also gzipped), a CIF or
            POSCAR file, a folder of these two, or a dataset, of which all is kept that the limits
            allow.
        out: The dataset folder to make.
        options: How to read it.

    Returns:
        A summary: counts, reasons of rejection, properties with their columns, seconds.

    Raises:
        InputError: The source cannot be read, no structure can be kept, a named column is
            missing, a limit is no positive number, the licence is none, or ``out`` exists.
    """
    options = options or ImportOptions()
    start = time.monotonic()
    check_limits(options.max_atoms, options.max_length)
    if is_dataset(source) or (not source.exists() and str(source) in shipped(STRUCTURES)):
        return copied(source, out, options)
    credit = given(options.licence, options.attribution)
    files.check_place(out, overwrite=options.overwrite, own=is_dataset)
    files.check_apart(out, source, options.table)
    form = options.form or sniff(source, options.structure)
    if options.table is not None and form != "folder":
        raise InputError(f"{source}: `table` belongs to a folder of files, not to {form}")
    table = (options.table or find_table(source)) if form == "folder" else None
    rows, total = read_rows(source, form, options, table), _count(source, form)
    if options.limit is not None:
        total = min(total, options.limit) if total is not None else options.limit
    reader = PropertyReader(options.properties, options.identifier)
    stem = source.resolve().name.split(".")[0] or "structure"
    record = {
        "name": source.resolve().name,
        "format": form,
        "sha256": source_hash(source),
        **({"table": table.name, "table_sha256": files.sha256(table)} if table else {}),
        **({"limit": options.limit} if options.limit is not None else {}),
        **credit.record(),
    }
    # The first row is read before anything is written: most mistakes show there.
    first = next(rows, None)
    if first is not None and first.fields and form == "csv":
        reader.identifier(first.fields)
        check_columns(source, reader)
    rows = chain([first] if first is not None else [], rows)
    count = several = 0
    with (
        DatasetWriter(
            out,
            record,
            selection=limits_record(options.max_atoms, options.max_length),
            overwrite=options.overwrite,
        ) as writer,
        Progress("importing", total, "structure") as progress,
    ):
        for count, row in enumerate(islice(rows, options.limit), start=1):
            _keep(row, f"{stem}-{count}", reader, options, writer)
            several += row.named_by_file and row.name != stem_of(row.name)
            progress.update()
        # Without one the reasons of rejection say more.
        if writer.structures:
            check_columns(source, reader)
        writer.extra["columns"] = reader.used
        if several:
            writer.extra[SEVERAL_FILES] = several
        if options.energy_scale is not None:
            writer.extra["energies"] = {
                "method": "as imported",
                "scale": options.energy_scale,
                "references": {},
            }
    return {
        "dataset": str(out),
        "source": str(source),
        "format": form,
        "read": count,
        "kept": writer.structures,
        "atoms": writer.atoms,
        "rejected": writer.rejected.total(),
        "rejected_by_reason": dict(writer.rejected.most_common()),
        "renamed_ids": writer.renamed,
        SEVERAL_FILES: several,
        "properties": {
            name: {
                "column": column,
                "known": writer.known[name],
                "not_numbers": reader.not_numbers[name],
            }
            for name, column in reader.used.items()
        },
        "id_column": reader.used_id,
        "columns_left_out": sorted(reader.columns - {*reader.used.values(), reader.used_id}),
        "selection": writer.selection,
        "seconds": round(time.monotonic() - start, 2),
    }


def source_hash(source: Path) -> str:
    """Returns the SHA-256 of a file as it lies there, or of a folder's structure files and names.

    Links out of the folder are not read.

    Args:
        source: A file or folder.
    """
    if source.is_file():
        return files.sha256(source)
    total = hashlib.sha256()
    for path in structure_files(source):
        if leads_out(path, source):
            continue
        name = path.relative_to(source).as_posix()
        # Names of files need be no UTF-8.
        total.update(f"{files.sha256(path)}  {name}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def read_rows(
    source: Path, form: str, options: ImportOptions, table: Path | None = None
) -> Iterator[SourceRow]:
    """Reads the structures of a source one by one.

    Args:
        source: A file or folder.
        form: One of :data:`FORMATS`.
        options: Columns of structures and identifiers.
        table: For a folder: a CSV file with properties.

    Raises:
        InputError: The source cannot be read at all, or has no columns of structures.
    """
    if options.structure is not None and form in ("extxyz", "folder"):
        raise InputError(
            f"{source}: `structure` is a column of CSV or a key of JSON, which {form} does not have"
        )
    if form == "csv":
        return read_csv(source, options.structure)
    if form == "extxyz":
        return read_extxyz(source)
    if form == "json":
        return read_json(source, options.structure)
    return read_folder(source, table, options.identifier)


def row_identifier(row: SourceRow, reader: PropertyReader, fallback: str) -> str:
    """Returns the name of a structure: its file's, its key, or that of its column.

    Args:
        row: The structure as it was read.
        reader: Knows the column; one that the user named overrules a key.
        fallback: Where there is neither.
    """
    found = reader.identifier(row.fields)
    # A file's or key's name is surer than a guessed column; only --id overrules a key.
    by_name = row.named_by_file or not reader.id_column
    return (row.name or found if by_name else found or row.name) or fallback


def _count(source: Path, form: str) -> int | None:
    if form == "csv":
        return count_csv(source)
    if form == "extxyz":
        return count_extxyz(source)
    return len(structure_files(source)) if form == "folder" else None


def check_columns(source: Path, reader: PropertyReader) -> None:
    """Refuses a source of which no row has a column that the user named.

    Args:
        source: For the message.
        reader: Knows the columns.

    Raises:
        InputError: One is missing.
    """
    if reader.missing():
        have = ", ".join(sorted(reader.columns)) or "none"
        raise InputError(f"{source}: no column {reader.missing()[0]!r}; there are: {have[:300]}")


def _keep(
    row: SourceRow,
    fallback: str,
    reader: PropertyReader,
    options: ImportOptions,
    writer: DatasetWriter,
) -> None:
    identifier = row_identifier(row, reader, fallback)
    try:
        if row.crystal is None:
            raise InputError(row.reason)
        values = reader.read(row.fields)
        reason = obstacle(row.crystal, options.max_atoms, options.max_length)
        if reason is not None:
            raise InputError(f"selection: {reason}")
    except InputError as error:
        writer.reject(identifier, str(error), row.where)
        return
    writer.add(row.crystal, identifier, values)
