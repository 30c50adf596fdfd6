"""A run of any family as a model package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tfmat.datasets.credit import given
from tfmat.errors import InputError
from tfmat.export.package import Formats
from tfmat.families import chain_of
from tfmat.files import folder_size
from tfmat.release.card import write_card
from tfmat.release.exportable import check_exportable
from tfmat.release.measure import measure
from tfmat.release.precision import add_precisions, keep_precisions
from tfmat.training.chain import Chain, export, open_run
from tfmat.training.quiet import on_tensorflow
from tfmat.training.run import Run


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
        overwrite: Replace a package that is already there.

    Returns:
        A JSON summary: ``out``, ``name``, ``parts``, ``bytes``.

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
        overwrite=overwrite,
    )
    if not on_tensorflow():
        raise InputError("the export needs TensorFlow; unset KERAS_BACKEND")
    chain = chain_of(Run.open(folder).recipe.get("family", "ccdcgan"))
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
    parts = export(
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
        overwrite=overwrite,
    )
    return {"out": str(out), "name": name, "parts": parts, "bytes": folder_size(out)}


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
