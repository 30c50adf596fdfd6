"""Nothing learns from what is held out: changed beyond recognition, it changes no weight."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tiny

pytest.importorskip("tensorflow")
import keras

from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.training.chain import Order, open_run, train
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train

NAMES = ["Se6Bi2", "Bi2Se2"]
LEFT_OUT = {((34, 3), (83, 1)), ((34, 1), (83, 1))}
STEPS = [f"{part}.steps=2" for part in ("lattice_autoencoder", "sites_autoencoder", "constraint")]
SETTINGS = [*STEPS, "gan.steps=2", "data.split=leave-out", f"data.leave_out={json.dumps(NAMES)}"]


def changed(source: Dataset, folder: Path) -> Dataset:
    """Writes a dataset whose structures of the left-out formulas have nothing of their own left."""
    random = np.random.default_rng(9)
    with DatasetWriter(folder, {"name": "changed"}) as writer:
        for row, crystal in enumerate(source):
            values = {name: float(source.property(name)[row]) for name in source.properties}
            if formula(crystal) in LEFT_OUT:
                lattice = np.diag(random.uniform(4, 7, 3))
                positions = random.uniform(0, 1, (len(crystal), 3)) @ lattice
                crystal = Crystal.from_arrays(lattice, positions, crystal.numbers)
                values = dict.fromkeys(values, 7.0 + row)
            writer.add(crystal, source.ids[row], values)
    return Dataset.open(folder)


def run_chain(recipe: Path, data: Path, out: Path, **words) -> Run:
    order = Order(
        "ccdcgan", out, str(recipe), words.pop("settings", SETTINGS), str(data), 3, **words
    )
    train(CcdcganChain(), order, lambda: Devices("one"), lambda line: None)
    return open_run(CcdcganChain(), out)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("splits")


@pytest.fixture(scope="module")
def runs(place) -> dict[str, Run]:
    recipe = tiny.write_recipe(place / "tiny.toml")
    source = Dataset.open(tiny.write_dataset(place / "one", 40))
    changed(source, place / "other")
    return {
        name: run_chain(recipe, place / name, place / f"run-{name}") for name in ("one", "other")
    }


def test_what_is_left_out_changes_no_network(runs):
    for part in (
        "lattice_encoder",
        "lattice_decoder",
        "sites_encoder",
        "sites_decoder",
        "constraint",
        "generator",
        "discriminator",
    ):
        one, other = (keras.models.load_model(run.weights(part)) for run in runs.values())
        assert len(one.get_weights()) > 0
        for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(left, right)
    presence = [np.load(run.stage_folder("graphs") / "presence.npy") for run in runs.values()]
    np.testing.assert_array_equal(*presence)
    # And yet the held-out structures did change: what is measured on them differs.
    errors = [run.metrics()["constraint"]["test_mae"]["value"] for run in runs.values()]
    assert abs(errors[0] - errors[1]) > 1


def test_the_run_says_what_was_left_out(runs, place):
    run, dataset = runs["one"], Dataset.open(place / "one")
    hidden = [
        name for name, crystal in zip(dataset.ids, dataset, strict=True)
        if formula(crystal) in LEFT_OUT
    ]  # fmt: skip
    info = run.info["dataset"]
    assert info["held_out"] == len(hidden)
    counts = info["split"]["leave_out"]
    assert list(counts) == NAMES
    assert sum(counts.values()) + info["split"]["copies_besides"] == len(hidden)
    with (run.folder / "held_out.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == hidden
    assert {row["formula"] for row in rows} == {"BiSe3", "BiSe"}
    assert run.recipe["data"]["leave_out"] == NAMES


def test_resuming_with_another_split_is_refused(runs, place):
    run = runs["one"]
    order = [place / "tiny.toml", place / "one", run.folder]
    with pytest.raises(InputError, match=r"started with data.leave_out = .*'Bi2Se2'"):
        other = [*SETTINGS[:-1], 'data.leave_out=["BiSe3"]']
        run_chain(*order, settings=other, resume=True)
    before = (run.folder / "run.json").read_text("utf-8")
    try:
        record = json.loads(before)
        record["dataset"]["split"]["sha256"] = "0" * 64
        del record["seal"]
        (run.folder / "run.json").write_text(json.dumps(record), "utf-8")
        with pytest.raises(InputError, match="would hold out others than the one that started"):
            run_chain(*order, resume=True)
    finally:
        (run.folder / "run.json").write_text(before, "utf-8")


def test_reusing_stages_of_another_split_is_refused(runs, place):
    other = [*SETTINGS[:-1], 'data.leave_out=["BiSe3"]']
    with pytest.raises(InputError, match=r"nothing to reuse .*data\.leave_out"):
        order = place / "tiny.toml", place / "one", place / "new"
        run_chain(*order, settings=other, source=runs["one"].folder)
