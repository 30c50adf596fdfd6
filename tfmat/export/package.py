"""Writes a model package: one ONNX file for each network, and what they mean in one JSON file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat import __version__
from tfmat.errors import InputError
from tfmat.export.onnx import OPSET, export_onnx
from tfmat.files import replacing_folder, write_json
from tfmat.inference.package import FORMAT, FORMAT_VERSION, METADATA
from tfmat.inference.tensors import Tensors
from tfmat.recipes.loader import to_mapping

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Provenance:
    """What a package says about itself beside its networks.

    Args:
        name: Name of the package.
        recipe: The recipe as resolved, a dataclass with ``name`` and ``family``.
        elements: Symbols of the elements, in the order in which the networks have them.
        seed: Seed of the run.
        dataset: ``name`` and ``sha256`` of the data trained on.
        metrics: Measured figures, as plain JSON values.
        details: What else the family's readers need, as plain JSON values.
    """

    name: str
    recipe: Any
    elements: Sequence[str]
    seed: int = 0
    dataset: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def write_package(
    out: Path,
    networks: Mapping[str, keras.Model],
    tensors: Mapping[str, Tensors],
    provenance: Provenance,
    *,
    overwrite: bool = False,
) -> Path:
    """Writes a model package, complete or not at all.

    Args:
        out: Folder of the package.
        networks: Functional Keras models by part; a partial run gives the parts that it has.
        tensors: The family's parts: what goes into each and what comes out.
        provenance: Recipe, data and figures.
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
    with replacing_folder(out, overwrite=overwrite) as folder:
        entries = {
            part: _write_part(folder, part, network, tensors[part], recipe.name)
            for part, network in networks.items()
        }
        write_json(
            folder / METADATA,
            {
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
                "metrics": dict(provenance.metrics),
                "recipe": to_mapping(recipe),
                "parts": entries,
            },
        )
    return out


def _write_part(
    folder: Path, part: str, network: keras.Model, tensors: Tensors, recipe: str
) -> dict[str, Any]:
    weights = hashlib.sha256()
    for array in network.get_weights():
        weights.update(array.tobytes())
    file = export_onnx(
        network,
        folder / f"{part}.onnx",
        input_name=tensors.input_name,
        output_name=tensors.output_name,
        origin={
            "tfmat_version": __version__,
            "tfmat_recipe": recipe,
            "tfmat_part": part,
            "weights_sha256": weights.hexdigest(),
        },
    )
    entry = {
        "file": f"{part}.onnx",
        "sha256": file.sha256,
        "weights_sha256": weights.hexdigest(),
        "parameters": file.parameters,
        "inputs": {
            tensors.input_name: _tensor(file.input_shape, "float32", tensors.input_unit),
        },
        "outputs": {
            tensors.output_name: _tensor(file.output_shape, file.output_dtype, tensors.output_unit),
        },
    }
    if tensors.property is not None:
        entry["property"] = tensors.property
    return entry


def _tensor(shape: tuple[int, ...], dtype: str, unit: str) -> dict[str, Any]:
    return {"shape": ["batch", *shape], "dtype": dtype, "unit": unit}
