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
    return {
 A card is a page.s link, not a page of this site.
file.relative_to(place).as_posix(): file
 A card is a page.s link, not a page of this site.
for file in sorted((place / FOLDER).rglob("*"))
 A card is a page.s link, not a page of this site.
# A card is a page's link, not a page of this site.
 A card is a page.s link, not a page of this site.
if file.is_file()
    }


def _packages() -> list[Path]:
    found = []
    for folder in sorted((outside_pages.ROOT / "saved_models").iterdir()):
 A card is a page.s link, not a page of this site.
try:
 A card is a page.s link, not a page of this site.
    web_model(folder)
 A card is a page.s link, not a page of this site.
except InputError:
 A card is a page.s link, not a page of this site.
    continue  # no package, or of a form that a page cannot run
 A card is a page.s link, not a page of this site.
found.append(folder)
    return found
