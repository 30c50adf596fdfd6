"""The weights that are kept: those of the smallest held-out loss, through kills too."""

import json
import math

import pytest

pytest.importorskip("tensorflow")
import keras
import numpy as np

from tfmat.networks.batches import Batches, BatchSampler
from tfmat.training import checkpoints
from tfmat.training.best import BestWeights
from tfmat.training.log import RunLog
from tfmat.training.loop import Stage
from tfmat.training.run import Run
from tfmat.training.strategy import choose

pytestmark = pytest.mark.train
STEPS = 40


def weights(value):
    return [keras.Variable(np.full((2, 3), value, "float32"))]


def test_only_a_smaller_loss_replaces_what_is_kept(tmp_path):
    variables = weights(0.0)
    best = BestWeights(tmp_path, variables)
    assert (best.step, best.loss) == (0, math.inf)
    for step, loss in [(10, 3.0), (20, math.nan), (30, 1.0), (40, 1.0), (50, 2.0)]:
        variables[0].assign(np.full((2, 3), step))
        best.offer(step, loss)
    assert (best.step, best.loss) == (30, 1.0)
    # A later process finds it.
    again = BestWeights(tmp_path, variables)
    assert (again.step, again.loss) == (30, 1.0)
    again.restore()
    np.testing.assert_array_equal(variables[0].numpy(), 30)


def test_a_damaged_best_is_passed_over_for_the_one_before(tmp_path):
    variables = weights(0.0)
    best = BestWeights(tmp_path, variables)
    for step, loss in [(10, 3.0), (20, 1.0)]:
        variables[0].assign(np.full((2, 3), step))
        best.offer(step, loss)
    archive = tmp_path / checkpoints.BEST / "checkpoint-000000020" / "variables.npz"
    archive.write_bytes(archive.read_bytes()[:-1])
    again = BestWeights(tmp_path, variables)
    again.restore()
    assert (again.step, again.loss) == (10, 3.0)
    np.testing.assert_array_equal(variables[0].numpy(), 10)


class StoppedError(Exception):
    """Ends a training in the middle."""


def fit(folder, keep, losses, stop_at=None):
    """Trains a dense layer for 40 steps in chunks of 10; returns its weights and what was kept."""
    record = {"name": "none", "sha256": ""}
    run = Run.open(folder) if (folder / "run.json").exists() else Run.start(folder, {}, 3, record)
    log = RunLog(folder)
    devices = choose("one")
    stage = Stage("probe", run, log, devices)
    keras.utils.set_random_seed(stage.seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse")
    rows = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    sampler = BatchSampler(32, 8, 1)
    snapshots = {}

    def validate(step):
        if step == stop_at:
            raise StoppedError
        snapshots[step] = model.get_weights()
        return {"test_loss": losses[step]}

    def draw(chosen):
        return rows[chosen], rows[chosen][:, :2]

    try:
        best = stage.fit(
            model, lambda first, count: Batches(draw, sampler, first, count), STEPS, validate, keep
        )
    finally:
        log.close()
    return model.get_weights(), best, snapshots


LOSSES = {10: 0.5, 20: 0.1, 30: 0.3, 40: 0.2}


def test_the_best_chunk_is_kept_and_the_last_one_otherwise(tmp_path):
    for keep, step in [("best", 20), ("last", 40)]:
        kept, best, snapshots = fit(tmp_path / keep, keep, LOSSES)
        for a, b in zip(kept, snapshots[step], strict=True):
            np.testing.assert_array_equal(a, b)
        assert (best is None) == (keep == "last")
    assert not np.array_equal(snapshots[20][0], snapshots[40][0])


@pytest.mark.parametrize("stop_at", [20, 30, 40])
def test_a_resumed_stage_keeps_what_an_unbroken_one_keeps(tmp_path, stop_at):
    wanted, unbroken, _ = fit(tmp_path / "unbroken", "best", LOSSES)
    with pytest.raises(StoppedError):
        fit(tmp_path / "broken", "best", LOSSES, stop_at)
    kept, best, _ = fit(tmp_path / "broken", "best", LOSSES)
    assert (best.step, best.loss) == (unbroken.step, unbroken.loss) == (20, 0.1)
    for a, b in zip(kept, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    lines = (tmp_path / "broken" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 30, 40]


def test_the_best_needs_a_judge(tmp_path):
    run = Run.start(tmp_path, {}, 0, {"name": "none", "sha256": ""})
    stage = Stage("probe", run, RunLog(tmp_path), choose("one"))
    with pytest.raises(ValueError, match="test_loss"):
        stage.fit(keras.Sequential(), lambda first, count: None, 1, keep="best")


def test_nothing_of_it_stays_when_the_stage_is_done(tmp_path):
    best = BestWeights(tmp_path, weights(1.0))
    best.offer(1, 0.5)
    checkpoints.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
