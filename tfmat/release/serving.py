"""Everything that puts a model package behind TensorFlow Serving."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfmat import families
from tfmat.checksums import write_sealed
from tfmat.errors import InputError, require, require_installed
from tfmat.export.places import SERVABLE, check_apart, is_served
from tfmat.files import check_place, folder_size, replacing_folder
from tfmat.inference.metadata import METADATA, find
from tfmat.inference.package import ModelPackage, check_file, load
from tfmat.inference.schema import copy_schema
from tfmat.quiet import muted_stderr
from tfmat.release.serving_files import ServedPart, write_files
from tfmat.release.serving_models import ServedNetworks
from tfmat.release.serving_settings import Serving
from tfmat.release.serving_warmup import write_warmup

_PURPOSE = "writing files for TensorFlow Serving"


def write_serving(
    model: str | Path,
    out: Path,
    serving: Serving | None = None,
    *,
    models_dir: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes the folder that a TensorFlow Serving of version 2.20 serves, complete or not at all.

    Args:
        model: A package folder, a run folder (its ``package`` is used), or the name of a package.
        out: Folder to write.
        serving: How it is to be served.
        models_dir: Folder that is searched first for a name.
        overwrite: Replace a folder of ``tfmat serve`` that is already there.

    Returns:
        A JSON summary: ``out``, ``package``, ``version``, ``models``, ``made`` (those that had
        no SavedModel in the package), ``bytes``.

    Raises:
        InputError: No such package or part, a damaged one, one without networks that can be
            served, or ``out`` is in the way.
        MissingExtraError: The ``[serving]`` extra is not installed.
    """
    serving = serving or Serving()
    for module in ("tensorflow", "tensorflow_serving"):
        require_installed(module, "serving", _PURPOSE)
    check_place(out, overwrite=overwrite, own=is_served)
    source = find(model, models_dir, argument="package")
    check_apart(out, source)
    package = load(source)
    names = _chosen(package, serving.parts)
    for name in (f"{package.name}-{part}" for part in names):
        if not SERVABLE.fullmatch(name):
            raise InputError(
                f"{package.folder}: {name!r} cannot be the name of a served model; export the run "
                "again with `name` and letters, digits, points, hyphens"
            )
    with muted_stderr():  # TensorFlow tells how it starts
        require("tensorflow", "serving", _PURPOSE)
        require("tensorflow_serving.apis", "serving", _PURPOSE)
    family = families.get(package.metadata["family"])
    sizes = {part: family.batch_size(part, package) for part in names}
    inputs = family.probe_inputs(_without(package, names), max(sizes.values()))
    networks = ServedNetworks(package)
    with replacing_folder(out, overwrite=overwrite, own=is_served) as folder:
        served = []
        for part in names:
            served.append(ServedPart(package, part, sizes[part], inputs[part]))
            target = folder / "models" / served[-1].model / str(serving.version)
            with muted_stderr():  # TensorFlow tells which devices it does not find
                networks.write(part, target)
                write_warmup(target, served[-1])
        write_files(folder, served, serving)
        # Marked, since it holds none of the networks that it names.
        write_sealed(folder / METADATA, {**package.metadata, "served": True})
        # What clients read beside the networks, as prototypes.
        for record in package.metadata.get("files", []):
            check_file(package.folder, record["file"], record)
            shutil.copyfile(package.folder / record["file"], folder / record["file"])
        copy_schema(folder)
        _let_all_read(folder)
        size = folder_size(folder)
    return {
        "out": str(out),
        "package": package.name,
        "version": serving.version,
        "models": [part.model for part in served],
        "made": networks.made,
        "bytes": size,
    }


def _let_all_read(folder: Path) -> None:
    """Lifts the umask: without capabilities not even the container's root reads others' files."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".sh" else 0o644)


def _chosen(package: ModelPackage, parts: Sequence[str]) -> list[str]:
    """Returns the parts to serve, in the order of the package."""
    package.require(*parts)
    if parts:
        return [part for part in package.parts if part in parts]
    names = families.get(package.metadata["family"]).generating(package)
    if not names:
        raise InputError(
            f"{package.folder}: holds no generator (it has {', '.join(package.parts)}); say with "
            "`parts` what to serve"
        )
    return names


def _without(package: ModelPackage, names: Sequence[str]) -> ModelPackage:
    """Returns the package without what neither is served nor makes inputs of what is."""
    parts = {
        part: entry
        for part, entry in package.metadata["parts"].items()
        if part in names or not part.endswith("_encoder")
    }
    return replace(package, metadata={**package.metadata, "parts": parts})
