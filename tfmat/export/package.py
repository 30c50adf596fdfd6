"""Writes a model package: the networks in one or more formats, and one JSON file about them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from tfmat import __version__
from tfmat.checksums import write_sealed
from tfmat.errors import InputError
from tfmat.export.graph import in_float32, input_shape, output_tensors, weights_sha256
from tfmat.export.keras_file import export_keras
from tfmat.export.onnx import OPSET, export_onnx
from tfmat.export.places import is_package
from tfmat.export.saved_model import export_saved_model, signatures_of
from tfmat.files import replacing_folder, sha256
from tfmat.inference.described import (
    FORMAT,
    FORMAT_VERSION,
    METADATA,
    File,
    Input,
    Output,
    Part,
    SavedModel,
)
from tfmat.inference.metadata import GENERATE
from tfmat.inference.schema import SCHEMA, copy_schema
from tfmat.inference.tensors import Tensors
from tfmat.recipes.loader import to_mapping

if TYPE_CHECKING:
    import keras

    from tfmat.inference.fields import Dtype

VERSION = 1  # of the SavedModels, as TensorFlow Serving counts


@dataclass(frozen=True)
class Provenance:
    """What a package says about itself beside its networks.

    Args:
        name: Name of the package.
        recipe: The recipe as resolved, a dataclass with ``name`` and ``family``.
        elements: Symbols of the elements, in the order in which the networks have them.
        seed: Seed of the run.
        dataset: ``name`` and ``sha256`` of the data trained on, their numbers, licence and
            attribution.
        training: When and with what it was trained (:meth:`tfmat.training.run.Run.training`).
        notes: What users of the package should know of it, for its card.
        licence: Under which its weights may be used (as ``apache-2.0``); empty if not said.
        metrics: Metrics by stage and name, as plain JSON values.
        details: What else the family's readers need, as plain JSON values.
        files: Further files to take along, by their names in the package.
    """

    name: str
    recipe: Any
    elements: Sequence[str]
    seed: int = 0
    dataset: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    licence: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Formats:
    """What a package holds beside the float32 ONNX files.

    Args:
        saved_model: SavedModels in TensorFlow Serving's layout.
        keras: The networks as trained, as ``.keras`` without the optimiser's state.
        rewrite: Write the ONNX graphs as ONNX Runtime computes them fastest
            (:mod:`tfmat.export.rewrite`); the other formats stay as they were trained.
    """

    saved_model: bool = False
    keras: bool = False
    rewrite: bool = True


def write_package(
    out: Path,
    networks: Mapping[str, keras.Model],
    tensors: Mapping[str, Tensors],
    provenance: Provenance,
    formats: Formats | None = None,
    *,
    steps: Sequence[Callable[[Path], None]] = (),
    overwrite: bool = False,
) -> Path:
    """Writes a model package, complete or not at all.

    Args:
        out: Folder of the package.
        networks: Functional Keras models by part; a partial run gives the parts that it has.
        tensors: The family's parts: what goes into each and what comes out.
        provenance: Recipe, data and metrics.
        formats: What else to write beside ONNX.
        steps: What else is done to the package before it gets its place (further precisions,
            measurements, the card); each is called with the folder of a readable package.
        overwrite: Replace a package that is already there.

    Returns:
        ``out``.

    Raises:
        InputError: No network or one of an unknown part, or ``out`` is in the way.
        MissingExtraError: The ``[train]`` extra is not installed.
    """
    unknown = [part for part in networks if part not in tensors]
    if unknown or not networks:
        raise InputError(
            f"{out}: cannot export {', '.join(unknown) or 'a run without trained networks'}"
        )
    recipe = provenance.recipe
    with replacing_folder(out, overwrite=overwrite, own=is_package) as folder:
        writer = _PartWriter(folder, recipe.name, formats or Formats())
        entries = {
            part: writer.write(part, network, tensors[part]) for part, network in networks.items()
        }
        for name, source in provenance.files.items():
            shutil.copyfile(source, folder / name)
        others = [describe_file(folder, name) for name in provenance.files]
        write_sealed(
            folder / METADATA,
            {
                "$schema": f"./{SCHEMA}",
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "name": provenance.name,
                "family": recipe.family,
                "tfmat_version": __version__,
                "opset": OPSET,
                "elements": list(provenance.elements),
                **provenance.details,
                "seed": provenance.seed,
                "dataset": dict(provenance.dataset),
                "training": dict(provenance.training),
                "notes": list(provenance.notes),
                **({"license": provenance.licence} if provenance.licence else {}),
                "metrics": dict(provenance.metrics),
                "recipe": _portable(to_mapping(recipe), provenance.dataset),
                "parts": msgspec.to_builtins(entries),
                **({"files": msgspec.to_builtins(others)} if others else {}),
            },
        )
        copy_schema(folder)
        for step in steps:
            step(folder)
    return out


@dataclass(frozen=True)
class _PartWriter:
    """Writes one network in all formats that are wanted."""

    folder: Path
    recipe: str
    formats: Formats

    def write(self, part: str, network: keras.Model, tensors: Tensors) -> Part:
        """Writes the files and returns the part's entry of the metadata."""
        # Of this module also those make use who have no Keras.
        from tfmat.export.rewrite import rewrite

        network = in_float32(network)
        weights = weights_sha256(network)
        onnx = f"{part}.onnx"
        export_onnx(
            rewrite(network) if self.formats.rewrite else network,
            self.folder / onnx,
            tensors,
            origin={
                "tfmat_version": __version__,
                "tfmat_recipe": self.recipe,
                "tfmat_part": part,
                "weights_sha256": weights,
            },
        )
        unset = msgspec.UNSET
        return Part(
            parameters=int(network.count_params()),
            weights_sha256=weights,
            inputs={
                tensors.input_name: Input(
                    shape=_shape(input_shape(network)), dtype="float32", unit=tensors.input_unit
                )
            },
            outputs={
                name: Output(
                    shape=_shape(tensor.shape[1:]),
                    dtype=cast("Dtype", str(tensor.dtype)),
                    unit=tensors.outputs[name],
                )
                for name, tensor in output_tensors(network, tensors).items()
            },
            property=unset if tensors.property is None else tensors.property,
            onnx={"float32": describe_file(self.folder, onnx)},
            # The end-to-end graph is made of the other parts; its weights need no second copy.
            keras=self._keras(part, network) if self.formats.keras and part != GENERATE else unset,
            saved_model=(
                self._saved_model(part, network, tensors) if self.formats.saved_model else unset
            ),
        )

    def _keras(self, part: str, network: keras.Model) -> File:
        file = f"keras/{part}.keras"
        (self.folder / "keras").mkdir(exist_ok=True)
        export_keras(network, self.folder / file)
        return describe_file(self.folder, file)

    def _saved_model(self, part: str, network: keras.Model, tensors: Tensors) -> SavedModel:
        folder = f"serving/{part}/{VERSION}"
        target = self.folder / folder
        export_saved_model(network, target, tensors, signatures_of(part))
        files = sorted(path for path in target.rglob("*") if path.is_file())
        return SavedModel(
            folder=folder,
            files=[
                describe_file(self.folder, path.relative_to(self.folder).as_posix())
                for path in files
            ],
        )


def describe_file(folder: Path, file: str) -> File:
    """Returns name, SHA-256 and size of a package's file, as its metadata has them.

    Args:
        folder: Folder of the package.
        file: Path within it, with slashes.
    """
    path = folder / file
    return File(file=file, sha256=sha256(path), bytes=path.stat().st_size)


def _portable(tables: dict[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a recipe that names its dataset, in place of the folder on the trainer's machine."""
    if "name" not in dataset:
        return tables
    return {**tables, "data": {**tables["data"], "dataset": dataset["name"]}}


def _shape(sizes: Sequence[int]) -> list[Literal["batch"] | int]:
    return ["batch", *(int(size) for size in sizes)]
