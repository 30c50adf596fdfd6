"""Writing files so that a reader never sees half of one, and hashing them.

What has its place is on disk: a power cut leaves the old or the new one, as a kill does.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tfmat import disk
from tfmat.errors import InputError, whole_characters
from tfmat.locks import held
from tfmat.temporaries import leftovers, lock_of, old_of, sweep, temporary_file, temporary_folder


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Keeps other processes from writing an output, and mends what a killed one has left of it.

    Args:
        path: The file or folder; its parent is made if missing.

    Raises:
        InputError: Another process is writing it (the message says which), or nothing can be made
            there.
        OSError: The disk is full.
    """
    path = Path(path)
    with disk.room_for(path), ExitStack() as stack:
        with placing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(lock_of(path), path))
        sweep(path)
        yield


def settle(path: Path) -> None:
    """Mends what a killed process has left of an output, if anything.

    Args:
        path: The file or folder.

    Raises:
        InputError: Another process is writing it.
    """
    if leftovers(path):
        with claimed(path):
            pass


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` and renames it to ``path`` when the block succeeds.

    Args:
        path: The final file; its folder is made if missing.

    Yields:
        The temporary path to write to, with the suffix of ``path``. It is removed if the block
        raises.

    Raises:
        InputError: No file can be made there.
        OSError: The disk is full.
    """
    path = Path(path)
    with disk.room_for(path), ExitStack() as stack:
        with placing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = stack.enter_context(temporary_file(path))
        yield temporary
        place(temporary, path)


def place(new: Path, path: Path) -> None:
    """Gives a file that is whole its name, on disk, too.

    Args:
        new: The file, on the file system of ``path``.
        path: Its name; what has it is replaced.

    Raises:
        OSError: The disk is full or fails.
    """
    disk.sync(new)
    new.replace(path)
    disk.sync(path.parent)


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
        InputError: ``path`` is in the way (:func:`check_place`), another process is writing it, or
            no folder can be made there.
        OSError: The disk is full.
    """
    check_place(path, overwrite=overwrite, own=own)
    # Of a link the folder behind it is replaced.
    path = Path(path).resolve()
    with claimed(path), ExitStack() as stack:
        with placing(path):
            temporary = stack.enter_context(temporary_folder(path))
        yield temporary
        _check_place(path, overwrite, own)  # others may have written there
        _put(temporary, path)


def check_place(
    path: Path, *, overwrite: bool = False, own: Callable[[Path], bool] | None = None
) -> None:
    """Refuses a folder that cannot be written, before there is anything to write.

    What killed commands have left of it is mended first (:func:`settle`).

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
    settle(path)
    _check_place(path, overwrite, own)


def check_apart(path: Path, *inputs: object) -> None:
    """Refuses an output that would replace what is read for it.

    Args:
        path: The output.
        *inputs: Files and folders that are read; what is no path, as a name of what ships or
            ``None``, is passed over.

    Raises:
        InputError: It is one of them, or a folder that holds one.
    """
    out = Path(path).resolve()
    for name in inputs:
        if not isinstance(name, str | Path) or not os.path.lexists(name):
            continue
        found = Path(name).resolve()
        if out == found or out in found.parents:
            raise InputError(f"{path}: {name} is read and would be replaced; give another `out`")


def _check_place(path: Path, overwrite: bool, own: Callable[[Path], bool] | None) -> None:
    with placing(path):
        exists = path.exists()
    if exists and not path.is_dir():
        raise InputError(f"{path}: is a file; give a folder with `out`")
    if path.is_dir() and any(path.iterdir()):
        foreign = own is not None and not own(path)
        if overwrite and foreign:
            raise InputError(
                f"{path}: holds what this command has not written, which `overwrite` leaves alone; "
                "give another `out`"
            )
        if not overwrite:
            advice = "" if own is None or foreign else ", or `overwrite` to replace it"
            raise InputError(f"{path}: folder exists and is not empty; give another `out`{advice}")
    if path == Path.cwd() or path.is_mount():
        raise InputError(
            f"{path}: cannot be replaced as a whole; give a new folder in it with `out`"
        )


def _put(new: Path, path: Path) -> None:
    """Gives a folder its place; the one that was there is removed, or lies in ``new``."""
    disk.sync_tree(new)
    if not path.is_dir() or not any(path.iterdir()):
        new.rename(path)
    elif not disk.exchange(new, path):
        old = old_of(path)
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
        try:
            new.rename(path)
        except OSError:
            old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    disk.sync(path.parent)


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
        if error.errno in disk.FULL:
            raise  # the place is fine, but full
        raise InputError(
            f"{path}: cannot be made there ({error.strerror}); give another place with `out`"
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` as indented JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(json_bytes(value))


def json_bytes(value: Any, indent: int | None = 2) -> bytes:
    """Returns ``value`` as JSON in UTF-8, indented or in one line."""
    text = json.dumps(value, indent=indent, ensure_ascii=False) + ("\n" if indent else "")
    return whole_characters(text).encode()


def folder_size(folder: Path) -> int:
    """Returns the bytes of all files in a folder and in those within it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file as hexadecimal digits, read in blocks."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
