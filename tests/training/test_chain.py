"""Opening, resuming and reusing runs, with a chain of two walks that needs no network."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("keras")
import walk_chain
from walk_chain import WalkChain

from tfmat import families
from tfmat.errors import InputError, OutOfTimeError
from tfmat.metric import metric_of
from tfmat.training import chain as chains
from tfmat.training import checkpoints
from tfmat.training import log as logs
from tfmat.training.chain import Order, open_run, train
from tfmat.training.log import read_log
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train
BOTH = {"near": "trained", "far": "trained"}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with a recipe and a dataset; there is no TensorBoard."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "on_tensorflow", lambda: False)
    targets = {"far": (None, SimpleNamespace(recipe="walk.toml"))}
    monkeypatch.setattr(families, "targets", lambda: targets)
    walk_chain.write_recipe(tmp_path / "walk.toml")
    walk_chain.write_dataset(tmp_path / "data")
    return tmp_path


def new(place, out="run", **options):
    defaults = {"recipe": "walk.toml", "data": "data"}
    return Order("far", place / out, **(defaults | options))


def again(place, out="run", **options):
    return Order("far", place / out, resume=True, **options)


def walk(order, chain=None, exporter=None):
    """Trains; returns the summary, the lines for the user and the chain."""
    chain, told = chain or WalkChain(), []
    return train(chain, order, lambda: Devices("one"), told.append, exporter), told, chain


def refused(order, message, chain=None):
    """Checks that an order is refused in one line, before anything is trained."""
    chain = chain or WalkChain()
    with pytest.raises(InputError, match=message) as caught:
        walk(order, chain)
    assert "\n" not in str(caught.value)
    assert chain.walked == []


def ends(folder):
    return [float(np.load(folder / "stages" / name / "place.npy")) for name in ("near", "far")]


def losses(folder):
    lines = read_log(folder / "log.jsonl")
    return [(line["stage"], line["step"], line["loss"]) for line in lines]


def test_a_new_run_trains_all_and_writes_it_down(place):
    summary, told, chain = walk(new(place, seed=4))
    assert summary["stages"] == BOTH
    assert (summary["target"], summary["recipe"], summary["seed"]) == ("far", "walk", 4)
    assert summary["package"] is None
    assert metric_of(summary, "distance", stage="far").value == ends(place / "run")[1]
    assert chain.walked == [("near", 0), ("near", 10), ("far", 0), ("far", 10)]
    assert told[0].endswith("run: recipe walk, seed 4, 2 formulas to walk on")
    assert told[1].startswith("near: distance ")
    assert told[1].endswith(" Å")
    assert told[-1].startswith("far: distance ")
    assert (place / "run/held_out.csv").read_text("utf-8") == "formula\nformula\n"
    record = Run.open(place / "run").info["dataset"]
    assert (record["name"], record["path"]) == ("data", str(place / "data"))
    assert (record["license"], record["attribution"]) == ("CC-BY-4.0", ["Walk (2020)"])
    assert (record["training"], record["held_out"]) == (2, 1)
    # Checkpoints are of no use any more.
    assert [path.name for path in (place / "run/stages/near").iterdir()] == ["place.npy"]


def test_the_seed_decides(place):
    for out, seed in (("a", 1), ("b", 1), ("c", 2), ("d", None), ("e", 0)):
        walk(new(place, out, seed=seed))
    assert losses(place / "a") == losses(place / "b") != losses(place / "c")
    assert losses(place / "d") == losses(place / "e")


@pytest.mark.parametrize(
    ("stage", "step"), [("near", -1), ("near", 5), ("near", 15), ("far", -1), ("far", 12)]
)
def test_killed_within_or_between_stages_it_ends_the_same(place, stage, step):
    walk(new(place, "whole", seed=4))
    killed = WalkChain((stage, step))
    with pytest.raises(KeyboardInterrupt):
        walk(new(place, seed=4), killed)
    assert not Run.open(place / "run").finished(stage)
    summary, told, chain = walk(again(place))
    near = "finished before" if stage == "far" else "trained"
    assert summary["stages"] == {"near": near, "far": "trained"}
    assert ends(place / "run") == ends(place / "whole")
    assert losses(place / "run") == losses(place / "whole")
    assert summary["seed"] == 4
    # It goes on from the last checkpoint.
    assert chain.walked[0] == (stage, max(step, 0) // 10 * 10)
    assert ("near: finished before" in told) == (stage == "far")
    summary, _, chain = walk(again(place))
    assert set(summary["stages"].values()) == {"finished before"}
    assert chain.walked == []


def test_a_stage_first_and_the_next_one_later(place):
    summary, *_ = walk(Order("near", place / "run", "walk.toml", data="data"))
    assert summary["stages"] == {"near": "trained"}
    summary, *_ = walk(again(place))
    assert summary["stages"] == {"near": "finished before", "far": "trained"}


def test_no_time_left_stops_with_what_to_do(place):
    with pytest.raises(OutOfTimeError, match="0 of 20 steps done; go on with `resume`"):
        walk(new(place, minutes=1e-9))
    summary, *_ = walk(again(place))
    assert summary["stages"] == BOTH


def test_where_a_run_is_and_is_not(place):
    refused(again(place, data="data"), "holds no run to resume")
    assert not (place / "run").exists()
    # With a recipe it is an order to have the run, there yet or not.
    _, told, _ = walk(new(place, resume=True))
    assert told[0].endswith("no run there yet, starting one")
    refused(new(place), "holds a run already; add `resume`")
    refused(new(place, "data"), "not empty")
    refused(new(place, "new", source=place / "data"), "holds no training run")
    refused(new(place, "new", recipe="no.toml"), "no such file and no such recipe")
    refused(new(place, "new", settings=["data.held_out=3"]), "nothing to learn from")
    assert not (place / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 5}, "was started with `seed` 0, not 5"),
        ({"settings": ["far.width=2.0"]}, r"far\.width = 1\.0, not 2\.0"),
        ({"settings": ["data.held_out=2"]}, r"data\.held_out = 1, not 2"),
        ({"data": "other"}, "started with other data .dataset data, "),
    ],
)
def test_a_run_goes_on_only_as_it_began(place, options, message):
    walk_chain.write_dataset(place / "other", ["NaCl", "KBr", "CaO"])
    with pytest.raises(KeyboardInterrupt):
        walk(new(place), WalkChain(("far", 3)))
    before = (place / "run/run.json").read_bytes()
    refused(again(place, **options), message)
    assert (place / "run/run.json").read_bytes() == before


def test_another_split_is_refused(place):
    with pytest.raises(KeyboardInterrupt):
        walk(new(place), WalkChain(("far", 3)))
    refused(again(place), "would hold out others", WalkChain(split="rows from the start"))
    # A run of before splits had a hash says nothing of it.
    file = place / "run/run.json"
    info = json.loads(file.read_text("utf-8"))
    del info["dataset"]["split"]["sha256"], info["seal"]
    file.write_text(json.dumps(info), "utf-8")
    summary, *_ = walk(again(place), WalkChain(split="rows from the start"))
    assert summary["stages"]["far"] == "trained"


def test_data_are_found_where_they_lie(place, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        walk(new(place), WalkChain(("near", 3)))
    # Resumed from elsewhere: the recipe's relative path means nothing there.
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    walk(again(place))
    # Moved: the path of the record is gone.
    shutil.move(place / "data", place / "moved")
    refused(again(place), "no such dataset")
    summary, *_ = walk(again(place, data=str(place / "moved")))
    assert set(summary["stages"].values()) == {"finished before"}


def test_data_that_were_changed_are_not_trained_on(place):
    file = place / "data/counts.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    refused(new(place), "changed since it was written")
    assert not (place / "run").exists()


def test_from_takes_recipe_seed_and_data_of_the_other_run(place):
    walk(new(place, "first", seed=4))
    order = Order("far", place / "run", source=place / "first", settings=["far.width=2.0"])
    summary, told, chain = walk(order)
    assert summary["stages"] == {"near": "reused", "far": "trained"}
    assert summary["seed"] == 4
    assert chain.walked == [("far", 0), ("far", 10)]
    assert "near: reused" in told
    assert sum("its far was trained with far.width = 1.0, not 2.0" in line for line in told) == 1
    assert Run.open(place / "run").stage("near")["reused_from"] == str(place / "first")
    near, far = ends(place / "first")
    # The same steps, twice as wide.
    assert ends(place / "run") == pytest.approx([near, near + 2 * (far - near)], rel=1e-5)
    # What was reused stays so when the run is resumed.
    summary, *_ = walk(again(place))
    assert summary["stages"] == {"near": "reused", "far": "finished before"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 5}, "trained with other seed .4, not 5."),
        ({"data": "other"}, "trained with other data"),
        ({"settings": ["near.width=2.0"]}, r"nothing to reuse .its near was trained with near\."),
    ],
)
def test_from_is_refused_where_nothing_fits(place, options, message):
    walk_chain.write_dataset(place / "other", ["NaCl", "KBr", "CaO"])
    walk(new(place, "first", seed=4))
    refused(Order("far", place / "run", source=place / "first", **options), message)
    assert not (place / "run").exists()


def test_from_a_run_that_has_finished_nothing(place):
    with pytest.raises(KeyboardInterrupt):
        walk(new(place, "first"), WalkChain(("near", 3)))
    refused(Order("far", place / "run", source=place / "first"), "has finished no stage")


def test_from_a_run_whose_files_were_changed(place):
    walk(new(place, "first"))
    file = place / "first/stages/near/place.npy"
    file.unlink()
    np.save(file, 0.0)
    refused(Order("far", place / "run", source=place / "first"), "changed since it was written")


def test_nobody_else_trains_in_the_folder(place):
    with pytest.raises(KeyboardInterrupt):
        walk(new(place), WalkChain(("near", 3)))
    with Run.open(place / "run").locked():
        refused(again(place), "another process is writing there")
    assert walk(again(place))[0]["stages"] == BOTH


def test_what_a_kill_left_half_written_goes(place):
    with pytest.raises(KeyboardInterrupt):
        walk(new(place), WalkChain(("near", 3)))
    half = [
        place / "run" / name for name in (".run.json.tfmat-x", "stages/near/.checkpoint-9.tfmat-x")
    ]
    for path in half:
        path.write_text("half", "utf-8")
    walk(again(place))
    assert not any(path.exists() for path in half)


def test_other_threads_are_said_while_something_is_left_to_train(place, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with pytest.raises(KeyboardInterrupt):
        walk(new(place), WalkChain(("far", 3)))
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    _, told, _ = walk(again(place))
    assert sum("trained with threads 2, now 3" in line for line in told) == 1
    _, told, _ = walk(again(place))
    assert not any("bit-equal" in line for line in told)


def test_an_older_recipe_gets_the_defaults_of_what_it_lacks(place):
    walk(new(place))
    file = place / "run/recipe.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("held_out = 1\n", ""), "utf-8")
    assert file.read_text("utf-8") != text
    record = place / "run/run.json"
    info = json.loads(record.read_text("utf-8"))
    del info["recipe_sha256"], info["seal"]
    record.write_text(json.dumps(info), "utf-8")
    run = open_run(WalkChain(), place / "run")
    assert run.recipe["data"]["held_out"] == 1
    assert set(walk(again(place))[0]["stages"].values()) == {"finished before"}


class Exporter:
    """Writes a package of one file; fails as often as asked."""

    def __init__(self, failures=0):
        self.failures = failures
        self.calls = 0

    def __call__(self, chain, run, recipe, out):
        self.calls += 1
        if self.calls <= self.failures:
            raise KeyboardInterrupt
        out.mkdir(exist_ok=True)
        (out / "walk.onnx").write_text(f"{recipe.name} {run.seed}", "utf-8")
        return ["walk"]


def test_a_package_is_written_when_something_was_trained_or_it_is_missing(place):
    exporter = Exporter(failures=1)
    with pytest.raises(KeyboardInterrupt):
        walk(new(place), exporter=exporter)
    assert not Run.open(place / "run").finished("export")
    summary, told, chain = walk(again(place), exporter=exporter)
    assert chain.walked == []
    assert exporter.calls == 2
    assert summary["package"] == str(place / "run/package")
    assert told[-1] == f"model package: {place / 'run/package'}"
    record = Run.open(place / "run").stage("export")
    assert record["parts"] == ["walk"]
    assert list(record["files"]) == ["package/walk.onnx"]
    walk(again(place), exporter=exporter)
    assert exporter.calls == 2
    # Another stage in the same run makes it anew.
    walk(Order("near", place / "parts", "walk.toml", data="data"), exporter=exporter)
    walk(again(place, "parts"), exporter=exporter)
    assert exporter.calls == 4


def test_a_kill_between_the_last_stage_and_its_package_makes_the_package_anew(place):
    exporter = Exporter()
    walk(Order("near", place / "run", "walk.toml", data="data"), exporter=exporter)

    def die(line):
        if line.startswith("far: distance"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(WalkChain(), again(place), lambda: Devices("one"), die, exporter)
    assert Run.open(place / "run").finished("far")
    walk(again(place), exporter=exporter)
    assert exporter.calls == 2


def test_a_kill_before_stages_were_taken_over_leaves_them_to_be_taken(place, monkeypatch):
    walk(new(place, "first", seed=4))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "reuse", interrupt)
        walk(Order("far", place / "run", source=place / "first"))
    summary, _, chain = walk(again(place, source=place / "first"))
    assert set(summary["stages"].values()) == {"reused"}
    assert chain.walked == []


def test_a_kill_at_the_end_of_a_stage_leaves_no_checkpoints_for_ever(place, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoints, "clear", interrupt)
        walk(new(place))
    assert list((place / "run/stages/near").glob("checkpoint-*"))
    assert walk(again(place))[0]["stages"] == {"near": "finished before", "far": "trained"}
    assert [path.name for path in (place / "run/stages/near").iterdir()] == ["place.npy"]


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_what_another_process_trained_meanwhile_is_seen(place):
    with pytest.raises(KeyboardInterrupt):
        walk(new(place), WalkChain(("far", 3)))
    before = Run.open(place / "run")
    walk(again(place))
    with before.locked():
        assert before.finished("far")


def test_another_backend_trains_what_it_can_and_exports_nothing(place, monkeypatch):
    monkeypatch.setattr(chains, "on_tensorflow", lambda: False)
    exporter, chain = Exporter(), WalkChain()
    chain.tensorflow_only = frozenset({"far"})
    with pytest.raises(InputError, match="far trains on TensorFlow only: unset KERAS_BACKEND"):
        walk(new(place), chain, exporter)
    assert Run.open(place / "run").finished("near")
    summary, told, _ = walk(again(place), exporter=exporter)
    assert summary["stages"] == {"near": "finished before", "far": "trained"}
    assert (summary["package"], exporter.calls) == (None, 0)
    assert "no model package: the export needs TensorFlow" in told[-1]
