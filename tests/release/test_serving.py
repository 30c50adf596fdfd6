"""What ``tfmat serve`` writes: SavedModels, warm-up requests, and what was the package's own."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_serving.apis")
import tensorflow as tf
import tiny_packages
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tfmat import families
from tfmat.errors import InputError, MissingExtraError
from tfmat.export.package import Formats
from tfmat.export.saved_model import export_saved_model
from tfmat.files import sha256
from tfmat.inference.metadata import METADATA
from tfmat.inference.package import load
from tfmat.inference.schema import first_problem
from tfmat.installing import command
from tfmat.release.parity import TOLERANCE, difference, saved_model_cli
from tfmat.release.serving import write_serving
from tfmat.release.serving_settings import Serving

pytestmark = pytest.mark.train

# What operators and attributes TensorFlow 2.21 has and 2.20 has not, as printed by
# benchmarks/serving_compatibility.py; nothing of it may be in a SavedModel for a 2.20 server.
NEWER_THAN_2_20 = {
    "DecodeJxl": None,
    "_CopyFromGpuToHost": None,
    "_CopyFromHostToGpu": None,
    "TensorListGetItem": {"Tshape"},
}
GRAPH_OF_2_20 = 2288  # its version of graphs; min_consumer must not be above it


@pytest.fixture(scope="module")
def packages(tmp_path_factory, crystals_package):
    """Structures with SavedModels, formulas and a writer of crystals with Keras weights alone."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "structures": tiny_packages.structures(
            folder / "structures", Formats(saved_model=True, keras=True)
        ),
        "formulas": tiny_packages.formulas(folder / "formulas", Formats(keras=True)),
        "crystals": tiny_packages.lesser(
            crystals_package,
            folder / "crystals",
            (*tiny_packages.WRITTEN, *tiny_packages.GRAPHS),
            ("onnx", "keras"),
        ),
    }


@pytest.fixture(scope="module", params=["structures", "formulas", "crystals"])
def served(request, packages, tmp_path_factory):
    out = tmp_path_factory.mktemp("served") / request.param
    summary = write_serving(packages[request.param], out, Serving(version=7))
    return load(packages[request.param], threads=1), out, summary


def versions(out):
    return {path.parent.name: path for path in sorted((out / "models").glob("*/*"))}


def test_parts_that_generate_are_served(served):
    package, out, summary = served
    wanted = {
        "structures": {"generator", "constraint", "lattice_decoder", "sites_decoder", "generate"},
        "formulas": {"generator", "critic", "generate"},
        # Its structures are judged by their environments: what reads crystal graphs is not needed.
        "crystals": {"writer", "environment_constraint", "environment_critic", "generate"},
    }[package.name] & set(package.parts)
    assert set(summary["models"]) == {f"{package.name}-{part}" for part in wanted}
    assert summary["out"] == str(out)
    assert set(versions(out)) == set(summary["models"])
    assert all(path.name == "7" for path in versions(out).values())
    made = package.name != "structures"
    assert set(summary["made"]) == (wanted if made else set())
    assert summary["bytes"] == sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    metadata = json.loads((out / METADATA).read_text("utf-8"))
    del metadata["seal"]
    assert metadata == {**package.metadata, "served": True}
    assert first_problem(metadata) is None
    with pytest.raises(InputError, match="is a folder of tfmat serve"):
        load(out)


def test_saved_models_give_what_onnx_runtime_gives(served):
    package, out, _ = served
    inputs = families.get(package.metadata["family"]).probe_inputs(package, 3)
    for model, version in versions(out).items():
        part = model.removeprefix(f"{package.name}-")
        name, _ = package.input(part)
        expected = package.run_all(part, inputs[part])
        signatures = tf.saved_model.load(str(version)).signatures
        wanted = {"serving_default", *(("generate",) if part == "generate" else ())}
        assert set(signatures) - {"__saved_model_init_op"} == wanted
        for signature in wanted:
            found = signatures[signature](**{name: tf.constant(inputs[part])})
            assert set(found) == set(expected)
            for output, value in found.items():
                assert difference(value.numpy(), expected[output]) <= TOLERANCE, (part, output)


def test_files_of_the_package_are_copied_as_they_are(served):
    package, out, _ = served
    for model, version in versions(out).items():
        record = package.metadata["parts"][model.removeprefix(f"{package.name}-")].get(
            "saved_model", {"files": []}
        )
        for file in record["files"]:
            copy = version / Path(file["file"]).relative_to(record["folder"])
            assert sha256(copy) == file["sha256"]


