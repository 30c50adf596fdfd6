"""Smaller forms of whole packages: files, metadata, the way back to float16, the commands."""

import json
import shutil

import msgspec
import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

import onnx
import tiny_compositions
import tiny_packages
from onnx import numpy_helper
from tfmat.cli.main import main

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import generate
from tfmat.ccdcgan.precision_check import StructurePrecisionCheck
from tfmat.ccdcgan.probe import probe_inputs as structure_inputs
from tfmat.checksums import write_sealed
from tfmat.errors import InputError
from tfmat.export.package import Formats, describe_file
from tfmat.files import sha256
from tfmat.inference.package import load, precisions
from tfmat.matgan.probe import probe_inputs as formula_inputs
from tfmat.release.precision import add_precisions, keep_precisions

pytestmark = pytest.mark.train

ALL = ("float32", "float16", "int8")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Packages in float32 of both families; the critic has weights that int8 cannot hold."""
    folder = tmp_path_factory.mktemp("plain")
    found = {
        "structures": tiny_packages.structures(folder / "structures", Formats()),
        "formulas": tiny_packages.formulas(folder / "formulas", Formats()),
    }
    give_outliers(found["formulas"], "critic")
    return found


def give_outliers(folder, part):
    """Makes two weights of each channel so large that all others are nothing beside them."""
    file = folder / f"{part}.onnx"
    proto = onnx.load(file)
    largest = max(proto.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
    weights = numpy_helper.to_array(largest).copy()
    # Of two cells that generators fill alike, so that they cancel.
    cells = weights.reshape(680, -1)
    cells[0], cells[1] = 40, -40
    largest.CopyFrom(numpy_helper.from_array(weights, largest.name))
    onnx.save(proto, file)
    metadata = read(folder)
    metadata["parts"][part]["onnx"]["float32"] = msgspec.to_builtins(
        describe_file(folder, file.name)
    )
    write_sealed(folder / "metadata.json", metadata)


def read(folder):
    return json.loads((folder / "metadata.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def packages(plain, tmp_path_factory):
    """The same in all precisions."""
    folder = tmp_path_factory.mktemp("all")
    for name, package in plain.items():
        shutil.copytree(package, folder / name)
        add_precisions(folder / name, ALL, samples=4 if name == "structures" else 400)
    return {name: folder / name for name in plain}


@pytest.mark.parametrize("family", ["structures", "formulas"])
def test_every_part_is_there_in_every_precision(packages, plain, family):
    metadata = read(packages[family])
    assert precisions(metadata) == list(ALL)
    for part, entry in metadata["parts"].items():
        for precision, record in entry["onnx"].items():
            file = packages[family] / record["file"]
            assert record["sha256"] == sha256(file)
            assert record["bytes"] == file.stat().st_size
            said = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
            stored_as = record["file"].split(".")[-2]
            assert said["weights_sha256"] == entry["weights_sha256"]
            assert said["tfmat_part"] == part
            assert said.get("precision") == (None if precision == "float32" else stored_as)
        assert entry["onnx"]["float32"] == read(plain[family])["parts"][part]["onnx"]["float32"]
    used = {record["file"] for e in metadata["parts"].values() for record in e["onnx"].values()}
    assert used == {file.name for file in packages[family].glob("*.onnx")}


@pytest.mark.parametrize("family", ["structures", "formulas"])
def test_outputs_stay_near_those_in_float32(packages, family):
    exact = load(packages[family], threads=1)
    inputs = (structure_inputs if family == "structures" else formula_inputs)(exact, 6)
    for precision, tolerance in (("float16", 5e-3), ("int8", 0.1)):
        small = load(packages[family], threads=1, precision=precision)
        for part in exact.parts:
            if part == "generate":
                continue  # numbers of atoms, angles: judged by what they decode to
            wanted, found = (networks.run(part, inputs[part]) for networks in (exact, small))
            assert found.dtype == wanted.dtype
            error = np.abs(found - wanted) / np.maximum(1, np.abs(wanted))
            assert error.max() <= tolerance, (part, precision)


def test_int8_falls_back_to_float16_where_it_changes_too_much(packages):
    metadata = read(packages["formulas"])
    critic, onnx_files = metadata["measured"]["int8"]["critic"], metadata["parts"]["critic"]["onnx"]
    assert critic["stored_as"] == "float16"
    assert critic["largest_difference"] > critic["limit"]
    assert onnx_files["int8"] == onnx_files["float16"]
    assert not (packages["formulas"] / "critic.int8.onnx").exists()
    for family in packages:
        metadata = read(packages[family])
        for part, outcome in metadata["measured"]["int8"].items():
            records = metadata["parts"][part]["onnx"]
            if "different" in outcome:
                same = outcome["different"] <= outcome["limit"] * outcome["samples"]
            else:
                same = outcome["largest_difference"] <= outcome["limit"]
            assert outcome["stored_as"] == ("int8" if same else "float16")
            assert records["int8"]["file"] == f"{part}.{outcome['stored_as']}.onnx"
    kinds = {
        outcome["stored_as"]
        for family in packages
        for outcome in read(packages[family])["measured"]["int8"].values()
    }
    assert kinds == {"int8", "float16"}


def test_a_network_that_survives_int8_is_a_quarter_of_its_size(packages):
    records = read(packages["structures"])["parts"]["sites_encoder"]["onnx"]
    assert records["int8"]["file"] == "sites_encoder.int8.onnx"
    assert records["int8"]["bytes"] < records["float16"]["bytes"] < records["float32"]["bytes"]


def test_one_precision_alone(packages, tmp_path):
    for kept in ("float16", "int8"):
        folder = tmp_path / kept
        shutil.copytree(packages["formulas"], folder)
        keep_precisions(folder, [kept])
        assert load(folder).precision == kept
        assert precisions(read(folder)) == [kept]
        assert not (folder / "critic.onnx").exists()
        assert (folder / "critic.float16.onnx").exists()
        with pytest.raises(InputError, match="is not there in float32, only in"):
            load(folder, precision="float32")


def test_int8_alone_leaves_no_other_files_than_it_uses(plain, tmp_path):
    shutil.copytree(plain["formulas"], tmp_path / "p")
    add_precisions(tmp_path / "p", ["int8"], samples=40)
    entries = read(tmp_path / "p")["parts"]
    assert {name for entry in entries.values() for name in entry["onnx"]} == {"float32", "int8"}
    used = {record["file"] for entry in entries.values() for record in entry["onnx"].values()}
    assert used == {file.name for file in (tmp_path / "p").glob("*.onnx")}


def tfmat(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    assert end.value.code == 0, captured.err
    return captured.out


def test_a_run_is_exported_in_all_forms_and_generates_in_int8(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tfmat.release.measure._SECONDS", 0.001)
    tiny_compositions.write_dataset(tmp_path / "data")
    recipe = tiny_compositions.write_recipe(tmp_path / "tiny.toml")
    run, package, out = tmp_path / "run", tmp_path / "package", tmp_path / "formulas.csv"
    # Just long enough that some samples are formulas.
    settings = {"steps": 300, "generator_rate": 0.01, "critic_rate": 0.01, "ema": 0}
    words = [word for key, value in settings.items() for word in ("--set", f"gan.{key}={value}")]
    words += ["--recipe", recipe, "--data", tmp_path / "data"]
    tfmat(capsys, "train", "matgan", *words, "--out", run)
    formats = ["--no-saved-model", "--no-keras", "--samples", "20000"]
    every = [word for name in ALL for word in ("--precision", name)]
    text = tfmat(capsys, "export", run, "--out", package, *formats, *every, "--json")
    assert json.loads(text)["parts"] == ["generator", "critic", "generate"]
    assert read(package)["measured"]["precisions"]["int8"]["decoded"]["samples"] == 20_000
    words = ["--model", package, "-n", "20000", "--precision", "int8", "--out", out, "--json"]
    summary = json.loads(tfmat(capsys, "generate", "matgan", *words))
    weights = read(package)["parts"]["generator"]["weights_sha256"]
    assert summary["generator_weights_sha256"] == weights
    assert summary["precision"] == "int8"

    formats = ["--no-saved-model", "--no-keras", "--no-measure", "--precision", "float16"]
    tfmat(capsys, "export", run, "--out", package, *formats, "--overwrite")
    assert sorted(file.name for file in package.glob("*.onnx")) == [
        "critic.float16.onnx",
        "generate.float16.onnx",
        "generator.float16.onnx",
    ]
    assert "measured" not in read(package)
    words = ["--model", package, "-n", "20000", "--out", out, "--overwrite"]
    tfmat(capsys, "generate", "matgan", *words)


def test_encoders_and_decoders_beside_a_writer_are_judged_by_what_comes_back(crystals_package):
    check = StructurePrecisionCheck(load(crystals_package, threads=1), 30)
    made = [result.crystal for result in generate(Codec.from_package(check.reference), 30, 0)]
    count = sum(crystal is not None for crystal in made)
    assert 0 < count < 30
    for part in ("lattice_encoder", "lattice_decoder", "sites_encoder", "sites_decoder"):
        assert check.decides(part)
        found = check.differences(check.reference, part)
        assert (found["samples"], found["different"]) == (count, 0)
    for part in ("writer", "generate"):
        assert check.decides(part)
        assert check.differences(check.reference, part)["samples"] == 30
    for part in ("environment_constraint", "environment_critic", "constraint", "discriminator"):
        assert not check.decides(part)
