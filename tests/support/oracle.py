"""A model package whose networks are exact: what they generate is known beforehand.

The "generator" picks one of a few crystals by the largest number of the noise vector, the
"encoders" name the voxel that is nearest to theirs, the "decoders" look the voxel up. Everything
else (ONNX Runtime, crystal graphs, decoding, files) is the real thing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tfmat import __version__
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import (
    AutoencoderRecipe,
    CcdcganRecipe,
    DataRecipe,
    GanRecipe,
    GraphRecipe,
)
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_sites
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.export.package import describe_file
from tfmat.files import write_json
from tfmat.inference.metadata import FORMAT, FORMAT_VERSION
from tfmat.recipes import to_mapping

ELEMENTS = ("Bi", "Se")
BI, SE = 83, 34
SPEC = VoxelSpec(sites_grid=32, box=12.0, lattice_grid=16, sites_sigma=0.5, lattice_sigma=1.0)


def _crystal(lattice: Any, fractional: Any, numbers: Sequence[int]) -> Crystal:
    cell = np.asarray(lattice, dtype=float)
    return Crystal.from_arrays(cell, np.asarray(fractional) @ cell, numbers)


# The structures as they are given, and in their canonical cells.
ROCKSALT = _crystal(
    [[0, 2.9, 2.9], [2.9, 0, 2.9], [2.9, 2.9, 0]], [[0, 0, 0], [0.5, 0.5, 0.5]], [BI, SE]
)
CESIUM_CHLORIDE = _crystal(3.6 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [BI, SE])
BISMUTH = _crystal(3.3 * np.eye(3), [[0, 0, 0]], [BI])
# A slightly bent perovskite-like cell with three selenium atoms.
BI_SE3 = _crystal(
    [[4.1, 0, 0], [0.1, 4.2, 0], [0, 0.2, 4.3]],
    [[0, 0, 0], [0.5, 0.5, 0.01], [0.5, 0.02, 0.5], [0, 0.5, 0.5]],
    [BI, SE, SE, SE],
)
CLASH = _crystal(4.0 * np.eye(3), [[0, 0, 0], [0.1, 0, 0]], [BI, SE])
GIVEN = (ROCKSALT, CESIUM_CHLORIDE, BISMUTH, BI_SE3, CLASH)
CRYSTALS = tuple(canonicalise(crystal) for crystal in GIVEN)
ENERGIES = (-0.4, -0.1, 0.0, 0.25, 0.9)


def make_package(
    folder: Path,
    *,
    crystals: Sequence[Crystal] = CRYSTALS,
    energies: Sequence[float] = ENERGIES,
    empty: bool = True,
    name: str = "oracle",
    terms: bool = True,
    domain: Mapping[str, Any] | None = None,
    dataset: Mapping[str, Any] | None = None,
) -> Path:
    """Writes the package; with ``empty``, the last of its graphs holds no element at all."""
    count = len(crystals) + empty
    energies = [*energies, 0.5][:count]
    numbers = (BI, SE)
    recipe = _recipe(count, terms)
    layout = GraphLayout.from_recipe(recipe, ELEMENTS)
    sites = np.zeros((count, 2, 2 * count), dtype=np.float32)
    voxels = np.zeros((2 * count, *(SPEC.sites_grid,) * 3), dtype=np.float32)
    lattices = np.stack(
        [encode_lattice(crystals[k % len(crystals)].lattice, SPEC) for k in range(count)]
    )
    for k, crystal in enumerate(crystals):
        voxels[2 * k : 2 * k + 2] = encode_sites(crystal, numbers, SPEC)
        for slot, number in enumerate(numbers):
            sites[k, slot, 2 * k + slot] = (crystal.numbers == number).any()
    graphs = layout.pack(np.eye(count, dtype=np.float32), sites)
    weights = np.zeros((layout.height * layout.width, 1), dtype=np.float32)
    weights[:count, 0] = energies
    shape = (layout.height, layout.width, 1)
    folder.mkdir(parents=True)
    models = {
        "generator": _picks("noise", "crystal_graph", np.eye(count), graphs),
        "constraint": _maps("crystal_graph", "formation_energy", shape, weights, (1,)),
        "lattice_encoder": _picks("lattice_voxel", "lattice_latent", lattices, np.eye(count)),
        "lattice_decoder": _looks_up("lattice_latent", "lattice_voxel", lattices),
        "sites_encoder": _picks("sites_voxel", "sites_latent", voxels, np.eye(2 * count)),
        "sites_decoder": _looks_up("sites_latent", "sites_voxel", voxels),
    }
    parts = {}
    for part, model in models.items():
        weights = hashlib.sha256(b"".join(t.raw_data for t in model.graph.initializer)).hexdigest()
        helper.set_model_props(model, {"weights_sha256": weights})
        onnx.checker.check_model(model, full_check=True)
        file = folder / f"{part}.onnx"
        onnx.save(model, file)
        parts[part] = {
            "parameters": 0,
            "weights_sha256": weights,
            "inputs": _described(model.graph.input),
            "outputs": _described(model.graph.output),
            "onnx": {"float32": msgspec.to_builtins(describe_file(folder, file.name))},
        }
    parts["constraint"]["property"] = "formation_energy_per_atom"
    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": name,
        "family": "ccdcgan",
        "tfmat_version": __version__,
        "opset": 18,
        "elements": list(ELEMENTS),
        "presence_threshold": [0.05, 0.05],
        "seed": 0,
        "dataset": dataset or {},
        "training": {},
        "metrics": {},
        "recipe": to_mapping(recipe),
        "parts": parts,
    }
    if domain is not None:
        metadata["domain"] = domain
    write_json(folder / "metadata.json", metadata)
    return folder


def _described(tensors: Any) -> dict[str, Any]:
    shapes = {tensor.name: tensor.type.tensor_type.shape.dim[1:] for tensor in tensors}
    return {
        name: {
            "shape": ["batch", *(dim.dim_value for dim in dims)],
            "dtype": "float32",
            "unit": "1",
        }
        for name, dims in shapes.items()
    }


def _recipe(count: int, terms: bool) -> CcdcganRecipe:
    gan = GanRecipe(latent=count)
    return CcdcganRecipe(
        name="oracle",
        data=DataRecipe(elements=ELEMENTS),
        voxels=SPEC,
        lattice_autoencoder=AutoencoderRecipe(latent=count),
        sites_autoencoder=AutoencoderRecipe(latent=2 * count),
        graph=GraphRecipe(height=8, width=8, lattice_slot=8),
        gan=gan if terms else GanRecipe(latent=count, terms=()),
    )


def _picks(source: str, target: str, known: Any, answers: Any) -> onnx.ModelProto:
    """Answers with the row whose known input is nearest (least squares)."""
    flat = np.asarray(known, dtype=np.float32).reshape(len(known), -1)
    shape = np.shape(known)[1:]
    # Voxels carry a trailing axis of one channel, noise does not.
    shape = (*shape, 1) if len(shape) == 3 else shape
    nodes = [
        helper.make_node("Reshape", [source, "to_rows"], ["rows"]),
        helper.make_node("MatMul", ["rows", "known"], ["products"]),
        helper.make_node("Sub", ["products", "half_squares"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0),
        helper.make_node("Gather", ["answers", "best"], [target]),
    ]
    constants = {
        "to_rows": np.array([-1, flat.shape[1]], dtype=np.int64),
        "known": flat.T.copy(),
        "half_squares": (flat**2).sum(axis=1) / 2,
        "answers": np.asarray(answers, dtype=np.float32),
    }
    return _model(nodes, source, shape, target, np.shape(answers)[1:], constants)


def _looks_up(source: str, target: str, voxels: Any) -> onnx.ModelProto:
    shape = (*voxels.shape[1:], 1)
    weights = voxels.reshape(len(voxels), -1)
    return _maps(source, target, (len(voxels),), weights, shape)


def _maps(
    source: str, target: str, shape: tuple[int, ...], weights: Any, result: tuple[int, ...]
) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Reshape", [source, "to_rows"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["products"]),
        helper.make_node("Reshape", ["products", "to_result"], [target]),
    ]
    constants = {
        "to_rows": np.array([-1, weights.shape[0]], dtype=np.int64),
        "weights": np.asarray(weights, dtype=np.float32),
        "to_result": np.array([-1, *result], dtype=np.int64),
    }
    return _model(nodes, source, shape, target, result, constants)


def _model(
    nodes: list[Any],
    source: str,
    shape: tuple[int, ...],
    target: str,
    result: tuple[int, ...],
    constants: dict[str, Any],
) -> onnx.ModelProto:
    def tensor(name: str, sizes: tuple[int, ...]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *sizes])

    graph = helper.make_graph(
        nodes,
        "oracle",
        [tensor(source, shape)],
        [tensor(target, result)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
