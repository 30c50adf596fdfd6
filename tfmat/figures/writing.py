"""Pictures in the folders that commands write: drawn where they can be, never a reason to fail."""

from __future__ import annotations

import logging
import re
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tfmat import files
from tfmat.errors import PictureWarning, first_line, one_line
from tfmat.figures.style import ENDINGS, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "figures"
"""Where an output's pictures lie in it."""
Draw: TypeAlias = "Callable[[Path], Figure]"
"""Makes a figure; a table of what it shows may be written into the folder."""
Pictures: TypeAlias = Mapping[str, Draw]
"""What is to be drawn, by name."""
Plan: TypeAlias = Callable[[], Pictures]
"""Finds out what there is to draw, which may fail like the drawing."""

# What pictures and their tables are called.
_OURS = re.compile(
    r"(learning|constraint[\w.-]*|structures|crystals|formulas|relaxation|distinct|reconstruction"
    r"|uniqueness|fig4a-validity|fig5a-uniqueness|fig5b-recovery|fig4b-elements|fig4b-energies"
    r"|elemnet|fig3-map|fig6-band-gaps|fig7-decodable)\.(png|svg|csv)"
)


def draw_into(folder: Path, plan: Plan) -> None:
    """Draws pictures into the folder ``figures`` of an output that is being written.

    One that cannot be drawn is a :class:`~tfmat.errors.PictureWarning`.

    Args:
        folder: The output.
        plan: What to draw.
    """
    place = folder / FOLDER
    try:
        pictures = plan()
        place.mkdir(exist_ok=True)
        _draw_all(place, pictures)
        if not any(place.iterdir()):
            place.rmdir()
    except Exception as error:  # whatever it is, the results are worth more
        _warn("in " + FOLDER, error)


def renew(place: Path, plan: Plan | None) -> None:
    """Draws pictures into a folder of their own, in place of those that are there.

    One that cannot be drawn is a :class:`~tfmat.errors.PictureWarning`.

    Args:
        place: The folder.
        plan: What to draw; ``None`` only removes the pictures of what was there before.
    """
    try:
        if plan is None:
            if is_ours(place):
                shutil.rmtree(place)
            return
        pictures = plan()
        with files.replacing_folder(place, overwrite=True, own=is_ours) as folder:
            _draw_all(folder, pictures)
    except Exception as error:  # whatever it is, the results are worth more
        _warn(f"in {place}", error)


def is_ours(folder: Path) -> bool:
    """Tells whether a folder holds pictures that tfmat has drawn, and nothing else.

    Args:
        folder: Any folder.
    """
    if not folder.is_dir() or folder.is_symlink():
        return False
    return all(_OURS.fullmatch(path.name) for path in folder.iterdir())


def _draw_all(place: Path, pictures: Pictures) -> None:
    log = logging.getLogger("matplotlib")
    level = log.level
    # Of fonts and folders for its cache, which are nothing to the user.
    log.setLevel(logging.ERROR)
    try:
        for name, draw in pictures.items():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    save(draw(place), place, name)
            except Exception as error:  # the others may be fine
                for ending in (*ENDINGS, "csv"):
                    with suppress(OSError):
                        (place / f"{name}.{ending}").unlink(missing_ok=True)
                _warn(name, error)
    finally:
        log.setLevel(level)


def _warn(name: str, error: Exception) -> None:
    line = f"no picture {name}: {one_line(first_line(error))}"
    warnings.warn(line, PictureWarning, stacklevel=4)
