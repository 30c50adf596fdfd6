"""Hashes that were stored with files are checked before the files are used.

A bit that flips on a disk, a copy that was cut short, a file that was changed by hand: none of it
may change a result in silence. A file is hashed once in a process, as long as it stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from tfmat import files
from tfmat.errors import InputError, whole_characters
from tfmat.paths import inside, plain_file
from tfmat.reading import AGAIN, read_record

SEAL = "seal"
"""Key of a record that holds the SHA-256 of all else in it."""
# A file may change again within the time that its clock does not show.
_YOUNG = 2.0
_known: dict[tuple[str | int, ...], str] = {}
_skipping: ContextVar[bool] = ContextVar("skipping", default=False)


@contextmanager
def skipped(skip: bool = True) -> Iterator[None]:
    """Leaves hashes unchecked within a block: for those in a hurry who trust their disk.

    Args:
        skip: Whether to; without, the block is as any other.
    """
    token = _skipping.set(skip or _skipping.get())
    try:
        yield
    finally:
        _skipping.reset(token)


def skipping() -> bool:
    """Tells whether hashes are left unchecked."""
    return _skipping.get()


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file; of one that has not changed meanwhile it is known.

    Args:
        path: A plain file.
    """
    status = Path(path).stat()
    # The time of the last change of any kind (ctime) cannot be set back, as that of content can.
    key = (
        str(Path(path).absolute()),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
    )
    if key not in _known:
        found = files.sha256(path)
        if time.time() - max(status.st_mtime, status.st_ctime) < _YOUNG:
            return found
        _known[key] = found
    return _known[key]


def check_files(folder: Path, hashes: Mapping[str, Any], where: Path, advice: str = AGAIN) -> None:
    """Compares files with their stored SHA-256.

    Args:
        folder: Where they lie.
        hashes: Path within the folder to SHA-256.
        where: The file that says so.
        advice: What to do about a file that was changed.

    Raises:
        InputError: A file is missing or was changed, or lies elsewhere.
    """
    for name, expected in hashes.items():
        file = inside(folder, name, where)
        if not plain_file(file):
            raise InputError(f"{file}: is missing; {advice}")
        if not skipping() and digest(file) != expected:
            raise InputError(f"{file}: was changed since it was written; {advice}")


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record with the SHA-256 of its content.

    Args:
        record: JSON values.
    """
    # As it will be read: tuples are lists there, and keys texts.
    plain: dict[str, Any] = json.loads(json.dumps(record))
    plain.pop(SEAL, None)
    return {**plain, SEAL: _content_hash(plain)}


def check_seal(file: Path, record: Mapping[str, Any], advice: str = AGAIN) -> None:
    """Compares a record with the SHA-256 in it; one of earlier versions has none.

    Args:
        file: Where it was read.
        record: The record.
        advice: What to do about one that was changed.

    Raises:
        InputError: It was changed since it was written.
    """
    if SEAL not in record or skipping():
        return
    if record[SEAL] != _content_hash({key: record[key] for key in record if key != SEAL}):
        raise InputError(
            f"{file}: was changed since it was written; {advice}; whoever changed it on purpose "
            f'deletes its entry "{SEAL}"'
        )


def write_sealed(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a record with the SHA-256 of its content, atomically.

    Args:
        path: The file.
        record: JSON values.
    """
    files.write_json(path, sealed(record))


def write_sealed_line(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a record as :func:`write_sealed` does, in one line: results that no person reads.

    The text is made once, for the file and for its SHA-256.

    Args:
        path: The file.
        record: JSON values, of which one at least; all keys, also within, are texts.
    """
    text = _content(record)
    line = f'{text[:-1]},"{SEAL}":"{_hash_of(text)}"}}'
    with files.replacing(path) as temporary:
        temporary.write_bytes(line.encode())


def read_sealed(path: Path, advice: str = AGAIN) -> dict[str, Any]:
    """Reads a record and checks the SHA-256 in it, if there is one.

    Args:
        path: The file.
        advice: What to do about a damaged one.

    Returns:
        The record without its seal.

    Raises:
        InputError: It cannot be read or was changed since it was written.
    """
    record = read_record(path, advice)
    check_seal(path, record, advice)
    record.pop(SEAL, None)
    return record


def _content_hash(record: Mapping[str, Any]) -> str:
    return _hash_of(_content(record))


def _content(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return whole_characters(text)


def _hash_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
