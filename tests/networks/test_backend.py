from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")
import keras

from tfmat.networks.backend import call

pytestmark = pytest.mark.train


def test_a_short_batch_gives_as_many_rows():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    whole = call(model, rows, 8)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(whole, rows @ kernel + bias, atol=1e-6)
    short = call(model, rows[:3], 8)
    assert type(short) is np.ndarray
    np.testing.assert_allclose(short, whole[:3], atol=1e-6)
