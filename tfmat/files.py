"""Writing files so that a reader never sees half of one, and hashing them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
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
    with placing(path):
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
def replacing_folder(
    path: Path, *, overwrite: bool = False, own: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """Gives a temporary folder beside ``path`` and renames it to ``path`` on success.

    Args:
        path: The final folder.
        overwrite: Replace an existing non-empty folder, which stays whole until the new one is.
        own: Tells whether a folder is one that the caller has written; no other is replaced.

    Yields:
        The temporary folder to fill. It is removed if the block raises.

    Raises:
        InputError: ``path`` is in the way (:func:`check_place`), or no folder can be made there.
    """
    check_place(path, overwrite=overwrite, own=own)
    # Of a link the folder behind it is replaced.
    path = Path(path).resolve()
    with placing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary.chmod(0o777 & ~_umask())
    try:
        yield temporary
        check_place(path, overwrite=overwrite, own=own)  # others may have written there
        _put(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_place(
    path: Path, *, overwrite: bool = False, own: Callable[[Path], bool] | None = None
) -> None:
    """Refuses a folder that cannot be written, before there is anything to write.

    Args:
        path: The folder.
        overwrite: As for :func:`replacing_folder`.
        own: As for :func:`replacing_folder`; who gives it has an option ``--overwrite``.

    Raises:
        InputError: ``path`` exists, is not empty and may not be replaced; or it is the working
            folder or a mount point, which cannot be.
    """
    with placing(path):
        path = Path(path).resolve()
        exists = path.exists()
    if exists and not path.is_dir():
        raise InputError(f"{path}: is a file; give a folder with --out")
    if path.is_dir() and any(path.iterdir()):
        foreign = own is not None and not own(path)
        if overwrite and foreign:
            raise InputError(
                f"{path}: holds what this command has not written, which --overwrite leaves alone; "
                "give another --out"
            )
        if not overwrite:
            advice = "" if own is None or foreign else ", or --overwrite to replace it"
            raise InputError(f"{path}: folder exists and is not empty; give another --out{advice}")
    if path == Path.cwd() or path.is_mount():
        raise InputError(
            f"{path}: cannot be replaced as a whole; give a new folder in it with --out"
        )


def _put(new: Path, path: Path) -> None:
    """Gives a folder its place, and removes the one that was there once that has worked."""
    old = new.with_name(f"{new.name}.old")
    if path.is_dir():
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        if old.is_dir():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def placing(path: Path) -> Iterator[None]:
    """Says in one line that nothing can be made in a place (below a file, in ``/proc``).

    Args:
        path: The place, as the user gave it.

    Raises:
        InputError: The block fails there, other than for want of room.
    """
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
        temporary.write_bytes(json_bytes(value))


def json_bytes(value: Any, indent: int | None = 2) -> bytes:
    """Returns ``value`` as JSON in UTF-8, indented or in one line."""
    text = json.dumps(value, indent=indent, ensure_ascii=False) + ("\n" if indent else "")
    # Half a surrogate pair, as in names of files that are no UTF-8, is written as JSON does.
    return text.encode("utf-8", "backslashreplace")


def folder_size(folder: Path) -> int:
    """Returns the bytes of all files in a folder and in those within it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file as hexadecimal digits, read in blocks."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
