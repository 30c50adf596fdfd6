"""Names that were read from files become paths here, and nowhere else.

A dataset, a run or a package may come from anyone. What its metadata call a file must lie in its
own folder: otherwise reading it could read, and writing it could overwrite, any file of the user.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tfmat.errors import InputError, printable

# What every common file system takes as the name of a file, in bytes.
_LONGEST = 255
# What came with tfmat is trusted: some installers put links in place of its files.
_OURS = Path(__file__).parent


def inside(folder: Path, name: object, where: Path | str) -> Path:
    """Returns the path of a file that metadata name, if it lies within their folder.

    Args:
        folder: The folder that the name is relative to.
        name: What was read: a relative path with slashes.
        where: The file that was read, for the message.

    Returns:
        ``folder / name``. It need not exist; what exists of it is a plain file or a folder.

    Raises:
        InputError: The name is no relative path, leaves the folder by ``..``, a drive or a link,
            or stands for a device, a pipe or a socket.
    """
    flaw = _flaw(name)
    if flaw is None:
        path = Path(folder)
        for part in str(name).split("/"):
            path /= part
            flaw = _flaw_on_disk(path, folder)
            if flaw is not None:
                break
        else:
            return path
    shown = printable(str(name)[:80].encode("utf-8", "replace").decode())
    raise InputError(
        f"{where}: {shown!r} {flaw}; take only files that lie within {folder}, or leave it alone"
    )


def check_tree(folder: Path) -> None:
    """Refuses a folder that is written to, if something in it leads or is elsewhere.

    Args:
        folder: A folder of plain files and folders, as tfmat makes them.

    Raises:
        InputError: It holds a link, a device, a pipe or a socket, at any depth.
    """
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    what = "a link" if entry.is_symlink() else "no plain file"
                    raise InputError(
                        f"{entry.path}: is {what}, through which other files could be changed; "
                        f"put a copy in its place (cp -rL) or delete it"
                    )


def plain_file(path: Path) -> bool:
    """Tells whether a path is that of a plain file; its links are followed, no device is opened.

    Args:
        path: Any path, also one that no file can have.
    """
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def _flaw(name: object) -> str | None:
    if not isinstance(name, str) or not name:
        return "is no name of a file"
    try:
        longest = max(len(part.encode()) for part in name.split("/"))
    except UnicodeEncodeError:
        return "is no valid Unicode"
    if longest > _LONGEST:
        return "is too long for the name of a file"
    if not name.isprintable():
        return "holds control characters"
    # A backslash separates on Windows; a colon is behind a drive, or before a hidden stream.
    if "\\" in name or ":" in name:
        return "holds a backslash or a colon"
    if {"", ".", ".."}.intersection(name.split("/")):
        return "leads out of its folder"
    return None


def _flaw_on_disk(path: Path, folder: Path) -> str | None:
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            target = path.resolve(strict=True)
            trusted = _OURS in Path(folder).absolute().parents
            if not trusted and Path(folder).resolve() not in target.parents:
                return "is a link that leads out of its folder"
            mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None  # who opens it says that it is missing
    except (OSError, RuntimeError):  # a link to itself
        return "cannot be looked up"
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "is no plain file"
