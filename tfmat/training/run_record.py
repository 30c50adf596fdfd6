"""What a run folder says about itself, read so that a damaged or foreign one does no harm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tfmat import checksums
from tfmat.errors import InputError
from tfmat.inference.metrics import Metric
from tfmat.paths import check_tree, plain_file
from tfmat.reading import read_record, read_toml, reading
from tfmat.typed import first_flaw

FORMAT = "tfmat-run"
FORMAT_VERSION = 1
RECORD, RECIPE = "run.json", "recipe.toml"
RECIPE_HASH = "recipe_sha256"
"""Key of the record for the hash of ``recipe.toml``; runs of earlier versions have none."""
ADVICE = "start a new run, or copy the folder again from where it came"
# Where the outputs of a stage lie, so that none of them can be the run's record or its lock.
_OUTPUTS = ("stages", "weights", "package")
_SHA256_DIGITS = 64


def read_run(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads record and recipe of a run folder.

    Args:
        folder: The run folder.

    Returns:
        Contents of ``run.json`` and of ``recipe.toml``.

    Raises:
        InputError: The folder is no run of this version, is damaged, or something in it leads
            elsewhere.
    """
    file = folder / RECORD
    if not plain_file(file):
        raise InputError(
            f"{folder}: holds no training run; give a folder that tfmat train has written"
        )
    info = read_record(file, ADVICE)
    if info.get("format") != FORMAT or info.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{file}: not a run of this version of tfmat; start a new one")
    # A resumed run is written to: through a link that would change files elsewhere.
    check_tree(folder)
    checksums.check_seal(file, info, ADVICE)
    info.pop(checksums.SEAL, None)
    with reading(file, ADVICE):
        _check_record(info)
    recipe = folder / RECIPE
    if RECIPE_HASH in info:
        checksums.check_files(folder, {RECIPE: info[RECIPE_HASH]}, file, ADVICE)
    return info, read_toml(recipe, ADVICE)


def is_run(folder: Path) -> bool:
    """Tells whether a folder holds a run, of any version: what may be replaced by another.

    Args:
        folder: Any folder.
    """
    try:
        return read_record(folder / RECORD).get("format") == FORMAT
    except InputError:
        return False


def check_outputs(folder: Path, hashes: Mapping[str, str], where: str | Path, advice: str) -> None:
    """Compares what a stage has written with its stored SHA-256.

    Args:
        folder: The run folder.
        hashes: Path within it to SHA-256.
        where: What says so, for the message.
        advice: What to do about a file that was changed.

    Raises:
        InputError: A file is missing, was changed, or is none that a stage writes.
    """
    for name in hashes:
        if PurePosixPath(name).parts[:1] not in [(part,) for part in _OUTPUTS]:
            raise InputError(f"{where}: {name!r} is no file that a stage writes; {advice}")
    checksums.check_files(folder, hashes, Path(where), advice)


def _check_record(info: Mapping[str, Any]) -> None:
    """Raises a ``ValueError`` or the like where the record lacks what programs rely on."""
    _text(info["created"], "created")
    if type(info["seed"]) is not int or not 0 <= info["seed"] < 2**64:
        raise ValueError("seed is no whole number")
    for key, value in _table(info["versions"], "versions").items():
        _text(value, f"versions.{key}")
    dataset = _table(info["dataset"], "dataset")
    for key in ("name", "sha256"):
        _text(dataset[key], f"dataset.{key}")
    _text(dataset.get("path", ""), "dataset.path")
    _table(dataset.get("split", {}), "dataset.split")
    for name, stage in _table(info["stages"], "stages").items():
        _check_stage(name, _table(stage, f"stages.{name}"))


def _check_stage(name: str, stage: Mapping[str, Any]) -> None:
    where = f"stages.{name}"
    if stage.get("state") not in ("running", "finished"):
        raise ValueError(f"{where}.state is neither running nor finished")
    if stage["state"] == "finished" or "files" in stage:
        for file, value in _table(stage["files"], f"{where}.files").items():
            if not isinstance(value, str) or len(value) != _SHA256_DIGITS:
                raise ValueError(f"{where}.files: {file!r} has no SHA-256")
        flaw = first_flaw(dict[str, Metric], stage["metrics"], f"{where}.metrics")
        if flaw is not None:
            raise ValueError(flaw)
    for key in ("steps", "encoded", "replicas"):
        if type(stage.get(key, 0)) is not int or stage.get(key, 0) < 0:
            raise ValueError(f"{where}.{key} is no whole number")


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no table")
    return value


def _text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{where} is no text")


def first_difference(
    old: Mapping[str, Any], new: Mapping[str, Any], ignore: Iterable[str] = ()
) -> tuple[str, Any, Any] | None:
    """Finds the first value in which two recipes differ.

    Args:
        old: Nested tables.
        new: Nested tables.
        ignore: Dotted keys that may differ.

    Returns:
        Dotted key, old value and new value; ``None`` if all agree.
    """
    skipped = set(ignore)

    def walk(prefix: str, left: Any, right: Any) -> tuple[str, Any, Any] | None:
        if prefix in skipped:
            return None
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            for key in [*left, *(key for key in right if key not in left)]:
                dotted = f"{prefix}.{key}" if prefix else str(key)
                found = walk(dotted, left.get(key), right.get(key))
                if found is not None:
                    return found
            return None
        return None if left == right else (prefix, left, right)

    return walk("", old, new)
