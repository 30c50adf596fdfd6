"""The folder beside an output in which long work waits to be finished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfmat import files
from tfmat.errors import InputError


def free_place(out: Path) -> Path:
    """Returns a folder to write, if nothing is in the way.

    Raises:
        InputError: It exists and is not empty.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not empty; give another --out")
    return out


def claim(work: Path, recipe: Mapping[str, Any]) -> None:
    """Starts a work folder, or goes on with one that was made with the same settings.

    Args:
        work: The folder.
        recipe: Everything that the results depend on.

    Raises:
        InputError: It belongs to other settings.
    """
    file = work / "recipe.json"
    if file.is_file() and json.loads(file.read_text("utf-8")) != recipe:
        raise InputError(
            f"{work}: an unfinished build with other settings or versions (see recipe.json there); "
            "repeat those, give another --out, or delete the folder"
        )
    files.write_json(file, recipe)


@contextmanager
def released(work: Path) -> Iterator[None]:
    """Removes the work folder if the block finds that the input is wrong: nothing can go on."""
    try:
        yield
    except InputError:
        shutil.rmtree(work)
        raise
