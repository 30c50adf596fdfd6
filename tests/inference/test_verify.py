import json
import shutil

import msgspec
import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from oracle import make_package

from tfmat.errors import InputError
from tfmat.export.package import describe_file
from tfmat.inference import verify as module
from tfmat.inference.verify import verify


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("models") / "oracle")


@pytest.fixture
def copy(package, tmp_path):
    return shutil.copytree(package, tmp_path / "copy")


def edit(folder, change):
    file = folder / "metadata.json"
    metadata = json.loads(file.read_text("utf-8"))
    change(metadata["parts"]["generator"])
    file.write_text(json.dumps(metadata), "utf-8")


def replace_model(folder, change):
    """Changes the generator's graph, and the metadata so that the hash is right."""
    file = folder / "generator.onnx"
    model = onnx.load(file)
    change(model)
    onnx.save(model, file)
    edit(
        folder,
        lambda entry: entry["onnx"].update(
            float32=msgspec.to_builtins(describe_file(folder, "generator.onnx"))
        ),
    )


def test_whole_package(package):
    found = verify(package)
    assert found.name == "oracle"
    assert found.networks == found.files == len(found.parts) == 6
    assert found.absent == ()


def test_what_a_light_copy_lacks_is_no_damage(copy):
    def more(entry):
        record = entry["onnx"]["float32"]
        entry["keras"] = {**record, "file": "keras/generator.keras"}
        files = [{**record, "file": f"serving/generator/1/{name}"} for name in ("a.pb", "b.pb")]
        entry["saved_model"] = {"folder": "serving/generator/1", "files": files}

    edit(copy, more)
    assert verify(copy).absent == ("keras/generator.keras", "serving/generator/1")
    # Half a SavedModel is damage.
    (copy / "serving/generator/1").mkdir(parents=True)
    shutil.copyfile(copy / "generator.onnx", copy / "serving/generator/1/a.pb")
    with pytest.raises(InputError, match=r"b\.pb is missing"):
        verify(copy)
    shutil.copyfile(copy / "generator.onnx", copy / "serving/generator/1/b.pb")
    assert verify(copy).files == 8
    (copy / "serving/generator/1/b.pb").write_bytes(b"other")
    with pytest.raises(InputError, match=r"SHA-256 of serving/generator/1/b\.pb"):
        verify(copy)


def weights_of_another(model):
    model.metadata_props[0].value = "0" * 64


def not_finite(model):
    answers = next(t for t in model.graph.initializer if t.name == "answers")
    answers.raw_data = np.full(answers.dims, np.nan, np.float32).tobytes()


def another_name(model):
    model.graph.output[0].name = model.graph.node[-1].output[0] = "graph"


def one_row_only(model):
    """A graph that loads, and runs on one batch size alone."""
    rows = next(t for t in model.graph.initializer if t.name == "to_rows")
    rows.raw_data = np.array([1, np.frombuffer(rows.raw_data, np.int64)[1]]).tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (weights_of_another, "made of other weights"),
        (not_finite, "not finite"),
        (another_name, "its outputs are graph, .* says crystal_graph"),
        (one_row_only, "does not run"),
    ],
)
def test_network_that_does_not_do_what_is_said(copy, change, message):
    replace_model(copy, change)
    with pytest.raises(InputError, match=message) as caught:
        verify(copy)
    assert "\n" not in str(caught.value)


def test_shape_and_schema(copy, monkeypatch):
    edit(copy, lambda entry: entry["outputs"]["crystal_graph"].update(shape=["batch", 7, 8, 1]))
    with pytest.raises(InputError, match=r"metadata\.json says \['batch', 7, 8, 1\]"):
        verify(copy)
    edit(copy, lambda entry: entry.update(licence="none"))
    with pytest.raises(InputError, match="breaks its schema at"):
        verify(copy)

    def missing(_metadata):
        raise ImportError

    # Without jsonschema the rest is checked all the same.
    monkeypatch.setattr(module, "first_problem", missing)
    edit(copy, lambda entry: entry["outputs"]["crystal_graph"].update(shape=["batch", 8, 8, 1]))
    assert verify(copy).schema is False
