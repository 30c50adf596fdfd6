"""Structures from wherever they are, in memory: what commands take that work on any structures."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.structures import IDENTIFIER, Structures, crystals_of
from tfmat.datasets.credit import UNKNOWN, Credit
from tfmat.datasets.folders import STRUCTURES, resolve, shipped
from tfmat.datasets.generated import FRAMES, check, is_generated
from tfmat.datasets.identifiers import Identifiers
from tfmat.datasets.importing import (
    ImportOptions,
    check_columns,
    read_rows,
    row_identifier,
    sniff,
    source_hash,
)
from tfmat.datasets.properties import PropertyReader
from tfmat.datasets.readers.records import SourceRow
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class Entry:
    """One structure of a source, or the reason why it cannot be read.

    Attributes:
        identifier: Its name, which no other entry has.
        crystal: The structure, ``None`` with a ``reason``.
        reason: Why there is none, as ``"kind: detail"``.
        where: Row, frame or file, for messages.
        properties: Numbers that the source gives, by canonical name.
    """

    identifier: str
    crystal: Crystal | None
    reason: str = ""
    where: str = ""
    properties: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """All structures of a source.

    Attributes:
        record: Its name, format and SHA-256, as a dataset's metadata keep them.
        entries: The structures, in the order of the source.
        energies: What a dataset's record says about its energies (``extra.energies``).
        credit: Licence and attribution of a dataset.
    """

    record: dict[str, Any]
    entries: list[Entry]
    energies: dict[str, Any] | None = None
    credit: Credit = UNKNOWN


def read_source(source: str | Path, options: ImportOptions | None = None) -> Source:
    """Reads the structures of a file, a folder or a dataset.

    Args:
        source: A folder that ``tfmat generate`` or ``tfmat screen`` wrote, a folder of CIF and
            POSCAR files or one of them, an extended XYZ file, a CSV file with CIF texts, pymatgen
            JSON (each also gzipped), a dataset folder, or the name of a dataset that ships.
        options: ``form``, ``structure``, ``identifier`` and ``limit`` as for an import; only the
            limit counts for a dataset.

    Raises:
        InputError: There is no such source, it is of no known form, or it holds no structures.
    """
    options = options or ImportOptions()
    path = Path(source)
    if (path / "metadata.json").is_file() or (not path.exists() and str(source) in shipped()):
        return _from_dataset(Dataset.open(resolve(source, STRUCTURES)), options.limit)
    if options.form is None and is_generated(path):
        check(path)
        path = path / FRAMES
    form = options.form or sniff(path, options.structure)
    rows = islice(read_rows(path, form, options), options.limit)
    reader = PropertyReader(options.properties, options.identifier)
    stem = path.resolve().name.split(".")[0] or "structure"
    names = Identifiers()
    entries = [
        _entry(row, f"{stem}-{count}", reader, names) for count, row in enumerate(rows, start=1)
    ]
    if not entries:
        raise InputError(f"{source}: no structures in it")
    if any(entry.crystal is not None for entry in entries):
        check_columns(path, reader)
    record = {
        "name": Path(source).resolve().name,
        "format": form,
        "sha256": source_hash(path),
        **({"limit": options.limit} if options.limit is not None else {}),
    }
    return Source(record, entries)


def source_of(structures: Iterable[Structure | Crystal], name: str = "structures") -> Source:
    """Takes structures that are in memory.

    Args:
        structures: pymatgen structures, crystals, or a dataset. Of ``structure.properties`` the
            ``id`` and the numbers are kept; who has no ``id`` is called by ``name`` and place.
        name: Name of the argument that holds them.

    Raises:
        InputError: There are none, or one is no ordered structure.
    """
    if isinstance(structures, Dataset):
        return _from_dataset(structures, None)
    failed = structures.failed if isinstance(structures, Structures) else {}
    energies = structures.energies if isinstance(structures, Structures) else None
    crystals = crystals_of(given := _listed(structures), name)
    names = Identifiers()
    entries = []
    for place, (structure, crystal) in enumerate(zip(given, crystals, strict=True)):
        known = getattr(structure, "properties", None) or {}
        identifier = names.unique(str(known.get(IDENTIFIER, f"{name}-{place}")))
        entries.append(Entry(identifier, crystal, "", f"{name}[{place}]", _numbers(known)))
    entries += [Entry(names.unique(key), None, reason, name) for key, reason in failed.items()]
    if not entries:
        raise InputError(f"{name}: is empty; give at least one structure")
    record = {"name": name, "format": "python", "sha256": crystals_sha256(entries)}
    return Source(record, entries, energies)


def write_chosen(
    out: Path,
    source: Source,
    entries: Iterable[Entry],
    extra: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Writes some structures of a source as a dataset, with their properties.

    Args:
        out: The dataset folder to make.
        source: Where they come from.
        entries: Those to write, each with a structure.
        extra: What the dataset's record keeps besides, beside what the source says of its energies.
        overwrite: Replace an existing dataset.

    Raises:
        InputError: ``out`` is in the way.
    """
    record = source.record | source.credit.record()
    energies = {} if source.energies is None else {"energies": source.energies}
    with DatasetWriter(out, record, extra={**extra, **energies}, overwrite=overwrite) as writer:
        for entry in entries:
            assert entry.crystal is not None  # noqa: S101
            writer.add(entry.crystal, entry.identifier, entry.properties)


def crystals_sha256(entries: Sequence[Entry]) -> str:
    """Returns a hash of names and structures: other options make other crystals of the same file.

    Args:
        entries: The structures.
    """
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.identifier!r} ".encode())
        crystal = entry.crystal
        if crystal is not None:
            for array in (crystal.lattice, crystal.positions, crystal.numbers):
                digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _listed(structures: Any) -> Any:
    """Returns a list of what may be an iterator; all else is for :func:`crystals_of` to refuse."""
    return list(structures) if isinstance(structures, Iterator) else structures


def _numbers(properties: dict[str, Any]) -> dict[str, float]:
    """Returns those properties that are finite numbers."""
    numbers = {
        str(name): float(value)
        for name, value in properties.items()
        if isinstance(value, int | float | np.number)
    }
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def _entry(row: SourceRow, fallback: str, reader: PropertyReader, names: Identifiers) -> Entry:
    identifier = names.unique(row_identifier(row, reader, fallback))
    if row.crystal is None:
        return Entry(identifier, None, row.reason, row.where)
    return Entry(identifier, row.crystal, "", row.where, reader.read(row.fields))


def _from_dataset(dataset: Dataset, limit: int | None) -> Source:
    count = len(dataset) if limit is None else min(limit, len(dataset))
    entries = []
    for row, properties in dataset.property_rows(range(count)):
        crystal, where = dataset[row], f"structure {row}"
        flaw = crystal.flaw()
        found = None if flaw else crystal
        entries.append(Entry(dataset.ids[row], found, flaw, where, properties))
    record = {
        "name": dataset.path.resolve().name,
        "format": "dataset",
        "sha256": dataset.sha256,
        **({"limit": limit} if limit is not None else {}),
    }
    energies = dataset.metadata["extra"].get("energies")
    return Source(record, entries, energies, dataset.credit)
