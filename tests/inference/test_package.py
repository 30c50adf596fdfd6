import json
import shutil

import numpy as np
import pytest

from tfmat.errors import InputError
from tfmat.inference.metadata import find, packages, search_folders
from tfmat.inference.package import load
from tfmat.inference.threads import available_threads

pytest.importorskip("onnx")

from oracle import make_package


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("models") / "oracle")


@pytest.fixture
def copy(package, tmp_path):
    return shutil.copytree(package, tmp_path / "copy")


def file_of(metadata):
    return metadata["parts"]["generator"]["onnx"]["float32"]


def edit(folder, change):
    file = folder / "metadata.json"
    metadata = json.loads(file.read_text("utf-8"))
    change(metadata)
    file.write_text(json.dumps(metadata), "utf-8")


def test_every_part_runs_at_any_batch_size(package):
    loaded = load(package, threads=1)
    for batch in (1, 5):
        graphs = loaded.run("generator", np.eye(batch, 6))
        assert graphs.shape == (batch, 8, 8, 1)
        assert loaded.run("constraint", graphs).shape == (batch, 1)
        assert loaded.run("sites_decoder", np.zeros((batch, 12))).shape == (batch, 32, 32, 32, 1)


def test_threads_reach_the_session(package):
    options = load(package, threads=2).session("generator").get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    with pytest.raises(InputError, match="at least 1"):
        load(package, threads=0)


def test_shape_that_does_not_fit_is_named(package):
    with pytest.raises(InputError, match=r"generator takes noise of shape .*not \(2, 5\)"):
        load(package).run("generator", np.zeros((2, 5)))


def test_missing_part_is_named(package):
    with pytest.raises(InputError, match="holds no discriminator"):
        load(package).run("discriminator", np.zeros((1, 8, 8, 1)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "generator.onnx").write_bytes(b"x"), "SHA-256 of generator.onnx"),
        (lambda f: (f / "generator.onnx").unlink(), "generator.onnx is missing"),
        (lambda f: (f / "metadata.json").write_text("{"), "not readable as JSON"),
        (lambda f: (f / "metadata.json").write_bytes(b"\xff\xfe"), "not readable as JSON"),
        (lambda f: (f / "metadata.json").write_text("[]"), "not the metadata of a tfmat"),
        (lambda f: edit(f, lambda m: m.update(format="other")), "not the metadata of a tfmat"),
        (lambda f: edit(f, lambda m: m.update(format_version=9)), "format version 9"),
        (lambda f: edit(f, lambda m: m.pop("parts")), "name or parts are missing"),
        (
            lambda f: edit(f, lambda m: file_of(m).pop("sha256")),
            "no SHA-256",
        ),
        (
            lambda f: edit(f, lambda m: file_of(m).update(file="../g.onnx")),
            "no file of the package",
        ),
    ],
)
def test_damaged_or_foreign_package_is_refused_in_one_line(copy, damage, message):
    damage(copy)
    with pytest.raises(InputError, match=message) as caught:
        load(copy)
    assert "\n" not in str(caught.value)


def test_file_that_is_no_onnx_model(copy):
    from tfmat.files import sha256

    (copy / "generator.onnx").write_bytes(b"no model")
    new = sha256(copy / "generator.onnx")
    edit(
        copy, lambda metadata: metadata["parts"]["generator"]["onnx"]["float32"].update(sha256=new)
    )
    with pytest.raises(InputError, match="no usable ONNX model") as caught:
        load(copy).session("generator")
    assert "\n" not in str(caught.value)


def test_run_folder_stands_for_its_package(package, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    with pytest.raises(InputError, match="has exported no package yet"):
        find(run)
    shutil.copytree(package, run / "package")
    assert find(run) == run / "package"
    with pytest.raises(InputError, match="neither a model package nor a run"):
        find(tmp_path)


def test_names_are_searched_in_order(package, tmp_path, monkeypatch):
    places = {name: tmp_path / name for name in ("option", "variable", "work")}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMAT_MODELS", str(places["variable"]))
    saved = tmp_path / "saved_models"
    expected = [places["option"], places["variable"]]
    assert search_folders(places["option"])[:2] == expected
    for folder in (saved, places["variable"], places["option"]):
        shutil.copytree(package, folder / "oracle")
        found = find("oracle", places["option"])
        assert found.resolve() == (folder / "oracle").resolve()
    assert len(packages(places["option"])) >= 3
    with pytest.raises(InputError, match="did you mean oracle"):
        find("oracel")


def test_threads_respect_the_container(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    quota = tmp_path / "cpu.max"
    everything = available_threads(tmp_path / "none")
    assert everything >= 1
    quota.write_text("max 100000\n")
    assert available_threads(quota) == everything
    quota.write_text("50000 100000\n")
    assert available_threads(quota) == 1
    quota.write_text("max 100000\n")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert available_threads(quota) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1000000")
    assert available_threads(quota) == everything
