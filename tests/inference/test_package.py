import json
import shutil
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice, repeat
from pathlib import Path

import numpy as np
import pytest

from tfmat.ccdcgan.codec import Codec
from tfmat.errors import InputError, RenamedWarning
from tfmat.inference.metadata import find, packages, search_folders
from tfmat.inference.package import load

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
        (lambda f: edit(f, lambda m: m.update(format_version=9)), "format version 9 is not known"),
        (lambda f: edit(f, lambda m: m.pop("parts")), "parts is missing"),
        (
            lambda f: edit(f, lambda m: file_of(m).pop("sha256")),
            "onnx.float32.sha256 is missing",
        ),
        (
            lambda f: edit(f, lambda m: file_of(m).update(file="../g.onnx")),
            r"onnx\.float32\.file must be a path within the package, not '\.\./g\.onnx'",
        ),
    ],
)
def test_damaged_or_foreign_package_is_refused_in_one_line(copy, damage, message):
    damage(copy)
    with pytest.raises(InputError, match=message) as caught:
        load(copy)
    assert "\n" not in str(caught.value)


def test_parts_that_are_not_named_are_checked_when_they_are_used(copy):
    (copy / "sites_encoder.onnx").write_bytes(b"x")
    loaded = load(copy, parts=("generator", "*_decoder"))
    assert loaded.run("generator", np.zeros((1, 6))).shape == (1, 8, 8, 1)
    with pytest.raises(InputError, match=r"SHA-256 of sites_encoder\.onnx"):
        loaded.run("sites_encoder", np.zeros((1, 32, 32, 32, 1)))
    for parts in (None, ("sites_*",)):
        with pytest.raises(InputError, match=r"SHA-256 of sites_encoder\.onnx"):
            load(copy, parts=parts)


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
    (run / "run.json").write_text('{"stages": {"formulas": {}, "gan": {}}}')
    with pytest.raises(InputError, match=r"tfmat train TARGET --out .*run --resume"):
        find(run)
    (run / "recipe.toml").write_text('family = "matgan"')
    with pytest.raises(InputError, match=r"tfmat train matgan --out .*run --resume"):
        find(run)
    (run / "recipe.toml").write_text("[gan]\nterms = []")
    with pytest.raises(InputError, match=r"tfmat train dcgan --out .*run --resume"):
        find(run)
    shutil.copytree(package, run / "package")
    assert find(run) == run / "package"
    with pytest.raises(InputError, match="neither a model package nor a run"):
        find(tmp_path)


def test_names_are_searched_in_order(package, tmp_path, monkeypatch):
    places = {name: tmp_path / name for name in ("option", "variable", "work")}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMAT_MODELS", str(places["variable"]))
    places["option"].mkdir()
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


def test_a_word_is_a_name_before_it_is_a_folder(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(package, tmp_path / "models" / "oracle")
    (tmp_path / "oracle").mkdir()
    assert find("oracle", "models") == Path("models/oracle")
    with pytest.raises(InputError, match="neither a model package nor a run"):
        find("./oracle", "models")
    # Without such a package it is the folder.
    shutil.copytree(package, tmp_path / "other")
    assert find("other", "models") == Path("other")
    with pytest.raises(InputError, match="`models_dir` modles: no such folder"):
        find("oracle", "modles")


def test_networks_of_other_tensors_are_refused(copy):
    edit(copy, lambda m: m["parts"]["generator"]["inputs"]["noise"].update(shape=["batch", 7]))
    with pytest.raises(InputError, match=r"noise has shape .* says \['batch', 7\]"):
        load(copy).session("generator")
    with pytest.raises(InputError, match="damaged, generator takes and gives"):
        Codec.from_package(load(copy))


def test_results_do_not_depend_on_the_batch_size(package):
    loaded = load(package, threads=1)
    noise = np.random.default_rng(0).standard_normal((7, 6)).astype(np.float32)
    whole = loaded.run("generator", noise)
    for size in (1, 3, 7, 100):
        np.testing.assert_allclose(loaded.run("generator", noise, size), whole, rtol=0, atol=1e-6)
        (name,) = loaded.run_all("generator", noise, size)
        assert name == "crystal_graph"
    assert loaded.run("generator", noise[:0], 3).shape == (0, 8, 8, 1)
    with pytest.raises(InputError, match="batch size must be at least 1"):
        loaded.run("generator", noise, 0)


def test_a_stream_is_cut_in_pieces_and_keeps_the_order(package):
    loaded = load(package, threads=1)
    rows = np.eye(6, dtype=np.float32)
    pieces = list(loaded.stream("generator", [rows[:4], rows[4:]], 3))
    assert [len(piece["crystal_graph"]) for piece in pieces] == [3, 1, 2]
    joined = np.concatenate([piece["crystal_graph"] for piece in pieces])
    np.testing.assert_array_equal(joined, loaded.run("generator", rows))
    with pytest.raises(InputError, match="generator takes noise of shape"):
        list(loaded.stream("generator", [rows, rows[:, :5]]))


def test_calls_side_by_side_give_the_same_in_the_same_order(package):
    loaded = load(package, threads=3)
    rows = np.random.default_rng(1).standard_normal((50, 6)).astype(np.float32)
    together = loaded.side_by_side()
    assert (together.threads, together.at_once) == (1, 3)
    pieces = together.stream("generator", [rows], 3)
    joined = np.concatenate([piece["crystal_graph"] for piece in pieces])
    np.testing.assert_array_equal(joined, load(package, threads=1).run("generator", rows, 3))
    with pytest.raises(InputError, match="generator takes noise of shape"):
        list(together.stream("generator", [rows, rows[:, :5]]))
    next(together.stream("generator", repeat(rows)))  # reads no further than its threads need


def test_an_endless_stream_is_read_as_it_is_asked_for(package):
    loaded = load(package, threads=1)
    asked = []

    def latents():
        for index in count():
            asked.append(index)
            yield np.zeros((1, 12), np.float32)

    voxels = loaded.stream("sites_decoder", latents())
    assert not asked
    next(voxels)
    tracemalloc.start()
    for _ in islice(voxels, 100):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Each result has 131 kB.
    assert peak < 1e6
    assert len(asked) == 101


def test_threads_of_python_share_one_session(package, monkeypatch):
    from tfmat.inference import package as module

    made = []
    real = module.open_session

    def counted(file, *rest):
        made.append(file.name)
        return real(file, *rest)

    monkeypatch.setattr(module, "open_session", counted)
    loaded = load(package, threads=1)
    rows = np.eye(6, dtype=np.float32)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: loaded.run("generator", rows), range(64)))
    assert made == ["generator.onnx"]
    for result in results:
        np.testing.assert_array_equal(result, results[0])


def test_no_folder_is_searched_twice(tmp_path, monkeypatch):
    (tmp_path / "saved_models").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfmat.inference.metadata._installed", lambda: [tmp_path / "saved_models"])
    monkeypatch.delenv("TFMAT_MODELS", raising=False)
    assert search_folders() == [Path("saved_models")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("matgan-oqmd", "matgan-plus-oqmd"),
        ("matgan-icsd-filter", "matgan-plus-icsd-filter"),
    ],
)
def test_former_names_find_the_packages_and_say_so(tmp_path, monkeypatch, old, new):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(RenamedWarning, match=f"{old}: is called {new} now"):
        found = find(old)
    assert found.name == new
    # A package of the user's own with that name comes first, in silence.
    shutil.copytree(found, tmp_path / "saved_models" / old)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find(old).resolve() == (tmp_path / "saved_models" / old).resolve()
