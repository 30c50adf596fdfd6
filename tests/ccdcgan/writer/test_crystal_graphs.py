"""Written structures have crystal graphs where the package takes encoders of another training."""

import json
import shutil
from functools import partial

import keras
import numpy as np
import pytest
import tiny
import tiny_packages
import tiny_writer

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.ccdcgan.codec import ENCODERS
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.joining import join
from tfmat.ccdcgan.model import CrystalModel
from tfmat.ccdcgan.parts import package_tensors
from tfmat.ccdcgan.probe import probe_inputs
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.checksums import write_sealed
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.export.package import Formats
from tfmat.inference.metadata import read_metadata
from tfmat.inference.package import load
from tfmat.matgan.chain import MatganChain
from tfmat.release.parity import TOLERANCE, difference
from tfmat.training.networks import Networks

pytestmark = pytest.mark.train
ENERGY = "formation_energy_per_atom"


@pytest.fixture(scope="module")
def models(tmp_path_factory, crystals_package):
    folder = tmp_path_factory.mktemp("models")
    lesser = partial(tiny_packages.lesser, crystals_package, formats=("onnx",))
    return {
        "source": tiny_packages.structures(folder / "source", Formats(keras=True)),
        "both": crystals_package,
        "graphs": lesser(folder / "graphs", parts=("writer", *tiny_packages.GRAPHS)),
        "alone": lesser(folder / "alone", parts=tiny_packages.WRITTEN),
    }


def command(*words):
    from tfmat.cli.main import main

    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code or 0


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A run's networks and recipe, as they are exported."""
    recipe = tiny_writer.recipe_of(tmp_path_factory.mktemp("run") / "writer.toml")
    models = tiny_writer.networks(recipe)
    del models["generate"]
    details = {"presence_threshold": [], "compositions": tiny_writer.COMPOSITIONS}
    tensors = package_tensors([*models, "generate"], recipe)
    return Networks(models, tensors, recipe.data.elements, details), recipe


def test_encoders_decoders_and_judges_of_a_package_are_added(models, written):
    networks, recipe = written
    found, told = join(CcdcganChain(), networks, recipe, models["source"])
    source = read_metadata(models["source"])
    added = set(source["parts"]) - {"generator", "generate"}
    assert set(found.models) == {*networks.models, *added}
    assert set(found.tensors) == {*networks.tensors, *added}
    for part in added:
        # The same network in the new package: its weights are those of the old one's file.
        file = models["source"] / source["parts"][part]["keras"]["file"]
        weights = keras.models.load_model(file, compile=False).get_weights()
        pairs = zip(found.models[part].get_weights(), weights, strict=True)
        assert all(np.array_equal(*pair) for pair in pairs)
        assert found.tensors[part].property == source["parts"][part].get("property")
    assert found.details["presence_threshold"] == source["presence_threshold"]
    assert found.details["graphs_from"] == {"name": "source", "recipe": "tiny", "dataset": {}}
    assert found.details["compositions"] == tiny_writer.COMPOSITIONS
    assert told.writer == recipe.writer
    assert told.data == recipe.data
    assert told.sites_autoencoder.latent == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("elements", "has the elements Bi, Te, the run Bi, Se"),
        ("keras", "holds no Keras weights of discriminator; export its run"),
        ("graphs", "has no crystal graphs or no encoders"),
        ("sha256", "the SHA-256 of keras/discriminator.keras"),
        ("family", "is a matgan package"),
        ("nowhere", "no such folder and no such package"),
    ],
)
def test_what_does_not_fit_is_one_line(models, written, tmp_path, change, words):
    networks, recipe = written
    place = shutil.copytree(models["source"], tmp_path / "other")
    metadata = read_metadata(place)
    if change == "elements":
        metadata["elements"] = ["Bi", "Te"]
    elif change == "graphs":
        metadata["presence_threshold"] = []
    elif change == "sha256":
        metadata["parts"]["discriminator"]["keras"]["sha256"] = "0" * 64
    elif change == "keras":
        (place / "keras" / "discriminator.keras").unlink()
    elif change == "family":
        place = tiny_packages.formulas(tmp_path / "formulas", Formats())
        metadata = read_metadata(place)
    elif change == "nowhere":
        place = tmp_path / "nowhere"
    if place.exists():
        write_sealed(place / "metadata.json", metadata)
    with pytest.raises(InputError, match=words) as error:
        join(CcdcganChain(), networks, recipe, place)
    assert "\n" not in str(error.value)


def test_only_a_writer_takes_encoders(models):
    with pytest.raises(InputError, match="has its own"):
        join(CcdcganChain(), Networks({"generator": None}, {}, ["Bi", "Se"], {}), None, "x")
    with pytest.raises(InputError, match="no generator of this family"):
        MatganChain().joined(None, None, "x")


def test_structures_become_graphs_that_everything_reads(models):
    model = CrystalModel.load(models["both"], threads=1)
    found = model.generate(30, seed=2, unfiltered=True)
    assert len(found) > 5
    graphs = model.encode(found)
    layout = model.codec.layout
    assert graphs.shape == (len(found), layout.height, layout.width, 1)
    # By the networks as they are, one voxel after the other.
    sites = layout.unpack(graphs)[1]
    for one, slots in zip(found, sites, strict=True):
        there = {element.symbol for element in one.composition}
        for symbol, slot in zip(layout.elements, slots, strict=True):
            assert np.any(slot) == (symbol in there)
    package = model.codec.package
    assert package.run("discriminator", graphs).shape == (len(found), 1)
    np.testing.assert_array_equal(model.predict(graphs), package.run("constraint", graphs)[:, 0])
    assert len(model.decode(graphs)) == len(found)
    # Structures go to the constraint that reads environments, which is the better one.
    predicted = [one.properties[f"predicted_{ENERGY}"] for one in found]
    np.testing.assert_allclose(model.predict(found), predicted, atol=1e-5)
    assert model.properties == (ENERGY,)
    assert model.codec.predicted == {CONSTRAINT: ENERGY}


