"""The stage ``writer``: it learns, goes on after a kill, and becomes a package that generates."""

import csv
import json

import numpy as np
import pytest
import tiny

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.ccdcgan.model import CrystalModel
from tfmat.ccdcgan.writer.training import WrittenFrom
from tfmat.errors import InputError
from tfmat.inference.package import load
from tfmat.release.exporting import write_run
from tfmat.training import checkpoints
from tfmat.training.chain import Order, open_run, train
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train
SETTINGS = ["gan.form=writer", "data.max_atoms=4", "writer.width=16", "writer.blocks=1"]
SETTINGS += ["writer.heads=2", "writer.batch_size=8", "writer.steps=20", "writer.dropout=0.1"]
SETTINGS += ["writer.learning_rate=0.01", "writer.cells=4", "writer.places=4"]


def run_of(place, name, **options):
    order = Order("dcgan", place / name, str(place / "tiny.toml"), SETTINGS,
                  str(place / "data"), seed=3, **options)  # fmt: skip
    return train(CcdcganChain(), order, lambda: Devices("one"), lambda line: None)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writer")
    tiny.write_recipe(folder / "tiny.toml")
    tiny.write_dataset(folder / "data")
    return folder


@pytest.fixture(scope="module")
def whole(place):
    return run_of(place, "whole")


def log(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    kept = ("stage", "step", "loss", "test_loss")
    return [{key: line[key] for key in kept} for line in lines]


def test_it_learns(whole, place):
    assert whole["stages"] == {"writer": "trained"}
    steps = log(place / "whole")
    assert [line["step"] for line in steps] == [10, 20]
    # 9 bits of a cell and 6.6 for each coordinate are known before anything is learned.
    assert steps[1]["loss"] < steps[0]["loss"] - 2
    (metric,) = whole["metrics"]
    assert metric["name"] == "test_negative_log_likelihood"
    assert metric["unit"] == "nat"


def test_killed_and_resumed_it_learns_the_same(whole, place, monkeypatch):
    save = checkpoints.save

    def dying(*arguments, **options):
        save(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", dying)
        with pytest.raises(KeyboardInterrupt):
            run_of(place, "killed")
    run_of(place, "killed", resume=True)
    assert log(place / "killed") == log(place / "whole")
    first, second = (open_run(CcdcganChain(), place / name) for name in ("whole", "killed"))
    weights = [run.network("likelihood").get_weights() for run in (first, second)]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))


def test_what_it_takes_from_the_data(whole, place):
    run = open_run(CcdcganChain(), place / "whole")
    known = WrittenFrom.open(run)
    assert known.limits.shape == (2, 2)
    assert known.compositions[:, -1].sum() == run.info["dataset"]["training"]
    assert (known.compositions[:, :2].sum(axis=1) <= 4).all()
    file = run.stage_folder("writer") / "limits.npy"
    before = file.read_bytes()
    file.write_bytes(before[:-1] + b"x")
    with pytest.raises(InputError, match=r"limits\.npy"):
        WrittenFrom.open(run)
    file.write_bytes(before)


@pytest.fixture(scope="module")
def package(whole, place):
    run = open_run(CcdcganChain(), place / "whole")
    recipe = CcdcganChain().load_recipe(str(place / "whole" / "recipe.toml"), ())
    write_run(CcdcganChain(), run, recipe, place / "mine", end_to_end=False)
    return place / "mine"


def test_the_package_writes_what_is_asked_for(package):
    model = CrystalModel.load(package, threads=1)
    limits = WrittenFrom.open(open_run(CcdcganChain(), package.parent / "whole")).limits
    found = model.generate(30, seed=4, unfiltered=True)
    assert len(found) > 15
    assert set(found.failed.values()) <= {"no place for an atom", "atoms closer than 0.5 Å"}
    for structure in found:
        assert len(structure) <= 4
        assert structure.properties["min_distance"] >= limits.min() - 1e-3
    again = model.generate(10, seed=4, first=20, unfiltered=True)
    assert [one.properties["id"] for one in again] == [
        one.properties["id"] for one in found if int(one.properties["id"][-2:]) >= 20
    ]
    assert all(one.composition.formula == "Bi1 Se2" for one in model.generate(8, formula="BiSe2"))
    assert {len(one) for one in model.generate(8, min_atoms=3, max_atoms=3)} == {3}
    with pytest.raises(InputError, match="5 atoms"):
        model.generate(1, formula="Bi2Se3")
    with pytest.raises(InputError, match="fulfils"):
        model.generate(1, n_elements=1)


def test_the_command_writes_the_same_bytes_again(package, place, capsys):
    from tfmat.cli.main import main

    for name in ("one", "two"):
        words = ["generate", "dcgan", "--model", str(package), "-n", "12", "--n-elements", "2"]
        with pytest.raises(SystemExit) as end:
            main([*words, "--atoms", "3", "--out", str(place / name), "--threads", "1"])
        assert not end.value.code, capsys.readouterr().err
    tables = [(place / name / "results.csv").read_bytes() for name in ("one", "two")]
    assert tables[0] == tables[1]
    rows = list(csv.DictReader(tables[0].decode().splitlines()))
    assert {row["atoms"] for row in rows} <= {"3", ""}
    assert load(package).parts == ["writer"]
