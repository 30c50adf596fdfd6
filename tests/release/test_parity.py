"""Every part of both families gives the same numbers in Keras, as SavedModel and as ONNX."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import onnx
from programs import program

from tfmat import __version__, families
from tfmat.ccdcgan.probe import probe_inputs as structure_probes
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.voxels.cell import parameters
from tfmat.ccdcgan.voxels.decode import decode_channels
from tfmat.ccdcgan.voxels.frame import box_positions
from tfmat.ccdcgan.voxels.lattice import decode_lattice
from tfmat.export.graph import weights_sha256
from tfmat.inference.package import load
from tfmat.inference.verify import random_inputs
from tfmat.matgan.probe import probe_inputs as composition_probes
from tfmat.recipes.loader import build
from tfmat.release.parity import (
    TOLERANCE,
    difference,
    forms,
    inner_forms,
    of_keras,
    rows_that_differ,
)

pytestmark = pytest.mark.train

parity_cases = program(Path(__file__).with_name("parity_cases.py"))

# Parts whose inputs are noise, or are drawn.
DRAWING = ("generator", "writer", "generate", "compositions", "prompted_writer")
FORMS = {"keras", "saved_model", "saved_model_cli", "onnx"}


@pytest.fixture(scope="module", params=parity_cases.CASES)
def case(request, tmp_path_factory):
    folder, networks = parity_cases.write(request.param, tmp_path_factory.mktemp("parity"))
    package = load(folder, threads=1)
    assert set(package.parts) == set(networks)
    return request.param, package, networks


def inputs_of(package):
    """Batches of two and of six: random numbers, real data, and what networks make of noise."""
    probes = structure_probes if package.metadata["family"] == "ccdcgan" else composition_probes
    real = families.get(package.metadata["family"]).real_inputs(package, 2)
    kinds = random_inputs(package, 2), real, probes(package, 2)
    inputs = {}
    for part in package.parts:
        made = [kind[part] for kind in kinds if part in kind]
        # Noise is never real.
        assert len(made) == 3 or part in DRAWING
        # One of each kind before the second of each.
        mixed = np.stack(made, axis=1).reshape(-1, *made[0].shape[1:])
        inputs[part] = mixed[:2], mixed
    return inputs


def decides(name, part):
    """Whether a last bit can turn an output of the part."""
    if name == "reference":
        return part.endswith("_decoder")
    if name in ("writer", "sources"):
        return part in ("writer", "generate", "prompted_writer")
    return name == "autoregressive" and part == "generator"


def test_forms_agree(case):
    name, package, networks = case
    inputs = inputs_of(package)
    for part, network in networks.items():
        runs = forms(package, part)
        # The end-to-end network has no Keras file.
        assert set(runs) == (FORMS - {"keras"} if part == "generate" else FORMS)
        outputs = list(package.metadata["parts"][part]["outputs"])
        for batch in inputs[part]:
            expected = of_keras(network, outputs)(batch)
            for form, run in runs.items():
                found = run(batch)
                assert set(found) == set(outputs)
                for output in outputs:
                    if decides(name, part):
                        compare_decisions(part, found[output], expected[output])
                    else:
                        gap = difference(found[output], expected[output])
                        assert gap <= TOLERANCE, (part, form)


def compare_decisions(part, found, expected):
    if part in DRAWING:
        # A draw within rounding of a boundary may fall to either side.
        assert rows_that_differ(found, expected, TOLERANCE) <= 1 / 6
    else:
        # The threshold makes 10,000 times as much of a difference before it.
        assert rows_that_differ(found.reshape(-1, 1), expected.reshape(-1, 1), 0.1) == 0


@pytest.mark.parametrize("case", ["reference"], indirect=True)
@pytest.mark.parametrize("size", [1, 2])
def test_the_same_atoms_behind_the_threshold(case, size):
    _, package, _ = case
    spec = build(CcdcganRecipe, package.metadata["recipe"]).voxels
    crystals = parity_cases.REMEMBERED[:size]
    for form, run in forms(package, "sites_decoder").items():
        voxels = run(np.eye(size, 10, dtype=np.float32))["sites_voxel"]
        for atoms, crystal in zip(decode_channels(voxels, spec), crystals, strict=True):
            positions = box_positions(crystal)
            gaps = np.linalg.norm(atoms[:, None] - positions, axis=-1)
            assert gaps.shape == (len(crystal), len(crystal)), form
            assert gaps.min(axis=0).max() < 0.01, form
    for form, run in forms(package, "lattice_decoder").items():
        voxels = run(np.eye(size, 6, dtype=np.float32))["lattice_voxel"]
        for voxel, crystal in zip(voxels, crystals, strict=True):
            found = parameters(decode_lattice(voxel, spec))
            assert np.allclose(found, parameters(crystal.lattice), atol=0.05), form


@pytest.mark.parametrize("case", ["reference", "autoregressive"], indirect=True)
def test_what_decisions_rest_on(case):
    name, package, _ = case
    inputs = inputs_of(package)
    for part in package.parts:
        if not decides(name, part):
            continue
        runs = inner_forms(package, part, "Sigmoid" if name == "reference" else "Softmax")
        for batch in inputs[part]:
            values = {form: run(batch) for form, run in runs.items()}
            assert values["keras"]
            for form, found in values.items():
                for key, expected in values["keras"].items():
                    assert difference(found[key], expected) <= TOLERANCE, (part, form, key)


@pytest.mark.parametrize("case", ["sources"], indirect=True)
def test_sources_are_served_with_their_prototypes(case, tmp_path):
    pytest.importorskip("tensorflow_serving.apis")
    from serving_server import ServingServer, served

    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.generate import generate
    from tfmat.inference.remote import RemotePackage
    from tfmat.release.serving import write_serving

    _, package, _ = case
    summary = write_serving(package.folder, tmp_path / "served")
    assert summary["models"] == [f"sources-{part}" for part in package.parts]
    with (
        ServingServer(served(package.folder, package.name), grpc_port=None) as server,
        RemotePackage.connect(server.rest_url, tmp_path / "served") as remote,
    ):
        there = list(generate(Codec.from_package(remote), 12, 3))
    here = list(generate(Codec.from_package(package), 12, 3))
    assert any(one.crystal is not None for one in here)
    for one, other in zip(here, there, strict=True):
        assert (one.status, one.source, one.prototype) == (
            other.status,
            other.source,
            other.prototype,
        )
        assert one.properties == pytest.approx(other.properties, abs=1e-5)


def test_onnx_is_valid_and_says_where_it_comes_from(case):
    _, package, networks = case
    for part, network in networks.items():
        proto = onnx.load(package.folder / f"{part}.onnx")
        onnx.checker.check_model(proto, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
        entry = package.metadata["parts"][part]
        for described, tensors in (
            (entry["inputs"], inferred.graph.input),
            (entry["outputs"], inferred.graph.output),
        ):
            found = {
                tensor.name: [
                    dim.dim_param or dim.dim_value for dim in tensor.type.tensor_type.shape.dim
                ]
                for tensor in tensors
            }
            assert found == {key: tensor["shape"] for key, tensor in described.items()}
        assert {record.key: record.value for record in proto.metadata_props} == {
            "tfmat_version": __version__,
            "tfmat_recipe": package.metadata["recipe"]["name"],
            "tfmat_part": part,
            "weights_sha256": weights_sha256(network),
        }
        assert entry["weights_sha256"] == weights_sha256(network)
        assert proto.opset_import[0].version == package.metadata["opset"]


FRESH = """
import json, sys
from tfmat.ccdcgan.probe import probe_inputs
from tfmat.inference.package import load
from tfmat.release.parity import difference, forms

package = load(sys.argv[1], threads=1)
inputs = probe_inputs(package, 6, seed=1)
assert "keras" not in sys.modules
found = {}
for part in json.loads(sys.argv[2]):
    runs = forms(package, part)
    for size in (2, 6):
        wanted = runs["onnx"](inputs[part][:size])
        for form, run in runs.items():
            made = run(inputs[part][:size])
            assert set(made) == set(wanted)
            gaps = [difference(made[name], wanted[name]) for name in wanted]
            found.setdefault(part, {}).setdefault(form, []).append(max(gaps))
print(json.dumps(found))
"""


def test_a_fresh_process_finds_the_same_in_all_forms(crystals_package):
    # Nothing there has imported the layers of the writer, of its critic and constraint.
    parts = ["writer", "environment_constraint", "environment_critic", "generate"]
    words = [sys.executable, "-c", FRESH, str(crystals_package), json.dumps(parts)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == set(parts)
    for part, gaps in found.items():
        assert set(gaps) == (FORMS - {"keras"} if part == "generate" else FORMS)
        for form, values in gaps.items():
            assert max(values) <= TOLERANCE, (part, form)
