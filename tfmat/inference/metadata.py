"""Where model packages are found, and what their ``metadata.json`` must hold."""

from __future__ import annotations

import os
import reprlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

from tfmat import families
from tfmat.checksums import SEAL, check_seal
from tfmat.errors import InputError, RenamedWarning, did_you_mean
from tfmat.inference.described import FORMAT as FORMAT
from tfmat.inference.described import FORMAT_VERSION as FORMAT_VERSION
from tfmat.inference.described import METADATA as METADATA
from tfmat.inference.described import first_flaw
from tfmat.paths import inside
from tfmat.reading import parse_json, read_bytes, read_json, read_record, read_toml, reading

MODELS_VARIABLE = "TFMAT_MODELS"
# The end-to-end graph, from noise to what a user wants.
GENERATE = "generate"
# The signature of a SavedModel that clients get who name none.
DEFAULT_SIGNATURE = "serving_default"
# In the order of preference.
PRECISIONS = ("float32", "float16", "int8")

# Former names of packages that shipped, for one release (0.1).
RENAMED = {
    "matgan-icsd-filter": "matgan-plus-icsd-filter",
    "matgan-oqmd": "matgan-plus-oqmd",
}


def find(model: str | Path, models_dir: str | Path | None = None, argument: str = "model") -> Path:
    """Returns the folder of a package given by folder, run folder or name.

    A word without a separator is a name first: a folder that happens to be called so in the working
    folder must not stand in the way of ``--models-dir``. ``./NAME`` is always the folder.

    Args:
        model: A package folder, a run folder (its ``package`` is used), or the name of a package.
        models_dir: Folder that is searched first for a name.
        argument: The argument that named it, for the message.

    Raises:
        InputError: There is no such package.
    """
    text, path = str(model), Path(model)
    if not text.strip():
        raise InputError(f"`{argument}`: is empty; give a name, a folder or a run")
    word = not any(mark in text for mark in (os.sep, os.altsep) if mark)
    # The last of equal names is the one that a search finds first.
    known = {folder.name: folder for folder in reversed(packages(models_dir))} if word else {}
    if text in known:
        return known[text]
    try:
        there = path.is_dir()
    except OSError as error:  # a name that is too long for a file
        raise InputError(f"`{argument}` {text}: {error.strerror}") from error
    if there:
        return _package_in(path)
    if RENAMED.get(text) in known:
        warnings.warn(
            f"`{argument}` {text}: is called {RENAMED[text]} now, after the recipe that made it; "
            "the old name goes with the next release",
            RenamedWarning,
            stacklevel=2,
        )
        return known[RENAMED[text]]
    known = known or {folder.name: folder for folder in packages(models_dir)}
    raise InputError(
        f"`{argument}` {text}: no such folder and no such package{did_you_mean(text, list(known))}"
        "; see tfmat models list, or give a run's folder"
    )


def _package_in(path: Path) -> Path:
    """Returns the folder itself if it is a package, or that of a run."""
    if os.path.lexists(path / METADATA):
        return path
    if os.path.lexists(path / "package" / METADATA):
        return path / "package"
    if (path / "run.json").is_file():
        raise InputError(
            f"{path}: this run has exported no package yet; finish it with tfmat train "
            f"{_target(path)} --out {path} --resume"
        )
    raise InputError(f"{path}: is neither a model package nor a run (it has no {METADATA})")


def search_folders(models_dir: str | Path | None = None) -> list[Path]:
    """Returns the folders in which packages are looked for by name, first match wins.

    Args:
        models_dir: Searched first; then come those of the environment variable ``TFMAT_MODELS``,
            ``saved_models`` in the working folder, and the packages installed with tfmat.

    Raises:
        InputError: ``models_dir`` is no folder.
    """
    if models_dir is not None and not Path(models_dir).is_dir():
        raise InputError(f"`models_dir` {models_dir}: no such folder; give one that is there")
    folders = [Path(models_dir)] if models_dir is not None else []
    folders += [
        Path(text) for text in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep) if text
    ]
    folders.append(Path("saved_models"))
    once: dict[Path, Path] = {}
    for folder in (*folders, *_installed()):  # in a clone the last two are one
        once.setdefault(folder.resolve(), folder)
    return list(once.values())


