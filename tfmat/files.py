"""Writing files so that a reader never sees half of one, and hashing them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfmat.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` and renames it to ``path`` when the block succeeds.

    Args:
        path: The final file; its folder is made if missing.

    Yields:
        The temporary path to write to. It is removed if the block raises.

    Raises:
        InputError: No file can be made there.
    """
    path = Path(path)
    with _placing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    # mkstemp makes the file private; the result should have the permissions of a plain open().
    temporary.chmod(0o666 & ~_umask())
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Gives a temporary folder beside ``path`` and renames it to ``path`` on success.

    Args:
        path: The final folder.
        overwrite: Replace an existing non-empty folder.

    Yields:
        The temporary folder to fill. It is removed if the block raises.

    Raises:
        InputError: ``path`` exists, is not empty and ``overwrite`` is false; or it is the working
            folder or a mount point, which cannot be replaced; or no folder can be made there.
    """
    with _placing(path):
        # Of a link the folder behind it is replaced.
        path = Path(path).resolve()
        exists = path.exists()
    if exists and not path.is_dir():
        raise InputError(f"{path}: is a file; give a folder with --out")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InputError(f"{path}: folder exists and is not empty; give another --out")
    if path == Path.cwd() or path.is_mount():
        raise InputError(
            f"{path}: cannot be replaced as a whole; give a new folder in it with --out"
        )
    with _placing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary.chmod(0o777 & ~_umask())
    try:
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _placing(path: Path) -> Iterator[None]:
    """Says in one line that nothing can be made in a place (below a file, in ``/proc``)."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # the place is fine, but full
        raise InputError(
            f"{path}: cannot be made there ({error.strerror}); give another place with --out"
        ) from error


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` as indented JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file as hexadecimal digits, read in blocks."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
