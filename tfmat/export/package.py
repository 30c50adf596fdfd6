"""Writes a model package: one ONNX file for each network, and what they mean in one JSON file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat import __version__
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.errors import InputError
from tfmat.export.onnx import OPSET, export_onnx
from tfmat.files import replacing_folder, write_json
from tfmat.inference.package import FORMAT, FORMAT_VERSION, METADATA
from tfmat.recipes.loader import to_mapping

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Tensors:
    """Names and units of a part's input and output."""

    input_name: str
    output_name: str
    input_unit: str = "1"
    output_unit: str = "1"


PARTS = {
    "generator": Tensors("noise", "crystal_graph"),
    "discriminator": Tensors("crystal_graph", "probability_real"),
    "constraint": Tensors("crystal_graph", "formation_energy", output_unit="eV/atom"),
    "lattice_encoder": Tensors("lattice_voxel", "lattice_latent"),
    "lattice_decoder": Tensors("lattice_latent", "lattice_voxel"),
    "sites_encoder": Tensors("sites_voxel", "sites_latent"),
    "sites_decoder": Tensors("sites_latent", "sites_voxel"),
}


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
            that it has. Decoders of the compact form give logits; their sigmoid is exported too.
        provenance: Recipe, data and figures.
        overwrite: Replace a package that is already there.

    Returns:
        ``out``.

    Raises:
        InputError: No network or one of an unknown part, or ``out`` is in the way.
        MissingExtraError: The ``[train]`` extra is not installed.
    """
    unknown = sorted(set(networks) - set(PARTS))
    if unknown or not networks:
        raise InputError(
            f"{out}: cannot export {', '.join(unknown) or 'a run without trained networks'}; "
            f"parts of a package are {', '.join(PARTS)}"
        )
    recipe = provenance.recipe
    forms = {
        "lattice_decoder": recipe.lattice_autoencoder.form,
        "sites_decoder": recipe.sites_autoencoder.form,
    }
    with replacing_folder(out, overwrite=overwrite) as folder:
        entries = {
            part: _write_part(
                folder,
                part,
                networks[part],
                provenance,
                "sigmoid" if forms.get(part) == "compact" else None,
            )
            for part in PARTS
            if part in networks
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
    provenance: Provenance,
    activation: str | None,
) -> dict[str, Any]:
    tensors = PARTS[part]
    weights = hashlib.sha256()
    for array in network.get_weights():
        weights.update(array.tobytes())
    file = export_onnx(
        network,
        folder / f"{part}.onnx",
        input_name=tensors.input_name,
        output_name=tensors.output_name,
        activation=activation,
        origin={
            "tfmat_version": __version__,
            "tfmat_recipe": provenance.recipe.name,
            "tfmat_part": part,
            "weights_sha256": weights.hexdigest(),
        },
    )
    return {
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


def _tensor(shape: tuple[int, ...], unit: str) -> dict[str, Any]:
    return {"shape": ["batch", *shape], "dtype": "float32", "unit": unit}
