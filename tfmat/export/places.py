"""Where packages and served folders may be written: never over anything else."""

from __future__ import annotations

import re
from pathlib import Path

from tfmat.errors import InputError
from tfmat.inference.metadata import FORMAT, METADATA
from tfmat.reading import read_record

MODELS_CONFIG = "models.config"
# Names of packages and of served models: they become folders on a server, and words of a shell.
SERVABLE = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")


def is_package(folder: Path) -> bool:
    """Tells whether a folder is a model package, and not one of ``tfmat serve``.

    Args:
        folder: Any folder.
    """
    return _has_metadata(folder) and not (folder / MODELS_CONFIG).exists()


def is_served(folder: Path) -> bool:
    """Tells whether a folder is one that ``tfmat serve`` has written.

    Args:
        folder: Any folder.
    """
    return _has_metadata(folder) and (folder / MODELS_CONFIG).is_file()


def check_apart(out: Path, source: Path) -> None:
    """Refuses to write over or into what is read.

    Args:
        out: The folder to write.
        source: The run or package that is read.

    Raises:
        InputError: One folder is the other, or lies within it.
    """
    one, other = Path(out).resolve(), Path(source).resolve()
    if one == other or one in other.parents or other in one.parents:
        raise InputError(
            f"{out}: is, holds or lies within {source}, which is read; give another `out`"
        )


def _has_metadata(folder: Path) -> bool:
    try:
        return read_record(folder / METADATA).get("format") == FORMAT
    except InputError:
        return False