def test_without_environments_the_graphs_give_the_energies(models, tmp_path, capsys):
    model = CrystalModel.load(models["graphs"], threads=1)
    assert model.codec.predicted == {"constraint": ENERGY}
    found = model.generate(20, seed=2, unfiltered=True)
    graphs = model.encode(found)
    wanted = model.codec.package.run("constraint", graphs)[:, 0]
    predicted = [one.properties[f"predicted_{ENERGY}"] for one in found]
    np.testing.assert_allclose(predicted, wanted, atol=1e-5)
    words = ["screen", "--model", models["graphs"], "-n", 20, "--seed", 2, "--any-domain"]
    words += ["--hull", "elements", "--tolerance", np.median(wanted), "--threads", 1]
    assert command(*words, "--out", tmp_path / "near") == 0, capsys.readouterr().err
    summary = json.loads((tmp_path / "near" / "summary.json").read_text("utf-8"))
    assert summary["kept"] == (wanted <= np.median(wanted)).sum()


def test_what_does_not_fit_in_the_voxels_has_no_energy(models, tmp_path, monkeypatch):
    from tfmat.ccdcgan.codec import Codec

    drawable = Codec.drawable
    refused = []

    def picky(self, crystal):
        if len(crystal) > 3:
            refused.append(crystal)
            raise InputError("too large")
        return drawable(self, crystal)

    monkeypatch.setattr(Codec, "drawable", picky)
    words = ["screen", "--model", models["graphs"], "-n", 20, "--seed", 2, "--any-domain"]
    words += ["--hull", "elements", "--tolerance", 100, "--threads", 1]
    assert command(*words, "--out", tmp_path / "near") == 0
    summary = json.loads((tmp_path / "near" / "summary.json").read_text("utf-8"))
    assert refused
    assert summary["reasons"] == {"no prediction: does not fit in the voxels": len(refused)}
    assert summary["kept"] == summary["structures"] - len(refused)


def test_a_package_without_encoders_says_so(models):
    model = CrystalModel.load(models["alone"], threads=1)
    found = model.generate(5, seed=2, unfiltered=True)
    with pytest.raises(InputError, match="holds no lattice_encoder, sites_encoder"):
        model.encode(found)
    with pytest.raises(InputError, match="no constraint of crystal graphs"):
        model.predict(np.zeros((1, 8, 8, 1), np.float32))


def test_a_structure_is_drawn_in_its_canonical_cell(models):
    # Written cells are no canonical ones: the graph must not depend on the cell.
    model = CrystalModel.load(models["both"], threads=1)
    crystal = Crystal.from_arrays(
        [[4.0, 0, 0], [0.7, 4.3, 0], [0.2, 0.5, 5.0]], [[0, 0, 0], [2.0, 2.1, 2.4]], [83, 34]
    )
    turn = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    other = Crystal(turn @ crystal.lattice, crystal.positions, crystal.numbers)
    assert not np.allclose(canonicalise(other).lattice, other.lattice)
    first, second = model.encode([crystal, other])
    assert difference(first, second) < 1e-4
    assert set(ENCODERS) <= set(model.codec.package.parts)


@pytest.mark.slow
def test_tfmat_export_takes_them_from_a_run(written, tmp_path, capsys):
    data = tiny.write_dataset(tmp_path / "data")
    recipe = tiny.write_recipe(tmp_path / "tiny.toml")
    base = ["--recipe", recipe, "--data", data, "--threads", 1]
    short = [f"{stage}.steps=4" for stage in ("lattice_autoencoder", "sites_autoencoder",
                                              "constraint", "gan", "writer")]  # fmt: skip
    short = [word for text in short for word in ("--set", text)]
    graphs, run = tmp_path / "graphs", tmp_path / "written"
    assert command("train", "ccdcgan", *base, *short, "--out", graphs) == 0
    settings = [word for text in tiny_writer.SETTINGS for word in ("--set", text)]
    assert command("train", "dcgan", *base, *short, *settings, "--out", run) == 0
    capsys.readouterr()
    out = tmp_path / "package"
    light = ["--no-measure", "--no-saved-model"]
    assert command("export", run, "--out", out, *light, "--encoders", tmp_path / "no") == 2
    assert "--encoders" in capsys.readouterr().err
    assert command("export", run, "--out", out, *light, "--encoders", graphs) == 0
    metadata = read_metadata(out)
    assert list(metadata["parts"]) == [
        "writer", "discriminator", "constraint", "lattice_encoder", "lattice_decoder",
        "sites_encoder", "sites_decoder", "generate",
    ]  # fmt: skip
    assert metadata["graphs_from"]["dataset"]["name"] == "data"
    assert metadata["domain"]["structures"] == 18
    assert "are those of graphs (recipe tiny, data data)" in (out / "README.md").read_text("utf-8")
    assert command("models", "verify", out) == 0
    # The same networks as in the package of the run that they come from.
    mine, other = load(out, threads=1), load(graphs, threads=1)
    for part, array in probe_inputs(other, 3).items():
        if part in mine.parts:
            wanted = other.run(part, array)
            assert difference(mine.run(part, array), wanted) <= TOLERANCE, part
    # A package that took encoders gives them on.
    found, _ = join(CcdcganChain(), *written, out)
    assert {*ENCODERS, "discriminator", "constraint", CONSTRAINT} <= set(found.models)
