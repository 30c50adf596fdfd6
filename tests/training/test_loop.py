from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("keras")
import keras

from tfmat.errors import OutOfTimeError, TfmatError
from tfmat.training import loop
from tfmat.training.log import RunLog, read_log
from tfmat.training.loop import Stage, chunk_length
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train


@pytest.fixture
def stage(tmp_path):
    dataset = {"name": "none", "path": "none", "sha256": "none"}
    run = Run.start(tmp_path / "run", {"name": "a"}, 3, dataset)
    return Stage("walk", run, RunLog(run.folder), Devices("one"))


class Walk:
    """A random walk whose steps depend on their number alone."""

    def __init__(self, fail_at=None):
        self.place = keras.Variable(0.0)
        self.fail_at = fail_at
        self.asked = []

    def advance(self, first, count, tick):
        self.asked.append((first, count))
        for step in range(first, first + count):
            if step == self.fail_at:
                raise KeyboardInterrupt
            self.place.assign_add(float(np.random.default_rng(step).normal()))
            tick(1, "")
        return {"loss": float(self.place.value) ** 2}


def lines(stage):
    log = read_log(stage.run.folder / "log.jsonl")
    return [(line["stage"], line["step"], line["loss"]) for line in log]


def test_chunks():
    assert [chunk_length(n) for n in (3, 25, 1000, 20001, 1_000_000)] == [3, 10, 25, 501, 1000]


@pytest.mark.parametrize("fail_at", [3, 10, 17, 24])
def test_a_stopped_stage_goes_on_as_if_it_had_not(stage, fail_at):
    whole = Walk()
    stage.train(25, [whole.place], whole.advance)
    expected = lines(stage)
    assert [line[1] for line in expected] == [10, 20, 25]
    for old in stage.run.stage_folder("walk").iterdir():
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    stopped, resumed = Walk(fail_at), Walk()
    with pytest.raises(KeyboardInterrupt):
        stage.train(25, [stopped.place], stopped.advance)
    stage.train(25, [resumed.place], resumed.advance)
    assert lines(stage) == expected
    assert float(resumed.place.value) == float(whole.place.value)
    assert resumed.asked[0] == (fail_at // 10 * 10, 10 if fail_at < 20 else 5)
    done = Walk()
    stage.train(25, [done.place], done.advance)
    assert done.asked == []
    assert float(done.place.value) == float(whole.place.value)


def test_a_deadline_stops_between_two_chunks(stage, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    walk = Walk()

    def advance(first, count, tick):
        clock[0] += 4.0
        return walk.advance(first, count, tick)

    # After two chunks of 4 s the third would end at 12 s.
    with pytest.raises(OutOfTimeError, match="20 of 25 steps done; go on with `resume`"):
        replace(stage, deadline=11.0).train(25, [walk.place], advance)
    assert walk.asked == [(0, 10), (10, 10)]
    with pytest.raises(OutOfTimeError, match="20 of 25"):
        replace(stage, deadline=0.0).train(25, [walk.place], advance)
    stage.train(25, [walk.place], advance)
    assert walk.asked[2:] == [(20, 5)]


def test_what_a_step_is_shared_by_is_kept(stage, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    walk = Walk()
    stage.train(3, [walk.place], walk.advance)
    record = Run.open(stage.run.folder).stage("walk")
    assert (record["threads"], record["replicas"]) == (3, 1)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert stage.devices.shares["threads"] >= 1


def test_validation_is_logged(stage):
    walk = Walk()
    stage.train(20, [walk.place], walk.advance, lambda step: {"twice": 2.0 * step})
    log = read_log(stage.run.folder / "log.jsonl")
    assert [line["twice"] for line in log] == [20.0, 40.0]
    assert all(line["steps_per_second"] > 0 for line in log)


def test_a_loss_that_is_no_number_stops_with_a_hint(stage):
    walk = Walk()
    with pytest.raises(TfmatError, match="test_loss is not a finite number at step 10"):
        stage.train(20, [walk.place], walk.advance, lambda step: {"test_loss": float("nan")})


def test_stages_have_seeds_of_their_own(stage):
    other = Stage("gan", stage.run, stage.log, stage.devices)
    assert stage.seed != other.seed
    assert stage.seed == Stage("walk", stage.run, stage.log, stage.devices).seed


def test_log_lines_and_tensorboard(stage):
    stage.log.write("walk", 5, {"loss": 0.1})
    stage.log.write("other", 7, {"loss": 0.3, "test_r2": float("nan")})
    stage.log.write("walk", 9, {"loss": 0.2})
    with stage.log.path.open("a", encoding="utf-8") as stream:
        stream.write('{"stage": "walk", "st')
    stage.log.rewind("walk", 5)
    assert lines(stage) == [("walk", 5, 0.1), ("other", 7, 0.3)]
    stage.log.write("walk", 9, {"loss": 0.2})
    stage.log.close()
    text = stage.log.path.read_text("utf-8")
    assert all(json.loads(line) for line in text.splitlines())
    assert "test_r2" not in text
    pytest.importorskip("tensorboard")
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    board = event_accumulator.EventAccumulator(str(stage.run.folder / "tensorboard" / "walk"))
    board.Reload()
    events = board.Tensors("loss")
    assert [event.step for event in events] == [5, 9, 9]
