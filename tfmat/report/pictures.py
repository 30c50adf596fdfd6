"""The pictures that commands drew beside their results, in one folder and by the papers' names."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tfmat import files

# Where commands put them: beside a table they are in a folder of its name.
_FOLDERS = ("figures", "pictures")
_ENDINGS = (".png", ".svg")
# Paper and figure that a picture answers to, by its own name; hulls are called by their system.
_PAPERS = {
    "learning": "004-fig2d",
    "constraint": "002-fig3d",
    "relaxation": "002-table1",
    "fig4b-elements": "002",
}
_HULL = "002-fig5"


def gather(sources: Sequence[Path], folder: Path) -> list[Path]:
    """Copies what was drawn of several results into one folder.

    A name begins with the paper and the figure or table that shows the like, where there is one:
    ``004-fig2d-learning.svg``. Pictures of one name from two results get that of their result.

    Args:
        sources: Folders of results, or tables of formulas.
        folder: Where they go; earlier files of these names are replaced.

    Returns:
        The copies.

    Raises:
        InputError: Nothing can be written there.
    """
    found: dict[str, Path] = {}
    for source in sources:
        for picture in _of(source):
            name = _name(picture)
            if name in found:
                name = f"{source.name}-{name}"
            found[name] = picture
    copies = []
    for name, picture in found.items():
        copy = folder / name
        with files.claimed(copy), files.replacing(copy) as temporary:
            shutil.copyfile(picture, temporary)
        copies.append(copy)
    return copies


def _of(source: Path) -> list[Path]:
    places = [source / name for name in _FOLDERS]
    places.append(source.with_name(f"{source.name}.figures"))
    return [
        picture
        for place in places
        if place.is_dir()
        for picture in sorted(place.iterdir())
        if picture.suffix in _ENDINGS and picture.is_file()
    ]


def _name(picture: Path) -> str:
    paper = _HULL if picture.parent.name == "pictures" else _PAPERS.get(picture.stem)
    return picture.name if paper is None else f"{paper}-{picture.name}"
