"""Hidden temporaries beside what they will become, and what becomes of those of killed processes.

One is called ``.NAME.tfmat-…`` and is locked as long as its process writes it, so that whoever
comes next knows which nobody uses any more. ``.NAME.tfmat-old`` is an output that was being
replaced on a file system that cannot exchange two folders in one step.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfmat.errors import RecoveredWarning
from tfmat.locks import is_at, lock

_MARK = ".tfmat-"


def lock_of(path: Path) -> Path:
    """Returns the file of the lock of an output."""
    return path.with_name(f".{path.name}{_MARK}lock")


def old_of(path: Path) -> Path:
    """Returns where an output waits while another takes its place."""
    return path.with_name(f".{path.name}{_MARK}old")


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Makes a file beside ``path``, with its suffix and the permissions of a plain ``open()``.

    Args:
        path: What it will become; its folder exists.

    Yields:
        The file; it is removed in the end if it still has its name.
    """
    while True:
        handle, name = tempfile.mkstemp(path.suffix, f".{path.name}{_MARK}", path.parent)
        temporary = Path(name)
        locked = lock(handle)
        if locked is None or (locked and is_at(handle, temporary)):
            break
        os.close(handle)  # taken for a killed process's before it was locked
    if locked is None:
        os.close(handle)  # there are no locks, and Windows renames no open file
    # mkstemp makes it private.
    temporary.chmod(0o666 & ~_umask())
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        if locked is not None:
            os.close(handle)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Makes a folder beside ``path``, with the permissions of a plain ``mkdir()``.

    Args:
        path: What it will become; its parent exists.

    Yields:
        The folder; it is removed in the end if it still has its name.
    """
    while True:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}{_MARK}", dir=path.parent))
        handle = _open(temporary)
        if handle is None or (lock(handle) is not False and is_at(handle, temporary)):
            break
        os.close(handle)
    temporary.chmod(0o777 & ~_umask())
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def discard(folder: Path) -> None:
    """Removes a folder so that a kill leaves it whole or not at all under its name.

    Args:
        folder: The folder; it may be missing.
    """
    hidden = folder.with_name(f".{folder.name}{_MARK}{secrets.token_hex(4)}")
    with suppress(FileNotFoundError):
        folder.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def leftovers(path: Path) -> list[Path]:
    """Returns what processes have beside an output, or killed ones have left.

    Args:
        path: The output.
    """
    try:
        names = [item.name for item in path.parent.iterdir()]
    except OSError:
        return []
    own = f".{path.name}{_MARK}"
    return [
        path.with_name(name)
        for name in sorted(names)
        # A temporary may itself be filled by way of another.
        if name.startswith(own) or (name.startswith(f".{own}") and _MARK in name[len(own) + 1 :])
    ]


def sweep(path: Path) -> None:
    """Removes what killed processes have left of an output, or puts it back if it is all there is.

    Args:
        path: The output.
    """
    for item in leftovers(path):
        _mend(item, path)


def sweep_within(folder: Path) -> None:
    """Does as :func:`sweep` for everything in a folder and in those within it.

    Args:
        folder: The folder.
    """
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            stem, mark, _ = name.rpartition(_MARK)
            if mark and stem.startswith(".") and len(stem) > 1:
                _mend(Path(parent, name), Path(parent, stem[1:]))
                if name in folders:
                    folders.remove(name)


def _mend(item: Path, path: Path) -> None:
    handle = _open(item)
    try:
        unused = None if handle is None else lock(handle)
        if unused is False:
            return  # somebody is writing it
        if item == old_of(path) and not _stands(path):
            item.replace(path)
            warnings.warn(
                f"{path}: was put back, for a command that was to replace it was killed",
                RecoveredWarning,
                stacklevel=2,
            )
        elif unused is None:
            return  # somebody may be writing it
        elif item.is_dir():
            shutil.rmtree(item, ignore_errors=True)
        else:
            item.unlink(missing_ok=True)
    finally:
        if handle is not None:
            os.close(handle)


def _stands(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _open(path: Path) -> int | None:
    """Opens a file or folder to lock it; ``None`` where that cannot be."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        return os.open(path, flags)
    except OSError:
        return None


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
