"""The page that generates, with the models that ship, as a part of the site."""

import atexit
import shutil
import tempfile
from pathlib import Path

import outside_pages

from tfmat.errors import InputError
from tfmat.web.models import web_model
from tfmat.web.site import write_site

FOLDER = "app"


def files() -> dict[str, Path]:
    """Returns the files of the page by their place in the site."""
    place = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    write_site(_packages(), place / FOLDER)
    made = (file for file in sorted((place / FOLDER).rglob("*")) if file.is_file())
    return {file.relative_to(place).as_posix(): file for file in made}


def _packages() -> list[Path]:
    found = []
    for folder in sorted((outside_pages.ROOT / "saved_models").iterdir()):
        try:
            web_model(folder)
        except InputError:
            continue  # no package, or of a form that a page cannot run
        found.append(folder)
    return found