def test_warmup_requests_replay(served):
    package, out, _ = served
    for model, version in versions(out).items():
        part = model.removeprefix(f"{package.name}-")
        name, shape = package.input(part)
        signatures = tf.saved_model.load(str(version)).signatures
        file = version / "assets.extra" / "tf_serving_warmup_requests"
        seen = set()
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            request = log.predict_log.request
            assert request.model_spec.name == model
            assert set(request.inputs) == {name}
            batch = tf.make_ndarray(request.inputs[name])
            assert batch.dtype == np.float32
            assert batch.shape[1:] == shape
            outputs = signatures[request.model_spec.signature_name](**{name: tf.constant(batch)})
            assert {len(value) for value in outputs.values()} == {len(batch)}
            seen.add((request.model_spec.signature_name, len(batch)))
        sizes = {1, families.get(package.metadata["family"]).batch_size(part, package)}
        wanted = {"serving_default", *(("generate",) if part == "generate" else ())}
        assert seen == {(signature, size) for signature in wanted for size in sizes}


def test_warmup_inputs_are_those_of_generating(served):
    package, out, _ = served
    parts = {"structures": "sites_decoder", "formulas": "critic", "crystals": "writer"}
    part, source = parts[package.name], "generator"
    (log,) = [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.data.TFRecordDataset(
            str(versions(out)[f"{package.name}-{part}"] / "assets.extra/tf_serving_warmup_requests")
        )
        .take(1)
        .as_numpy_iterator()
    ]
    (proto,) = log.predict_log.request.inputs.values()
    found = tf.make_ndarray(proto).reshape(-1)
    probe = families.get(package.metadata["family"])
    if package.name == "crystals":
        noise = probe.probe_inputs(package, 1)["generate"][0]
        assert found[:2].tolist() in [row[:2] for row in package.metadata["compositions"]]
        np.testing.assert_array_equal(found[2:], noise[1:])
        return
    noise = probe.probe_inputs(package, probe.batch_size(source, package))[source]
    made = package.run(source, noise).reshape(len(noise), -1)
    # The row, or a piece of it, is among what the generator made of noise.
    places = np.lib.stride_tricks.sliding_window_view(made, len(found), axis=1)
    assert np.abs(places - found).max(axis=-1).min() <= 1e-6


def test_graphs_hold_nothing_newer_than_the_server(served):
    assert tf.__version__.startswith("2.21."), "make NEWER_THAN_2_20 anew"
    _, out, _ = served
    for version in versions(out).values():
        proto = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
        for graph in (meta.graph_def for meta in proto.meta_graphs):
            assert graph.versions.min_consumer <= GRAPH_OF_2_20
            bodies = [graph.node, *(function.node_def for function in graph.library.function)]
            for node in (node for body in bodies for node in body):
                newer = NEWER_THAN_2_20.get(node.op, set())
                assert newer is not None, node.op
                assert not newer & set(node.attr), node.op
        assert all(meta.meta_info_def.stripped_default_attrs for meta in proto.meta_graphs)


def test_saved_model_cli_shows_and_runs_every_model(served, capfd, monkeypatch):
    from tensorflow.python.tools import saved_model_cli as command

    package, out, _ = served
    inputs = families.get(package.metadata["family"]).probe_inputs(package, 2)
    for model, version in versions(out).items():
        part = model.removeprefix(f"{package.name}-")
        name, _ = package.input(part)
        arguments = ["show", "--dir", str(version), "--tag_set", "serve"]
        monkeypatch.setattr(
            sys, "argv", ["saved_model_cli", *arguments, "--signature_def", "serving_default"]
        )
        with pytest.raises(SystemExit) as end:
            command.main()
        assert not end.value.code
        shown = capfd.readouterr().out
        assert set(re.findall(r"(?:in|out)puts\['(\w+)'\]", shown)) == {
            name,
            *package.metadata["parts"][part]["outputs"],
        }
        found = saved_model_cli(version, name, inputs[part])
        for output, expected in package.run_all(part, inputs[part]).items():
            assert difference(found[output], expected) <= TOLERANCE


def test_others_can_read_the_files_whatever_the_umask(packages, tmp_path):
    before = os.umask(0o077)
    try:
        out = tmp_path / "served"
        write_serving(packages["structures"], out, Serving(parts=("constraint",)))
    finally:
        os.umask(before)
    for path in (out, *out.rglob("*")):
        runs = path.is_dir() or path.name == "smoke.sh"
        assert path.stat().st_mode & 0o777 == (0o755 if runs else 0o644), path


def test_making_networks_is_quiet(packages, tmp_path, capfd, monkeypatch):
    def told(*arguments):
        os.write(2, b"E0000 failed call to cuInit\n")
        export_saved_model(*arguments)

    monkeypatch.setattr("tfmat.release.serving_models.export_saved_model", told)
    summary = write_serving(packages["formulas"], tmp_path / "served", Serving(parts=("critic",)))
    assert summary["made"] == ["critic"]
    assert capfd.readouterr() == ("", "")


