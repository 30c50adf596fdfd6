from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest

pytest.importorskip("keras")

from tfmat.errors import InputError
from tfmat.metric import Metric
from tfmat.training.run import Run, link_or_copy, versions
from tfmat.training.run_record import first_difference

pytestmark = pytest.mark.train

RECIPE = {"name": "a", "gan": {"steps": 5, "rate": 2e-4, "terms": [{"weight": 0.1}]}}
DATA = {"name": "data", "path": "somewhere", "sha256": "ab" * 32}


def start(folder):
    return Run.start(folder, RECIPE, 7, DATA)


def test_a_run_comes_back_as_it_was_written(tmp_path):
    start(tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.recipe == RECIPE
    assert tomllib.loads((tmp_path / "run" / "recipe.toml").read_text("utf-8")) == RECIPE
    assert run.seed == 7
    assert run.info["dataset"] == DATA
    assert {"tfmat", "python", "keras", "numpy", "backend"} <= set(run.info["versions"])
    run.check_same(RECIPE, None, DATA)
    run.check_same(RECIPE, 7, DATA)


@pytest.mark.parametrize(
    ("recipe", "seed", "data", "message"),
    [
        (RECIPE | {"gan": {**RECIPE["gan"], "steps": 6}}, None, DATA, r"gan\.steps = 5, not 6"),
        (RECIPE | {"more": 1}, None, DATA, "more = None, not 1"),
        (RECIPE, 8, DATA, "`seed` 7, not 8"),
        (RECIPE, 7, DATA | {"sha256": "cd" * 32}, "other data"),
    ],
)
def test_another_recipe_seed_or_data_is_refused_in_one_line(tmp_path, recipe, seed, data, message):
    run = start(tmp_path / "run")
    with pytest.raises(InputError, match=message) as caught:
        run.check_same(recipe, seed, data)
    assert "\n" not in str(caught.value)
    assert "`out`" in str(caught.value)


def test_other_threads_or_replicas_are_said_not_refused(tmp_path):
    run = start(tmp_path / "run")
    now = {"threads": 2, "replicas": 1}
    assert run.changes(now) == []
    run.begin("lattice-ae", steps=5, **now)
    run = Run.open(run.folder)
    assert run.changes(now) == []
    (line,) = run.changes(now | {"threads": 16})
    assert "trained with threads 2, now 16; losses will not be bit-equal" in line
    assert "\n" not in line
    assert len(run.changes({"threads": 1, "replicas": 4})) == 2
    run.info["stages"]["lattice-ae"]["reused_from"] = "other"
    assert run.changes(now | {"threads": 16}) == []


def test_data_may_lie_elsewhere(tmp_path):
    run = Run.start(tmp_path / "run", RECIPE | {"data": {"dataset": "a"}}, 7, DATA)
    run.check_same(RECIPE | {"data": {"dataset": "b"}}, 7, DATA | {"path": "moved"})


def test_a_folder_in_the_way_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine", "utf-8")
    with pytest.raises(InputError, match="not empty"):
        start(tmp_path)
    with pytest.raises(InputError, match="no training run"):
        Run.open(tmp_path)
    assert (tmp_path / "note.txt").read_text("utf-8") == "mine"


def test_a_stage_and_its_files_are_reused_only_unchanged(tmp_path):
    source, target = start(tmp_path / "source"), start(tmp_path / "target")
    array = source.stage_folder("graphs") / "a.npy"
    np.save(array, np.arange(3))
    source.begin("graphs", steps=3)
    assert not source.finished("graphs")
    source.finish("graphs", [array], [Metric("mae", 1.0, "eV")])
    assert source.finished("graphs")
    target.reuse(Run.open(tmp_path / "source"), "graphs")
    assert Run.open(tmp_path / "target").finished("graphs")
    assert np.array_equal(np.load(target.stage_folder("graphs") / "a.npy"), np.arange(3))
    assert target.metrics() == {"graphs": {"mae": Metric("mae", 1.0, "eV").record()}}
    array.unlink()
    np.save(array, np.arange(4))
    with pytest.raises(InputError, match="was changed"):
        start(tmp_path / "third").reuse(source, "graphs")


def test_models_are_written_whole(tmp_path):
    keras = pytest.importorskip("keras")
    run = start(tmp_path / "run")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    path = run.save_model("constraint", model)
    again = keras.models.load_model(path)
    assert np.array_equal(again.get_weights()[0], model.get_weights()[0])
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_one_process_at_a_time_and_leftovers_go(tmp_path):
    run = start(tmp_path / "run")
    half_written = [
        run.folder / ".run.json.tfmat-abc",
        run.stage_folder("gan") / ".checkpoint-000000010.tfmat-abc" / "variables.npz",
    ]
    for path in half_written:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half", "utf-8")
    with run.locked():
        assert not any(path.exists() for path in half_written)
        assert (run.folder / "run.json").exists()
        with pytest.raises(InputError, match="another process"), run.locked():
            pass
    with run.locked():
        pass


def test_first_difference():
    old = {"a": {"b": 1, "c": [1, 2]}, "d": 0.1}
    assert first_difference(old, json.loads(json.dumps(old))) is None
    assert first_difference(old, {**old, "d": 0.2}) == ("d", 0.1, 0.2)
    assert first_difference(old, {"a": {"b": 1, "c": [2]}, "d": 0.1}) == ("a.c", [1, 2], [2])
    assert first_difference(old, {**old, "e": 1}) == ("e", None, 1)
    assert first_difference(old, {**old, "d": 0.2}, ignore=["d"]) is None


def test_a_folder_of_another_version_or_half_of_one_is_no_run(tmp_path):
    run = start(tmp_path / "run")
    file = run.folder / "run.json"
    text = file.read_text("utf-8")
    for old, new in (('"tfmat-run"', '"other"'), ('"format_version": 1', '"format_version": 2')):
        assert old in text
        file.write_text(text.replace(old, new), "utf-8")
        with pytest.raises(InputError, match="not a run of this version"):
            Run.open(run.folder)
    file.write_text("{", "utf-8")
    with pytest.raises(InputError, match=r"run\.json: is damaged"):
        Run.open(run.folder)
    file.unlink()
    with pytest.raises(InputError, match="no training run"):
        Run.open(run.folder)
    file.write_text(text, "utf-8")
    (run.folder / "recipe.toml").unlink()
    with pytest.raises(InputError, match=r"recipe\.toml: is missing"):
        Run.open(run.folder)


def test_a_file_that_was_lost_is_not_reused(tmp_path):
    source = start(tmp_path / "source")
    file = source.stage_folder("graphs") / "a.txt"
    file.write_text("a", "utf-8")
    source.finish("graphs", [file])
    file.unlink()
    target = start(tmp_path / "target")
    with pytest.raises(InputError, match=r"stages/graphs/a\.txt: is missing"):
        target.reuse(source, "graphs")
    assert not Run.open(target.folder).finished("graphs")


def test_what_is_reused_is_linked_where_that_works_and_copied_elsewhere(tmp_path, monkeypatch):
    source, target = tmp_path / "source.txt", tmp_path / "new" / "target.txt"
    source.write_text("new", "utf-8")
    link_or_copy(source, target)
    assert target.samefile(source)

    def no_link(*_):
        raise OSError

    monkeypatch.setattr("os.link", no_link)
    other = tmp_path / "other.txt"
    other.write_text("old", "utf-8")
    link_or_copy(source, other)
    assert not other.samefile(source)
    assert other.read_text("utf-8") == "new"


def test_other_versions_are_noted_with_the_stage_they_trained(tmp_path, monkeypatch):
    run = start(tmp_path / "run")
    run.begin("graphs", steps=3)
    run.finish("graphs")
    assert "versions" not in run.stage("graphs")
    now = versions() | {"numpy": "99.0"}
    monkeypatch.setattr("tfmat.training.run.versions", lambda: now)
    run.begin("gan", steps=5, seconds=1.5, threads=2)
    assert run.stage("gan")["versions"]["numpy"] == "99.0"
    assert set(run.training()["stages"]) == {"graphs"}
    run.finish("gan")
    assert run.training() == {
        "created": run.info["created"],
        "versions": run.info["versions"],
        "stages": {"graphs": {"steps": 3}, "gan": {"steps": 5, "seconds": 1.5, "versions": now}},
    }


def test_a_stage_begun_again_keeps_what_it_noted(tmp_path):
    run = start(tmp_path / "run")
    run.begin("gan", steps=5)
    run.begin("gan", seconds=2.0)
    assert Run.open(run.folder).stage("gan") == {"state": "running", "steps": 5, "seconds": 2.0}
    assert run.stage("no such stage") == {}


def test_a_family_may_know_better_what_to_do(tmp_path):
    run = start(tmp_path / "run")
    asked = []

    def hint(key, new):
        asked.append((key, new))
        return "take `source` {run}" if new == [] else ""

    recipe = RECIPE | {"gan": {**RECIPE["gan"], "terms": []}}
    with pytest.raises(InputError, match=f"run: take `source` {run.folder}$"):
        run.check_same(recipe, None, DATA, hint)
    assert asked == [("gan.terms", [])]
    with pytest.raises(InputError, match="more = None, not 1"):
        run.check_same(RECIPE | {"more": 1}, None, DATA, hint)


@pytest.mark.parametrize(
    ("before", "now", "fits"),
    [({}, {"sha256": "a"}, True), ({"sha256": "a"}, {"sha256": "a"}, True)]
    + [({"sha256": "a"}, now, False) for now in ({"sha256": "b"}, {})],
)
def test_a_run_goes_on_with_the_split_it_began_with(tmp_path, before, now, fits):
    run = Run.start(tmp_path / "run", RECIPE, 7, DATA | {"split": before})
    if fits:
        run.check_same(RECIPE, 7, DATA | {"split": now})
    else:
        with pytest.raises(InputError, match="would hold out others"):
            run.check_same(RECIPE, 7, DATA | {"split": now})


def test_networks_are_those_that_were_written_in_the_order_asked_for(tmp_path):
    import keras

    run = start(tmp_path / "run")
    for part in ("generator", "encoder"):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name=part)
        run.save_model(part, model)
    networks = run.networks(["encoder", "decoder", "generator", "encoder"])
    assert [(part, model.name) for part, model in networks.items()] == [
        ("encoder", "encoder"),
        ("generator", "generator"),
    ]
