from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")
from tfmat.networks.batches import Batches, BatchSampler
from tfmat.training.loop import feed

pytestmark = pytest.mark.train


def test_every_epoch_holds_every_row_once():
    sampler = BatchSampler(rows=10, batch_size=4, seed=1)
    rows = np.concatenate([sampler(step) for step in range(15)])
    assert all(sorted(rows[10 * i : 10 * i + 10]) == list(range(10)) for i in range(6))
    assert not np.array_equal(rows[:10], rows[10:20])


def test_a_step_does_not_depend_on_the_steps_before():
    in_order = BatchSampler(7, 3, seed=2)
    expected = [in_order(step) for step in range(40)]
    for step in (39, 0, 21, 20):
        assert np.array_equal(BatchSampler(7, 3, seed=2)(step), expected[step])
    other = BatchSampler(7, 3, seed=3)
    assert any(not np.array_equal(other(step), expected[step]) for step in range(40))


def test_batches_are_always_full():
    for rows, batch_size in ((3, 8), (8, 3), (1, 4)):
        assert all(len(BatchSampler(rows, batch_size, 0)(step)) == batch_size for step in range(9))


def draw(rows):
    values = rows.astype(np.float32)[:, None]
    return values, -values


def draw_same(rows):
    values = rows.astype(np.float32)[:, None]
    return values, values


@pytest.mark.parametrize("make", [draw, draw_same])
def test_the_pipeline_gives_the_same_batches(make):
    batches = Batches(make, BatchSampler(10, 4, 5), first=3, steps=6)
    assert len(batches) == 6
    dataset = feed(batches)
    if dataset is batches:
        pytest.skip("this Keras backend has no tf.data pipeline")
    pairs = [(x.numpy(), y.numpy()) for x, y in dataset]
    assert int(dataset.cardinality()) == len(pairs) == 6
    for index, (x, y) in enumerate(pairs):
        expected = make(BatchSampler(10, 4, 5)(3 + index))
        assert np.array_equal(x, expected[0])
        assert np.array_equal(y, expected[1])
    assert dataset.element_spec[0].shape == (4, 1)


def test_past_the_end():
    with pytest.raises(IndexError):
        Batches(draw, BatchSampler(10, 4, 5), 0, 2)[2]
