"""A run of any family as a model package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tfmat import families
from tfmat.datasets.credit import UNKNOWN, Credit, given
from tfmat.errors import InputError
from tfmat.export.graph import in_float32
from tfmat.export.package import Formats, Provenance, write_package
from tfmat.files import folder_size
from tfmat.inference.metadata import GENERATE, read_metadata
from tfmat.metric import records
from tfmat.release.card import package_metrics, write_card
from tfmat.release.exportable import check_exportable
from tfmat.release.measure import measure
from tfmat.release.precision import add_precisions, keep_precisions
from tfmat.training.chain import Chain, open_run
from tfmat.training.quiet import on_tensorflow
from tfmat.training.run import Run

# What a package takes over of a run's record of the data.
_COUNTS = ("structures", "formulas", "training", "held_out")
_DATASET = ("name", "sha256", *_COUNTS, "split", "license", "attribution")


def export_run(
    folder: Path,
    out: Path,
    *,
    name: str | None = None,
    formats: Formats | None = None,
    precisions: Sequence[str] = ("float32",),
    measured: bool = True,
    samples: int | None = None,
    notes: Sequence[str] = (),
    licence: str = "",
    data_licence: str = "",
    attribution: Sequence[str] = (),
    encoders: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes a run's networks as a model package.

    Args:
        folder: The run folder.
        out: Folder of the package.
        name: Name of the package; by default that of ``out``.
        formats: What to write beside ONNX.
        precisions: Forms of the ONNX files, at least one of ``float32``, ``float16``, ``int8``.
        measured: Measure size, speed, difference and what the package generates.
        samples: Noise vectors to measure with, and to decide by what may be int8; by default 1,000
            for structures, 100,000 for formulas.
        notes: What users of the package should know of it, for its card.
        licence: Under which its weights may be used (as ``apache-2.0``), for its card; empty if
            not said.
        data_licence: Licence of the data, as SPDX writes it; empty for what the run says.
        attribution: Whom to cite for the data; none for what the run says.
        encoders: Run, package folder or name of a package whose encoders, and what reads what they
            give, are added (:meth:`tfmat.training.chain.Chain.joined`).
        overwrite: Replace a package that is already there.

    Returns:
        A JSON summary: ``out``, ``name``, ``parts``, ``bytes``, and the package's ``metrics``.

    Raises:
        InputError: The folder is no run, has no trained network, ``name``, a licence or an
            attribution is not possible, or ``out`` is in the way.
        MissingExtraError: The ``[train]`` extra is not installed.
    """
    name = check_exportable(
        folder,
        out,
        name=name,
        licence=licence,
        data_licence=data_licence,
        attribution=attribution,
        encoders=encoders,
        overwrite=overwrite,
    )
    if not on_tensorflow():
        raise InputError("the export needs TensorFlow; unset KERAS_BACKEND")
    chain = families.get(Run.open(folder).recipe.get("family", families.FIRST)).chain()
    run = open_run(chain, folder)
    recipe = chain.load_recipe(str(folder / "recipe.toml"), ())
    steps: list[Callable[[Path], None]] = [
        partial(add_precisions, precisions=precisions, samples=samples)
    ]
    if measured:
        data = _data(chain, run)
        steps.append(partial(measure, samples=samples, shipped=precisions, data=data))
    # Only now: all else is made of float32, and compared with it.
    steps += [partial(keep_precisions, precisions=precisions), write_card]
    parts = write_run(
        chain,
        run,
        recipe,
        out,
        name,
        formats=formats,
        steps=steps,
        notes=notes,
        licence=licence,
        credit=given(data_licence, attribution),
        encoders=encoders,
        overwrite=overwrite,
    )
    return {
        "out": str(out),
        "name": name,
        "parts": parts,
        "bytes": folder_size(out),
        "metrics": records(package_metrics(read_metadata(out))),
    }


def _data(chain: Chain[Any, Any], run: Run) -> Any:
    """Returns the dataset that a run has learned from, or nothing where it is not there."""
    record = run.info["dataset"]
    for place in (record["path"], record["name"]):
        try:
            dataset = chain.open_dataset(place)
        except InputError:
            continue
        if dataset.sha256 == record["sha256"]:
            return dataset
    return None


def write_run(
    chain: Chain[Any, Any],
    run: Run,
    recipe: Any,
    out: Path,
    name: str | None = None,
    *,
    end_to_end: bool = True,
    notes: Sequence[str] = (),
    licence: str = "",
    credit: Credit = UNKNOWN,
    encoders: str | Path | None = None,
    **options: Any,
) -> list[str]:
    """Writes a run's model package.

    Args:
        chain: The family.
        run: The run.
        recipe: Its recipe.
        out: Folder of the package.
        name: Name of the package; by default that of the run's folder.
        end_to_end: Add the network from noise to what a user wants.
        notes: What users of the package should know of it, for its card.
        licence: Under which its weights may be used; empty if not said.
        credit: Licence and attribution of the data, in place of what the run says.
        encoders: As for :func:`export_run`.
        **options: Passed to :func:`tfmat.export.package.write_package`.

    Returns:
        Names of the exported parts.
    """
    networks = chain.networks(run, recipe)
    if encoders is not None:
        networks, recipe = chain.joined(networks, recipe, encoders)
    # Before they become layers of the end-to-end network.
    models = {part: in_float32(network) for part, network in networks.models.items()}
    if end_to_end:
        whole = chain.end_to_end(replace(networks, models=models), recipe)
        if whole is not None:
            models[GENERATE] = whole
    data = run.info["dataset"]
    provenance = Provenance(
        name=name or run.folder.resolve().name,
        recipe=recipe,
        elements=networks.elements,
        seed=run.seed,
        dataset={key: data[key] for key in _DATASET if key in data} | credit.record(),
        training=run.training(),
        notes=notes,
        licence=licence,
        metrics=run.metrics(),
        details=networks.details,
        files=networks.files,
    )
    write_package(out, models, networks.tensors, provenance, **options)
    return list(models)


def write_light(chain: Chain[Any, Any], run: Run, recipe: Any, out: Path) -> list[str]:
    """Writes the package that a training leaves in its run: ONNX alone, nothing measured.

    Args:
        chain: The family.
        run: The run.
        recipe: Its recipe.
        out: Folder of the package; replaced if it is there.

    Returns:
        Names of the exported parts.
    """
    return write_run(chain, run, recipe, out, end_to_end=chain.quick_end_to_end, overwrite=True)
