import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import onnx
import tiny

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.autoencoders import build_decoder, build_encoder
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator
from tfmat.ccdcgan.parts import exported, package_tensors, presence_record
from tfmat.ccdcgan.recipe import AutoencoderRecipe, load_recipe
from tfmat.errors import InputError
from tfmat.export import package as export_package
from tfmat.export.graph import in_float32
from tfmat.export.onnx import export_onnx
from tfmat.files import sha256
from tfmat.inference.package import load
from tfmat.inference.tensors import Tensors

pytestmark = pytest.mark.train


def shaken(network):
    """Gives every weight a value as after training; fresh batch-norm statistics would hide bugs."""
    random = np.random.default_rng(1)
    for weight in network.weights:
        value = weight.numpy()
        if value.dtype.kind == "f":
            noise = random.normal(size=value.shape) * 0.1
            weight.assign(np.abs(value + noise) if "variance" in weight.name else value + noise)
    return network


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return load_recipe(str(tiny.write_recipe(tmp_path_factory.mktemp("recipe") / "tiny.toml")))


@pytest.fixture(scope="module")
def networks(recipe):
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    voxels = recipe.voxels
    result = {
        "lattice_encoder": build_encoder(recipe.lattice_autoencoder, voxels.lattice_grid),
        "lattice_decoder": build_decoder(recipe.lattice_autoencoder, voxels.lattice_grid),
        "sites_encoder": build_encoder(recipe.sites_autoencoder, voxels.sites_grid),
        "sites_decoder": build_decoder(recipe.sites_autoencoder, voxels.sites_grid),
        "constraint": build_constraint(recipe.constraint, layout),
        "generator": build_generator(recipe.gan, layout),
        "discriminator": build_discriminator(recipe.gan, layout),
    }
    return {part: shaken(network) for part, network in result.items()}


def write_package(out, networks, recipe, name, **options):
    record = {
        key: options.pop(key)
        for key in ("seed", "dataset", "metrics", "licence", "details")
        if key in options
    }
    record.setdefault("details", {"presence_threshold": []})
    provenance = export_package.Provenance(name, recipe, recipe.data.elements, **record)
    tensors = package_tensors(networks, recipe)
    return export_package.write_package(out, exported(networks), tensors, provenance, **options)


@pytest.fixture(scope="module")
def package(networks, recipe, tmp_path_factory):
    return write_package(
        tmp_path_factory.mktemp("models") / "tiny",
        networks,
        recipe,
        "tiny-package",
        seed=5,
        dataset={"name": "none", "sha256": "0" * 64},
        metrics={"sites-ae": {"atom_recall": {"value": 0.5, "unit": "1"}}},
        details={"presence_threshold": presence_record([0.1, float("inf")])},
    )


def test_metadata_says_what_the_parts_mean(package, networks, recipe):
    metadata = json.loads((package / "metadata.json").read_text("utf-8"))
    assert metadata["name"] == "tiny-package"
    assert "license" not in metadata
    assert metadata["family"] == "ccdcgan"
    assert metadata["elements"] == ["Bi", "Se"]
    assert metadata["presence_threshold"] == [0.1, None]
    assert metadata["metrics"]["sites-ae"] == {"atom_recall": {"value": 0.5, "unit": "1"}}
    for part, entry in metadata["parts"].items():
        record = entry["onnx"]["float32"]
        assert record["sha256"] == sha256(package / record["file"])
        assert entry["parameters"] == networks[part].count_params()
    generator = metadata["parts"]["generator"]
    assert generator["inputs"] == {
        "noise": {"shape": ["batch", 8], "dtype": "float32", "unit": "1"}
    }
    assert generator["outputs"]["crystal_graph"]["shape"] == ["batch", 8, 8, 1]
    constraint = metadata["parts"]["constraint"]
    assert constraint["property"] == "formation_energy_per_atom"
    assert constraint["outputs"]["formation_energy"]["unit"] == "eV/atom"
    codec = Codec.from_package(load(package))
    data = dataclasses.replace(recipe.data, dataset="none")  # its name, not its folder
    assert codec.recipe == dataclasses.replace(recipe, data=data)
    assert codec.presence.thresholds.tolist() == [0.1, np.inf]


def test_onnx_file_names_tensors_opset_and_origin(package, networks):
    proto = onnx.load(package / "generator.onnx")
    assert proto.opset_import[0].version == 18
    (source,), (target,) = proto.graph.input, proto.graph.output
    assert (source.name, target.name) == ("noise", "crystal_graph")
    assert source.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert target.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [dim.dim_value for dim in target.type.tensor_type.shape.dim[1:]] == [8, 8, 1]
    origin = {entry.key: entry.value for entry in proto.metadata_props}
    assert origin["tfmat_recipe"] == "tiny"
    assert origin["tfmat_part"] == "generator"
    assert len(origin["weights_sha256"]) == 64


def test_mixed_precision_is_exported_in_float32(tmp_path):
    form = AutoencoderRecipe(
        form="compact", loss="cross-entropy", filters=(4, 4), latent=6, precision="mixed_bfloat16"
    )
    mixed = build_encoder(form, 16)
    plain = build_encoder(form, 16, precision="float32")
    plain.set_weights(mixed.get_weights())
    file = tmp_path / "encoder.onnx"
    export_onnx(in_float32(mixed), file, Tensors("voxel", {"latent": "1"}))
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    voxel = np.random.default_rng(0).random((2, 16, 16, 16, 1)).astype(np.float32)
    found = session.run(None, {"voxel": voxel})[0]
    assert np.allclose(found, np.asarray(plain(voxel)), atol=1e-5)


def test_partial_run_exports_what_it_has(networks, recipe, tmp_path):
    parts = {part: networks[part] for part in ("lattice_encoder", "lattice_decoder")}
    package = write_package(tmp_path / "part", parts, recipe, "part", licence="cc0-1.0")
    loaded = load(package)
    assert loaded.metadata["license"] == "cc0-1.0"
    assert loaded.parts == list(parts)
    with pytest.raises(InputError, match="holds no generator, sites_decoder"):
        loaded.require("generator", "lattice_decoder", "sites_decoder")


def test_further_constraint_names_its_property(networks, recipe, tmp_path):
    parts = {"constraint-band_gap": networks["constraint"]}
    package = write_package(tmp_path / "part", parts, recipe, "part")
    entry = load(package).metadata["parts"]["constraint-band_gap"]
    assert entry["property"] == "band_gap"
    assert entry["outputs"]["band_gap"]["unit"] == "eV"


def test_failed_export_leaves_the_old_package(networks, recipe, tmp_path, monkeypatch):
    out = tmp_path / "package"
    one = {"constraint": networks["constraint"]}
    write_package(out, one, recipe, "first")
    with pytest.raises(InputError, match="not empty"):
        write_package(out, one, recipe, "second")
    with pytest.raises(InputError, match="cannot export critic"):
        write_package(out, {"critic": one["constraint"]}, recipe, "second")
    with pytest.raises(InputError, match="without trained networks"):
        write_package(tmp_path / "none", {}, recipe, "none")

    def fail(*_arguments, **_options):
        raise OSError("disk full")

    monkeypatch.setattr("tfmat.export.package.export_onnx", fail)
    with pytest.raises(OSError, match="disk full"):
        write_package(out, one, recipe, "second", overwrite=True)
    assert load(out).name == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["package"]


def test_export_is_quiet(networks, tmp_path, capfd):
    export_onnx(networks["constraint"], tmp_path / "c.onnx", Tensors("x", {"y": "1"}))
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out == ""
