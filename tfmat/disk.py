"""What a disk is asked beside reading and writing: to keep, to exchange, whether it is full."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfmat.errors import TfmatError

# No room: of the disk, of the user's share of it, or of a file.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Libraries tell of it in words: NumPy in its own, HDF5 and TensorFlow in the system's.
_FULL_WORDS = re.compile(
    "|".join([*(re.escape(os.strerror(number)) for number in FULL), r"requested and \d+ written"])
)
# A place that cannot keep (a pipe, some network file systems) is no reason to stop.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.ENOSYS)
# From so many files on, one call for the whole file system is cheaper than one for each.
_MANY = 64
# Of renameat2(2) and its header linux/fs.h.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def sync(path: Path) -> None:
    """Has a file, or the names in a folder, written to disk, so that a power cut spares them.

    Args:
        path: The file or folder.

    Raises:
        OSError: The disk is full or fails.
    """
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Has everything in a folder written to disk: each file once, and each folder once.

    Args:
        folder: The folder.

    Raises:
        OSError: The disk is full or fails.
    """
    found = [folder]
    for parent, folders, names in os.walk(folder):
        found += [Path(parent, name) for name in (*folders, *names)]
    regular = [
        path for path in found if not path.is_symlink() and (path.is_dir() or path.is_file())
    ]
    if len(regular) > _MANY and _sync_file_system(folder):
        return
    for path in reversed(regular):
        sync(path)


def _sync_file_system(folder: Path) -> bool:
    """Has everything on a file system written; returns False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False  # Windows opens no folders
    handle = os.open(folder, os.O_RDONLY)
    try:
        return _linux("syncfs", handle)
    finally:
        os.close(handle)


def exchange(one: Path, other: Path) -> bool:
    """Exchanges two files or folders of one file system in one step that no kill divides.

    Source: renameat2(2) with ``RENAME_EXCHANGE``.

    Args:
        one: Exists.
        other: Exists.

    Returns:
        Whether it was done; the system or the file system may lack it.
    """
    paths = os.fsencode(one), os.fsencode(other)
    return _linux("renameat2", _AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)


def _linux(name: str, *arguments: Any) -> bool:
    """Calls what Python has no function for; returns whether the system has it and it worked."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    call = getattr(ctypes.CDLL(None), name, None)
    return call is not None and bool(call(*arguments) == 0)


def allocate(path: Path) -> None:
    """Makes room on the disk for the gaps of a file; one that is mapped would end the process.

    Args:
        path: The file, as long as it will be.

    Raises:
        OSError: The disk is full.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, max(1, path.stat().st_size))


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Names what was being written when the disk is full, whichever library met that.

    Args:
        path: The output that the user knows of.

    Raises:
        OSError: The block met a full disk; ``filename`` is ``path``.
    """
    try:
        yield
    except TfmatError:
        raise
    except Exception as error:
        number = _full(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def _full(error: BaseException | None) -> int | None:
    """Returns the number of the error if it, or what led to it, is that there is no room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return error.errno
        if _FULL_WORDS.search(str(error)):
            return errno.ENOSPC
        error = error.__cause__ or error.__context__
    return None
