"""Dataset folders of every kind: finding them by path or shipped name, and reading the record."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmat import checksums, reading
from tfmat.datasets.columns import ADVICE
from tfmat.datasets.record import complete
from tfmat.errors import InputError, UncheckedWarning
from tfmat.paths import inside, plain_file

FORMAT = "tfmat-dataset"
FORMAT_VERSION = 1
STRUCTURES = "structures"
COMPOSITIONS = "compositions"
RECORD = "metadata.json"
SHIPPED = Path(__file__).parent / "shipped"


def shipped(kind: str | None = None) -> list[str]:
    """Returns the names of the datasets that travel with tfmat.

    Args:
        kind: ``"structures"`` or ``"compositions"``; both by default.
    """
    records = SHIPPED.glob("*/metadata.json")
    return sorted(
        file.parent.name
        for file in records
        if kind is None or _kind(json.loads(file.read_text("utf-8"))) == kind
    )


def resolve(name_or_path: str | Path, kind: str | None = None) -> Path:
    """Finds a dataset folder.

    Args:
        name_or_path: A dataset folder, or the name of a shipped dataset.
        kind: What the caller is looking for; only for the message.

    Raises:
        InputError: It is neither.
    """
    path = Path(name_or_path)
    if plain_file(path / RECORD):
        return path
    if str(name_or_path) in shipped():
        return SHIPPED / str(name_or_path)
    names = ", ".join(shipped(kind)) or "none"
    what = "holds no dataset (metadata.json)" if os.path.lexists(path) else "no such dataset"
    raise InputError(
        f"{name_or_path}: {what}; make one with `{_import(kind)}`, or name a shipped one: {names}"
    )


def is_dataset(folder: Path) -> bool:
    """Tells whether a folder holds a dataset, of any version: what may be replaced by another.

    Args:
        folder: Any folder.
    """
    try:
        return reading.read_record(folder / RECORD).get("format") == FORMAT
    except InputError:
        return False


def dataset_folders(place: Path) -> list[Path]:
    """Returns the datasets that lie directly in a folder; none where there is no such folder.

    Args:
        place: The folder.
    """
    if not place.is_dir():
        return []
    return sorted(folder for folder in place.iterdir() if folder.is_dir() and is_dataset(folder))


def read_record(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """Reads ``metadata.json`` of a dataset folder.

    Args:
        folder: The folder.
        kind: What it has to hold, ``"structures"`` or ``"compositions"``; either by default.

    Raises:
        InputError: It is not the record of a dataset that this version reads, or the dataset
            holds the other kind.
    """
    file = inside(folder, RECORD, folder)
    record = reading.read_record(file, ADVICE)
    if record.get("format") != FORMAT:
        raise InputError(f"{file}: not the record of a tfmat dataset")
    if record.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{file}: format version {record.get('format_version')}, but this tfmat reads "
            f"{FORMAT_VERSION}; import the data again"
        )
    if kind is not None and _kind(record) != kind:
        names = ", ".join(shipped(kind)) or "none"
        raise InputError(
            f"{label(folder)}: a dataset of {_kind(record)}, but {kind} are needed here; give one "
            f"made by `{_import(kind)}`, or a shipped one: {names}"
        )
    checksums.check_seal(file, record, ADVICE)
    record.pop(checksums.SEAL, None)
    with reading.reading(file, ADVICE):
        return complete(record, formulas=_kind(record) == COMPOSITIONS)


def kind_of(name_or_path: str | Path) -> str:
    """Returns what a dataset holds: ``"structures"`` or ``"compositions"``.

    Args:
        name_or_path: A dataset folder, or the name of a shipped dataset.

    Raises:
        InputError: There is no such dataset.
    """
    return _kind(read_record(resolve(name_or_path)))


def content_hash(hashes: Mapping[str, str]) -> str:
    """Returns one SHA-256 for a dataset's columns, whatever its record says.

    Args:
        hashes: File name to SHA-256.
    """
    text = "".join(f"{name} {hashes[name]}\n" for name in sorted(hashes))
    return hashlib.sha256(text.encode()).hexdigest()


def verify(folder: Path, record: Mapping[str, Any]) -> None:
    """Compares every column of a dataset with its SHA-256; one without hashes is named.

    Args:
        folder: The dataset.
        record: Its record.

    Raises:
        InputError: A file was changed or lost, or has no hash where others do.
    """
    where = folder / RECORD
    if "files" not in record:
        warnings.warn(
            f"{folder}: was written without hashes, so nothing tells whether it is whole",
            UncheckedWarning,
            stacklevel=2,
        )
        return
    hashes = record["files"]
    for file in sorted(folder.glob("*.npy")):
        if file.name not in hashes:
            raise InputError(f"{file}: has no hash in {RECORD}; {ADVICE}")
    checksums.check_files(folder, hashes, where, ADVICE)
    if content_hash(hashes) != record["sha256"]:
        raise InputError(f"{where}: its hashes are not those of its data; {ADVICE}")


def label(folder: Path) -> str:
    """Returns how people know a dataset: by its path, or the name of one that ships.

    Args:
        folder: The dataset.
    """
    return folder.name if folder.parent == SHIPPED else str(folder)


def _import(kind: str | None) -> str:
    # Structures are what `import` takes by default.
    return "tfmat data import" + (f" --kind {kind}" if kind == COMPOSITIONS else "")


def _kind(record: Mapping[str, Any]) -> str:
    # Datasets of structures were there first and do not say so.
    return str(record.get("kind", STRUCTURES))