def packages(models_dir: str | Path | None = None) -> list[Path]:
    """Returns the folders of all packages that can be found by name, in search order.

    Args:
        models_dir: As for :func:`search_folders`.
    """
    return [
        folder
        for place in search_folders(models_dir)
        if place.is_dir()
        for folder in sorted(place.iterdir())
        # Those with a dot are not finished yet.
        if not folder.name.startswith(".") and _is_package(folder)
    ]


def _is_package(folder: Path) -> bool:
    """Tells packages from other folders, and from those of tfmat serve, which hold no networks."""
    file = folder / METADATA
    if not os.path.lexists(file):
        return False
    try:
        text = read_bytes(file)
        return b'"served"' not in text or parse_json(text).get("served") is not True
    except (InputError, ValueError, RecursionError, AttributeError):
        return True  # whoever reads it says what is wrong


def require_networks(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Refuses the folder that tfmat serve wrote, where networks are needed.

    Args:
        folder: Folder of the metadata.
        metadata: The metadata.

    Raises:
        InputError: They are the copy in a served folder.
    """
    if metadata.get("served"):
        raise InputError(
            f"{folder}: is a folder of tfmat serve, without ONNX files; give the package "
            f"{metadata['name']} that it was made of"
        )


def read_metadata(folder: Path) -> dict[str, Any]:
    """Reads and checks the metadata of a package, but not the files it names.

    Args:
        folder: A package folder.

    Raises:
        InputError: It is not the metadata of a tfmat model package of a version known here.
    """
    file = inside(folder, METADATA, folder)
    metadata = read_json(file, "export it again", constants=False)
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise InputError(f"{file}: is not the metadata of a tfmat model package")
    version = metadata.get("format_version")
    if version != FORMAT_VERSION:
        _refuse(file, "format version", version, [str(FORMAT_VERSION)])
    if not families.known(metadata.get("family")):
        _refuse(file, "family", metadata.get("family"), families.names())
    as_written = dict(metadata)
    metadata.pop(SEAL, None)
    flaw = first_flaw(metadata)
    if flaw is not None:
        raise InputError(f"{file}: damaged, {flaw}; export it again")
    check_seal(file, as_written, "export it again")
    return metadata


def _refuse(file: Path, words: str, found: object, known: Sequence[str]) -> NoReturn:
    raise InputError(
        f"{file}: {words} {reprlib.repr(found)} is not known to this tfmat (it reads "
        f"{', '.join(known)}); install the tfmat that wrote it, or export the run again"
    )


def file_records(entry: Mapping[str, Any]) -> Iterator[Any]:
    """Yields the records of all files of a part (``file``, ``sha256``, ``bytes``).

    Args:
        entry: The part's entry in the metadata.
    """
    yield from entry["onnx"].values()
    if "keras" in entry:
        yield entry["keras"]
    if "saved_model" in entry:
        yield from entry["saved_model"]["files"]


def _target(run: Path) -> str:
    """Returns what a run of ``tfmat train`` was started for, as far as its stages tell."""
    try:
        with reading(run):
            recipe = read_toml(run / "recipe.toml")
            stages = read_record(run / "run.json")["stages"]
            family = families.get(recipe.get("family", families.FIRST))
            return family.trained_by(recipe, stages)
    except InputError:
        return "TARGET"


def _installed() -> list[Path]:
    """Returns the folder of the packages that came with tfmat, if there are any."""
    try:
        return [Path(str(resources.files("tfmat.saved_models")))]
    except ModuleNotFoundError:  # an editable install older than that folder
        return []
