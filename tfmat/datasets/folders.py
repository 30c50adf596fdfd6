"""Dataset folders of every kind: finding them by path or shipped name, and reading the record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmat import files
from tfmat.errors import InputError

FORMAT = "tfmat-dataset"
FORMAT_VERSION = 1
STRUCTURES = "structures"
COMPOSITIONS = "compositions"
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
    if (path / "metadata.json").is_file():
        return path
    if str(name_or_path) in shipped():
        return SHIPPED / str(name_or_path)
    names = ", ".join(shipped(kind)) or "none"
    what = "holds no dataset (metadata.json)" if path.exists() else "no such dataset"
    raise InputError(
        f"{name_or_path}: {what}; make one with `{_import(kind)}`, or name a shipped one: {names}"
    )


def is_dataset(folder: Path) -> bool:
    """Tells whether a folder holds a dataset, of any version: what may be replaced by another.

    Args:
        folder: Any folder.
    """
    try:
        record = json.loads((folder / "metadata.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("format") == FORMAT


def read_record(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """Reads ``metadata.json`` of a dataset folder.

    Args:
        folder: The folder.
        kind: What it has to hold, ``"structures"`` or ``"compositions"``; either by default.

    Raises:
        InputError: It is not the record of a dataset that this version reads, or the dataset
            holds the other kind.
    """
    file = folder / "metadata.json"
    try:
        record = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: not readable ({error})") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
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
    return record


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


def verify(folder: Path, hashes: Mapping[str, str]) -> None:
    """Compares every column of a dataset with its SHA-256.

    Args:
        folder: The dataset.
        hashes: File name to SHA-256, as the record says.

    Raises:
        InputError: A file was changed or lost.
    """
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file() or files.sha256(file) != expected:
            raise InputError(f"{file}: missing or changed since it was written; import again")


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
