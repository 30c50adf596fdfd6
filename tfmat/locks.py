"""Locks that name the process that holds them.

They are those of the system (flock(2)): a process that ends, in whatever way, lifts its own, so
that none is ever stale.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

from tfmat.errors import InputError, one_line

# What is shown of a process; its record may be anybody's.
_LONGEST = 200
# Looks at a record that may be about to be written.
_TRIES = 10


@contextmanager
def held(file: Path, place: Path, *, remove: bool = True) -> Iterator[None]:
    """Holds a lock for the block.

    Args:
        file: The lock's file; made if it is missing.
        place: What it stands for, as the user knows it.
        remove: Remove the file in the end.

    Raises:
        InputError: Another process holds it; the message names that process.
    """
    handle = _acquire(file, place)
    try:
        record = json.dumps(_this_process(), ensure_ascii=False)
        os.ftruncate(handle, 0)
        os.write(handle, record.encode("utf-8", "replace"))
        yield
    finally:
        windows = os.name == "nt"
        if remove and not windows:
            # Before the lock is lifted: whoever has opened the file meanwhile sees that it is gone.
            file.unlink(missing_ok=True)
        os.close(handle)
        if remove and windows:  # which has no lock to lift, and removes no open file
            file.unlink(missing_ok=True)


def lock(handle: int) -> bool | None:
    """Locks an open file or folder until it is closed or its process ends.

    Args:
        handle: File descriptor.

    Returns:
        Whether it could be locked: nobody else has. ``None`` where there are no such locks: on
        Windows, and on some network file systems.
    """
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_at(handle: int, path: Path) -> bool:
    """Tells whether an open file is still what a path leads to.

    Args:
        handle: File descriptor.
        path: The path that was opened.
    """
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _acquire(file: Path, place: Path) -> int:
    # Of a link the target would be written to, which may be anywhere.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    while True:
        try:
            handle = os.open(file, flags, 0o644)
        except OSError as error:
            if not file.is_symlink() and not file.is_dir():
                raise
            raise InputError(f"{file}: is no lock of tfmat; remove it") from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise InputError(f"{file}: is no lock of tfmat; remove it")
        if lock(handle) is False:
            with os.fdopen(handle, "rb") as stream:
                raise InputError(
                    f"{place}: another process is writing there ({_holder(stream)}); "
                    "wait for it, or give another `out`"
                )
        if is_at(handle, file):
            return handle
        os.close(handle)  # its holder has removed it meanwhile


def _this_process() -> dict[str, Any]:
    # No options: one of them may be a key.
    words = [Path(sys.argv[0]).name, *takewhile(lambda word: word[:1] != "-", sys.argv[1:])]
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join(words)[:_LONGEST],
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _holder(file: IO[bytes]) -> str:
    """Returns words for the process that a lock's file names."""
    for _ in range(_TRIES):
        file.seek(0)
        with suppress(ValueError, KeyError, TypeError):
            record = json.loads(file.read(4096))
            return one_line(
                f"{record['command']!s:.{_LONGEST}}, process {record['pid']!s:.20} on "
                f"{record['host']!s:.100}, since {record['since']!s:.30}"
            )
        time.sleep(0.02)  # it has the lock, but has not written yet
    return "which one is not known"
