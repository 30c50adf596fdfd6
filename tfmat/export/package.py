"""Writes a model package: one ONNX file for each network, and what they mean in one JSON file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat import __version__
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.datasets.properties import unit_of
from tfmat.errors import InputError
from tfmat.export.onnx import OPSET, export_onnx
from tfmat.files import replacing_folder, write_json
from tfmat.inference.package import FORMAT, FORMAT_VERSION, METADATA
from tfmat.recipes.loader import to_mapping

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Tensors:
    """Names and units of a part's input and output, and the property that a constraint predicts."""

    input_name: str
    output_name: str
    input_unit: str = "1"
    output_unit: str = "1"
    property: str | None = None


PARTS = {
    "generator": Tensors("noise", "crystal_graph"),
    "discriminator": Tensors("crystal_graph", "probability_real"),
    "constraint": Tensors("crystal_graph", "property"),
    "lattice_encoder": Tensors("lattice_voxel", "lattice_latent"),
    "lattice_decoder": Tensors("lattice_latent", "lattice_voxel"),
    "sites_encoder": Tensors("sites_voxel", "sites_latent"),
    "sites_decoder": Tensors("sites_latent", "sites_voxel"),
}


def tensors_of(part: str, recipe: CcdcganRecipe) -> Tensors | None:
    """Returns what goes into a part and what comes out, ``None`` for a name that is no part.

    Args:
        part: One of :data:`PARTS`, or ``constraint-<property>`` for a further constraint.
        recipe: The recipe, whose property the main constraint predicts.
    """
    kind, _, name = part.partition("-")
    if kind != "constraint":
        return PARTS.get(part)
    name = name or recipe.data.property
    output = "formation_energy" if name == "formation_energy_per_atom" else name
    return replace(
        PARTS["constraint"], output_name=output, output_unit=unit_of(name) or "", property=name
    )


@dataclass(frozen=True)
class Provenance:
    """What a package says about itself beside its networks.

    Args:
        name: Name of the package.
        recipe: The recipe as resolved, with its elements.
        seed: Seed of the run.
        dataset: ``name`` and ``sha256`` of the data trained on.
        presence_threshold: For each element, in the order of its slots, the RMS of its cells in a
            crystal graph above which it counts as present
            (:meth:`~tfmat.ccdcgan.graph.GraphLayout.calibrate_presence`).
        metrics: Measured figures, as plain JSON values.
    """

    name: str
    recipe: CcdcganRecipe
    seed: int = 0
    dataset: Mapping[str, Any] = field(default_factory=dict)
    presence_threshold: Sequence[float] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)


def write_package(
    out: Path,
    networks: Mapping[str, keras.Model],
    provenance: Provenance,
    *,
    overwrite: bool = False,
) -> Path:
    """Writes a model package, complete or not at all.

    Args:
        out: Folder of the package.
        networks: Functional Keras models by part (:data:`PARTS`); a partial run gives the parts
            that it has. A decoder that gives logits is exported with its sigmoid.
        provenance: Recipe, data and figures.
        overwrite: Replace a package that is already there.

    Returns:
        ``out``.

    Raises:
        InputError: No network or one of an unknown part, or ``out`` is in the way.
        MissingExtraError: The ``[train]`` extra is not installed.
    """
    recipe = provenance.recipe
    tensors = {part: tensors_of(part, recipe) for part in networks}
    unknown = [part for part, found in tensors.items() if found is None]
    if unknown or not networks:
        raise InputError(
            f"{out}: cannot export {', '.join(unknown) or 'a run without trained networks'}; "
            f"parts of a package are {', '.join(PARTS)}"
        )
    from tfmat.ccdcgan.autoencoders import inference_decoder

    networks = {
        part: inference_decoder(network) if part.endswith("_decoder") else network
        for part, network in networks.items()
    }
    with replacing_folder(out, overwrite=overwrite) as folder:
        entries = {
            part: _write_part(folder, part, networks[part], found, provenance)
            for part, found in tensors.items()
            if found is not None
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
                "elements": list(recipe.data.elements),
                # JSON has no infinity; an element without a threshold never occurred.
                "presence_threshold": [
                    float(value) if math.isfinite(value) else None
                    for value in provenance.presence_threshold
                ],
                "seed": provenance.seed,
                "dataset": dict(provenance.dataset),
                "metrics": dict(provenance.metrics),
                "recipe": to_mapping(recipe),
                "parts": entries,
            },
        )
    return out


def _write_part(
    folder: Path,
    part: str,
    network: keras.Model,
    tensors: Tensors,
    provenance: Provenance,
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
            "tfmat_recipe": provenance.recipe.name,
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
            tensors.input_name: _tensor(file.input_shape, tensors.input_unit),
        },
        "outputs": {
            tensors.output_name: _tensor(file.output_shape, tensors.output_unit),
        },
    }
    if tensors.property is not None:
        entry["property"] = tensors.property
    return entry


def _tensor(shape: tuple[int, ...], unit: str) -> dict[str, Any]:
    return {"shape": ["batch", *shape], "dtype": "float32", "unit": unit}
