"""The recipes of the whole periodic table, from structures to a package, on small data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_multicomponent as many

pytest.importorskip("tensorflow")
import keras

from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.slot_constraint import build_slot_constraint
from tfmat.ccdcgan.recipe import ConstraintRecipe, load_recipe
from tfmat.ccdcgan.slots import Slots
from tfmat.ccdcgan.training.graphs import CrystalGraphs
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.inference.package import load
from tfmat.release.exporting import write_light
from tfmat.training.chain import Order, open_run, train
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train


def run_chain(target: str, recipe: str, settings: list[str], data: Path, out: Path, **words) -> Run:
    order = Order(target, out, recipe, settings, str(data), 1, **words)
    train(CcdcganChain(), order, lambda: Devices("one"), lambda line: None, write_light)
    return open_run(CcdcganChain(), out)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    many.write_dataset(folder / "data")
    return folder


@pytest.fixture(scope="module")
def compact(place) -> Run:
    settings = [*many.COMPACT, "sites_bank.steps=4", "data.elements=Li,O,F,Na,Cl,Fe,Se,Bi"]
    settings.append("gan.form=none")
    return run_chain("ccdcgan", "mp-compact", settings, place / "data", place / "compact")


def test_the_compact_chain_ends_with_a_constraint_that_reads_slots(compact, place):
    stages = list(compact.info["stages"])
    assert stages[:2] == ["lattice-ae", "sites-ae"]
    assert stages.index("graphs") < stages.index("constraint")
    assert not {"gan", "writer"} & set(stages)
    assert {f"sites-ae-{symbol}" for symbol in ("Li", "O", "Bi")} <= set(stages)
    package = load(compact.folder)
    codec = Codec.from_package(package)
    assert codec.reads_slots
    assert package.metadata["most_elements"] == 3
    dataset = Dataset.open(place / "data")
    # What the package says of structures is what the run has measured on those held out.
    recipe = load_recipe(str(compact.folder / "recipe.toml"))
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    graphs = CrystalGraphs.open(compact, layout)
    rows = np.load(compact.stage_folder("graphs") / "rows.npy")[graphs.test]
    crystals = [canonicalise(dataset[int(row)]) for row in rows]
    predicted = package.run("constraint", codec.encode(crystals).table(6)).reshape(-1)
    true = dataset.property("formation_energy_per_atom")[rows]
    error = compact.metrics()["constraint"]["test_mae"]["value"]
    assert np.abs(predicted - true).mean() == pytest.approx(error, rel=1e-2)


def test_each_element_is_encoded_by_its_own_autoencoder(compact, place):
    codec = Codec.from_package(load(compact.folder))
    assert "sites_decoder-O" in codec.package.parts
    shared, own = (
        keras.models.load_model(compact.weights(part))
        for part in ("sites_encoder", "sites_encoder-O")
    )
    assert any(
        (left != right).any()
        for left, right in zip(shared.get_weights(), own.get_weights(), strict=True)
    )
    dataset = Dataset.open(place / "data")
    crystals = [canonicalise(crystal) for crystal in dataset]
    encoded = codec.encode(crystals)
    stored = Slots.open(compact.stage_folder("graphs"))
    np.testing.assert_array_equal(encoded.slots["element"], stored.slots["element"])
    np.testing.assert_array_equal(encoded.slots["count"], stored.slots["count"])
    assert np.abs(encoded.slots["latent"] - stored.slots["latent"]).max() < 2e-3
    # Decoding asks the same elements' networks, in the order of the slots.
    some = encoded.of(np.arange(5))
    for (channels, _), own_slots in zip(
        codec.voxels(some), (some.of([row]).slots for row in range(5)), strict=True
    ):
        for (number, voxel), slot in zip(channels.items(), own_slots, strict=True):
            symbol = codec.layout.elements[codec.layout.numbers.index(number)]
            wanted = codec.package.run(f"sites_decoder-{symbol}", slot["latent"][None])
            np.testing.assert_allclose(voxel, wanted[0, ..., 0], atol=1e-6)


def test_a_model_predicts_from_structures_and_refuses_graphs(compact, place):
    import tfmat

    model = tfmat.load(compact.folder)
    structures = [crystal.to_structure() for crystal in list(Dataset.open(place / "data"))[:3]]
    assert model.predict(structures).shape == (3,)
    assert model.predict([]).shape == (0,)
    assert model.encode(structures).shape == (3, 160, 160, 1)
    with pytest.raises(InputError, match="crystal graphs do not hold"):
        model.predict(np.zeros((1, 160, 160, 1), np.float32))


@pytest.mark.slow
def test_the_published_networks_run_on_a_few_structures(place):
    # Its own networks, on smaller voxels and for a few steps.
    settings = [
        *(f"{part}_autoencoder.steps=2" for part in ("lattice", "sites")),
        "sites_autoencoder.filters=4,4",
        "lattice_autoencoder.filters=4,4",
        "voxels.sites_grid=16",
        "voxels.lattice_grid=16",
        "voxels.sites_sigma=0.5",
        "voxels.lattice_sigma=0.5",
        "sites_bank.steps=0",
        "constraint.steps=2",
        "constraint.batch_size=4",
        "gan.steps=2",
        "gan.batch_size=4",
    ]
    run = run_chain("ccdcgan", "mp", settings, place / "data", place / "mp")
    recipe = load_recipe(str(run.folder / "recipe.toml"))
    energies = Dataset.open(place / "data").property("formation_energy_per_atom")
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    graphs = CrystalGraphs.open(run, layout)
    rows = np.load(run.stage_folder("graphs") / "rows.npy")[graphs.train]
    (term,) = recipe.gan.terms
    assert term.target == pytest.approx(energies[rows].min(), rel=1e-5)
    assert term.scale == pytest.approx(np.ptp(energies[rows]), rel=1e-4)
    generator = run.network("generator")
    assert generator.count_params() == 2_809_889
    made = np.asarray(generator(np.zeros((2, 800), np.float32), training=False))
    assert made.shape == (2, 160, 160, 1)
    # Outputs in 0 to 1 are scaled back to the energies' range.
    predicted = np.asarray(run.network("constraint")(made, training=False))
    assert (predicted >= energies[rows].min() - 1e-4).all()
    assert (predicted <= energies[rows].max() + 1e-4).all()


def test_a_chain_without_a_generator_recommends_none():
    chain = CcdcganChain()
    assert chain.generates(load_recipe("mp-compact"))
    assert not chain.generates(load_recipe("mp-compact", ["gan.form=none"]))


def test_too_many_elements_and_unknown_energies_are_left_out(place, tmp_path):
    from dataclasses import replace

    from tfmat.ccdcgan.training.data import load_training_data

    recipe = load_recipe("mp-compact").data
    dataset = Dataset.open(place / "data")
    most = [len(np.unique(crystal.numbers)) for crystal in dataset]
    data = load_training_data(replace(recipe, max_elements=2), dataset, np.inf, 0)
    assert data.rejected == {"too many elements": most.count(3)}
    with pytest.raises(InputError, match="band_gap"):
        load_training_data(replace(recipe, known=("band_gap",)), dataset, np.inf, 0)


@pytest.mark.parametrize("structure", [True, False])
def test_slots_of_no_element_change_nothing(structure):
    layout = GraphLayout(28, 28, 200, 5, 12, ("Bi", "Se"))
    recipe = ConstraintRecipe(form="slots", units=(16, 16, 8), dropout=0.0)
    keras.utils.set_random_seed(0)
    model = build_slot_constraint(recipe, layout, 3, structure=structure)
    table = np.zeros((4, 4, 14), np.float32)
    random = np.random.default_rng(0)
    table[:, 0, :5] = random.uniform(-1, 1, (4, 5))
    table[:, 1, :2], table[:, 2, :2] = (83, 2), (34, 3)
    table[:, 1:3, 2:] = random.uniform(-1, 1, (4, 2, 12))
    known = np.asarray(model(table, training=False))
    spoilt = table.copy()
    spoilt[:, 3, 2:] = 1.0  # latents where there is no element
    np.testing.assert_allclose(np.asarray(model(spoilt, training=False)), known, atol=1e-6)
    # Another structure of one composition is another only to the network that sees structures.
    same = np.ptp(known) < 1e-6
    assert same != structure