def test_chosen_parts_and_the_folder_in_the_way(packages, tmp_path):
    out = tmp_path / "served"
    order = Serving(parts=("sites_decoder", "sites_encoder"))
    summary = write_serving(packages["structures"], out, order)
    assert summary["models"] == ["structures-sites_encoder", "structures-sites_decoder"]
    with pytest.raises(InputError, match="not empty"):
        write_serving(packages["structures"], out, order)
    write_serving(packages["structures"], out, Serving(parts=("constraint",)), overwrite=True)
    assert set(versions(out)) == {"structures-constraint"}


def copied(package, folder, change):
    """Returns a copy of a package with other metadata."""
    shutil.copytree(package, folder)
    metadata = json.loads((package / METADATA).read_text("utf-8"))
    del metadata["seal"]
    change(metadata)
    (folder / METADATA).write_text(json.dumps(metadata), "utf-8")
    return folder


def test_made_of_keras_weights_is_the_same(packages, tmp_path):
    folder = copied(packages["structures"], tmp_path / "keras", lambda _: None)
    shutil.rmtree(folder / "serving")  # as a package that lies in a repository
    package = load(folder)
    out = tmp_path / "served"
    summary = write_serving(package.folder, out)
    assert [f"structures-{part}" for part in summary["made"]] == summary["models"]
    inputs = families.get(package.metadata["family"]).probe_inputs(package, 3)
    for part in summary["made"]:
        name, _ = package.input(part)
        loaded = tf.saved_model.load(str(versions(out)[f"structures-{part}"]))
        found = loaded.signatures["serving_default"](**{name: tf.constant(inputs[part])})
        for output, expected in package.run_all(part, inputs[part]).items():
            assert difference(found[output].numpy(), expected) <= TOLERANCE


def test_packages_that_cannot_be_served(packages, tmp_path):
    out = tmp_path / "served"

    def no_networks(metadata):
        del metadata["parts"]["constraint"]["saved_model"]
        del metadata["parts"]["constraint"]["keras"]

    bare = copied(packages["structures"], tmp_path / "bare", no_networks)
    with pytest.raises(InputError, match="neither a SavedModel nor Keras weights of constraint"):
        write_serving(bare, out)

    def damage(metadata):
        metadata["parts"]["generator"]["saved_model"]["files"][0]["sha256"] = "0" * 64

    with pytest.raises(InputError, match=r"SHA-256 of serving/generator"):
        write_serving(copied(packages["structures"], tmp_path / "damaged", damage), out)

    def elsewhere(metadata):
        metadata["parts"]["generator"]["saved_model"]["folder"] = "keras"

    with pytest.raises(InputError, match="file of keras"):
        write_serving(copied(packages["structures"], tmp_path / "elsewhere", elsewhere), out)

    def rename(metadata):
        metadata["name"] = "two words"

    with pytest.raises(InputError, match="'two words-generator' cannot be the name"):
        write_serving(copied(packages["structures"], tmp_path / "renamed", rename), out)

    def inject(metadata):
        metadata["parts"]["$(touch pwned)_decoder"] = metadata["parts"].pop("sites_decoder")

    with pytest.raises(InputError, match=r"pwned\)_decoder"):
        write_serving(copied(packages["structures"], tmp_path / "injected", inject), out)

    def escape(metadata):
        metadata["parts"]["../../../escaped"] = metadata["parts"].pop("constraint")

    with pytest.raises(InputError, match=r"\.\./escaped"):
        write_serving(copied(packages["structures"], tmp_path / "escaped", escape), out)

    def encoders(metadata):
        metadata["parts"] = {
            part: entry for part, entry in metadata["parts"].items() if part.endswith("_encoder")
        }

    with pytest.raises(InputError, match=r"holds no generator .* `parts`"):
        write_serving(copied(packages["structures"], tmp_path / "encoders", encoders), out)
    with pytest.raises(InputError, match="holds no critic"):
        write_serving(packages["structures"], out, Serving(parts=("critic",)))
    assert not out.exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_what_cannot_be_asked_for():
    for version in (0, 2**63):
        with pytest.raises(InputError, match="`version` must be from 1 to 9223372036854775807"):
            Serving(version=version)
    assert Serving(version=2**63 - 1)
    with pytest.raises(InputError, match="both 8501"):
        Serving(grpc_port=8501)
    with pytest.raises(InputError, match="`host` localhost: is no IP address"):
        Serving(host="localhost")
    with pytest.raises(InputError, match="without a zone"):
        Serving(host='fe80::1%$(touch pwned)"')


def test_missing_extra_is_named(packages, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(MissingExtraError, match=re.escape(command("serving"))):
        write_serving(packages["structures"], tmp_path / "served")
