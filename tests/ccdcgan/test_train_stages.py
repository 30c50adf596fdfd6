"""The stages learn what they should, and report it truly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tiny
from random_slots import some_slots

pytest.importorskip("tensorflow")
import keras

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import CcdcganRecipe, load_recipe
from tfmat.ccdcgan.slots import Slots
from tfmat.ccdcgan.training import graphs as train_graphs
from tfmat.ccdcgan.training.autoencoders import train_lattice_autoencoder, train_sites_autoencoder
from tfmat.ccdcgan.training.constraint import train_constraint
from tfmat.ccdcgan.training.data import load_training_data
from tfmat.ccdcgan.training.graphs import CrystalGraphs, encode_graphs
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_sites
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.training.log import RunLog, read_log
from tfmat.training.loop import Stage
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train
# That of the recipe of tests/support/tiny.py.
LAYOUT = GraphLayout(8, 8, 8, 6, 10, ("Bi", "Se"))


@pytest.fixture
def recipe(tmp_path) -> CcdcganRecipe:
    return load_recipe(str(tiny.write_recipe(tmp_path / "tiny.toml")))


@pytest.fixture
def data(tmp_path, recipe):
    dataset = Dataset.open(tiny.write_dataset(tmp_path / "data"))
    return load_training_data(recipe.data, dataset, recipe.voxels.box, 0)


def stage(name: str, folder: Path) -> Stage:
    record = {"name": "none", "path": "none", "sha256": "none"}
    run = Run.open(folder) if folder.exists() else Run.start(folder, {"name": "t"}, 1, record)
    return Stage(name, run, RunLog(folder), Devices("one"))


def test_an_autoencoder_learns_and_leaves_float32_networks(tmp_path, recipe, data):
    settings = replace(
        recipe.lattice_autoencoder, steps=60, learning_rate=1e-2, precision="mixed_bfloat16"
    )
    recipe = replace(recipe, lattice_autoencoder=settings)
    train_lattice_autoencoder(stage("lattice-ae", tmp_path / "run"), recipe, data)
    lines = read_log(tmp_path / "run" / "log.jsonl")
    assert lines[-1]["test_loss"] < 0.7 * lines[0]["test_loss"]
    run = Run.open(tmp_path / "run")
    for part in ("lattice_encoder", "lattice_decoder"):
        model = keras.models.load_model(run.weights(part))
        assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    metrics = run.metrics()["lattice-ae"]
    assert metrics["test_loss"]["value"] == pytest.approx(lines[-1]["test_loss"], rel=0.05)


def test_crystal_graphs_are_the_latents_in_their_slots(tmp_path, recipe, data, monkeypatch):
    short = replace(recipe.sites_autoencoder, steps=1)
    recipe = replace(recipe, sites_autoencoder=short, lattice_autoencoder=replace(short, latent=6))
    run = tmp_path / "run"
    train_lattice_autoencoder(stage("lattice-ae", run), recipe, data)
    train_sites_autoencoder(stage("sites-ae", run), recipe, data)
    monkeypatch.setattr(train_graphs, "SAVE_EVERY", 16)
    encode, calls = Slots.save, []

    def stop_at_the_second(self, folder):
        calls.append(len(self))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(self, folder)

    monkeypatch.setattr(Slots, "save", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        encode_graphs(stage("graphs", run), recipe, data)
    encode_graphs(stage("graphs", run), recipe, data)
    # Two parts, of which the first was not encoded twice, and both together.
    assert calls == [16, 8, 8, 24]
    layout = GraphLayout.from_recipe(recipe, data.elements)
    graphs = CrystalGraphs.open(Run.open(run), layout)
    lattice_encoder = keras.models.load_model(Run.open(run).weights("lattice_encoder"))
    sites_encoder = keras.models.load_model(Run.open(run).weights("sites_encoder"))
    for row in (0, 15, 16, 23):
        crystal = data.crystals[row]
        voxel = encode_lattice(crystal.lattice, recipe.voxels)[None, ..., None]
        sites = encode_sites(crystal, data.numbers, recipe.voxels)[..., None]
        latents = np.array(sites_encoder(sites, training=False))
        absent = [slot for slot, n in enumerate(data.numbers) if n not in crystal.numbers]
        latents[absent] = 0.0
        expected = layout.pack(np.asarray(lattice_encoder(voxel, training=False)), latents[None])
        # Half precision on disk.
        assert np.abs(graphs.graphs[[row]] - expected).max() < 2**-11
    counts = [Counter(crystal.numbers.tolist()) for crystal in data.crystals]
    assert list(graphs.slots.counts()) == counts
    assert np.array_equal(graphs.train, data.train)
    assert np.array_equal(graphs.test, data.test)


def graphs_with_a_property(folder: Path, values: dict[str, np.ndarray], count: int) -> Run:
    """Writes a graphs stage of random graphs."""
    run = stage("graphs", folder).run
    systems = [[83], [83, 34]] * (count // 2)
    slots = some_slots(LAYOUT, systems)
    arrays = run.stage_folder("graphs")
    slots.save(arrays)
    test = np.arange(0, count, 5)
    np.save(arrays / "test.npy", test)
    np.save(arrays / "train.npy", np.setdiff1d(np.arange(count), test))
    np.save(arrays / "presence.npy", np.zeros(2))
    for name, make in values.items():
        np.save(arrays / f"property-{name}.npy", make(LAYOUT.pack_slots(slots)[..., 0]))
    return run


def test_a_constraint_learns_and_its_metrics_are_true(tmp_path, recipe):
    settings = replace(
        recipe.constraint, form="dense", units=(16,), dropout=0.0, steps=400, learning_rate=1e-2
    )
    recipe = replace(recipe, constraint=settings)

    def energy(graphs):
        values = (2 * graphs[:, 0, 0] - graphs[:, 1, 2]).astype(np.float64) - 1.0
        values[::7] = np.nan
        return values

    run = graphs_with_a_property(tmp_path / "run", {"formation_energy_per_atom": energy}, 300)
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    trained = stage("constraint", tmp_path / "run")
    train_constraint(trained, recipe, layout, "formation_energy_per_atom")
    data = CrystalGraphs.open(run, LAYOUT)
    values = data.property("formation_energy_per_atom")
    rows = [row for row in data.test if np.isfinite(values[row])]
    model = keras.models.load_model(run.weights("constraint"))
    predicted = model.predict(data.graphs[rows], verbose=0)[:, 0]
    residual = predicted - values[rows]
    metrics = Run.open(tmp_path / "run").metrics()["constraint"]
    assert metrics["test_mae"]["value"] == pytest.approx(np.abs(residual).mean(), rel=1e-4)
    r2 = 1 - (residual**2).sum() / ((values[rows] - values[rows].mean()) ** 2).sum()
    assert metrics["test_r2"]["value"] == pytest.approx(r2, rel=1e-4)
    assert r2 > 0.8
    assert f"{len(rows)} held-out structures" in metrics["test_mae"]["note"]


def test_a_standardised_constraint_does_not_feel_the_unit(tmp_path, recipe):
    settings = replace(
        recipe.constraint, form="dense", units=(16,), steps=60, learning_rate=1e-2, standardise=True
    )
    recipe = replace(recipe, constraint=settings)
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    predicted = {}
    for factor in (1.0, 4096.0):  # a power of 2 rounds nothing
        run = graphs_with_a_property(
            tmp_path / f"run-{factor:g}",
            {"modulus": lambda graphs, f=factor: f * (graphs[:, 0, 0].astype(np.float64) + 3.0)},
            100,
        )
        train_constraint(stage("constraint", run.folder), recipe, layout, "modulus")
        model = Run.open(run.folder).network("constraint")
        graphs = CrystalGraphs.open(run, LAYOUT).graphs[np.arange(100)]
        predicted[factor] = model.predict(graphs, verbose=0)[:, 0]
    np.testing.assert_allclose(predicted[4096.0], 4096 * predicted[1.0], rtol=1e-4)
    assert abs(predicted[1.0].mean() - 3.0) < 0.2


def test_a_property_nobody_knows_is_refused(tmp_path, recipe):
    unknown = {"band_gap": lambda graphs: np.full(len(graphs), np.nan)}
    graphs_with_a_property(tmp_path / "run", unknown, 20)
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    with pytest.raises(InputError, match="band_gap: known for 0 training and 0 held-out"):
        train_constraint(stage("constraint", tmp_path / "run"), recipe, layout, "band_gap")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_autoencoders_and_constraint_train_on_another_backend(tmp_path, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    tiny.write_dataset(tmp_path / "data")
    tiny.write_recipe(tmp_path / "tiny.toml")
    words = "train constraint --recipe tiny.toml --data data --out run --threads 1 --json"
    result = subprocess.run(
        [sys.executable, "-c", "from tfmat.cli.main import main; main()", *words.split()],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    summary = json.loads(result.stdout)
    assert set(summary["stages"].values()) == {"trained"}
    assert summary["package"] is None
    assert "the export needs TensorFlow" in result.stderr
    run = Run.open(tmp_path / "run")
    assert run.info["versions"]["backend"] == backend
    # The networks are good on TensorFlow.
    model = keras.models.load_model(run.weights("constraint"))
    assert model(np.zeros((1, 8, 8, 1), np.float32)).shape == (1, 1)


def test_the_best_weights_are_kept_and_a_missed_limit_is_said(tmp_path, recipe, data):
    said = []
    settings = replace(
        recipe.lattice_autoencoder, steps=60, learning_rate=1e-2, keep="best", keep_below=1e-9
    )
    recipe = replace(recipe, lattice_autoencoder=settings)
    one = replace(stage("lattice-ae", tmp_path / "run"), report=said.append)
    train_lattice_autoencoder(one, recipe, data)
    lines = read_log(tmp_path / "run" / "log.jsonl")
    best = min(lines, key=lambda line: line["test_loss"])
    metrics = Run.open(tmp_path / "run").metrics()["lattice-ae"]
    assert metrics["kept_step"]["value"] == best["step"]
    assert metrics["kept_test_loss"]["value"] == best["test_loss"]
    assert "not below the recipe's 1e-09" in metrics["kept_test_loss"]["note"]
    assert len(said) == 1
    assert "no held-out loss was below 1e-09" in said[0]
    assert not (tmp_path / "run" / "stages" / "lattice-ae" / "best").exists()


def test_an_autoencoder_that_died_is_said(tmp_path, recipe, data):
    said = []
    settings = replace(
        recipe.sites_autoencoder,
        form="reference",
        loss="mse",
        optimizer="adam",
        schedule="constant",
        learning_rate=1e-2,
        steps=40,
    )
    # Next to nothing is left of the voxels, so that the empty output is what is learned.
    voxels = replace(recipe.voxels, cutoff=0.9999)
    recipe = replace(recipe, sites_autoencoder=settings, voxels=voxels)
    one = replace(stage("sites-ae", tmp_path / "run"), report=said.append)
    train_sites_autoencoder(one, recipe, data)
    assert said
    assert "every voxel comes back empty" in said[-1]
    assert "lower sites_autoencoder.learning_rate" in said[-1]
