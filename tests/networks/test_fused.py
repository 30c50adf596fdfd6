"""Fused Adam and AdamW against Keras' own."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras
import tensorflow as tf

from tfmat.networks import fused

SCHEDULE = keras.optimizers.schedules.CosineDecay(0.0, 8, warmup_target=0.1, warmup_steps=3)
pytestmark = pytest.mark.train


def trained(optimizer, graph=True):
    """Returns the variables after eight steps, one of them a table that is read in places."""
    random = np.random.default_rng(3)
    table = keras.Variable(random.normal(size=(5, 4)).astype(np.float32), name="table")
    kernel = keras.Variable(random.normal(size=(4, 2)).astype(np.float32), name="kernel")
    gain = keras.Variable(np.ones(2, np.float32), name="gain")
    variables = [table, kernel, gain]
    optimizer.build(variables)
    if optimizer.weight_decay:
        optimizer.exclude_from_weight_decay(var_list=[gain])

    def step(rows):
        with tf.GradientTape() as tape:
            read = tf.gather(table.value, rows)
            loss = tf.reduce_sum(tf.tanh(read @ kernel.value) * gain.value)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        assert isinstance(gradients[0], tf.IndexedSlices)
        if not isinstance(optimizer, fused.Adam | fused.AdamW):
            # Keras squares the parts of a row that was read twice, not their sum.
            gradients[0] = tf.convert_to_tensor(gradients[0])
        optimizer.apply(gradients, variables)

    run = tf.function(step) if graph else step
    for rows in random.integers(5, size=(8, 6)):
        run(tf.constant(rows))
    return [variable.numpy() for variable in [*variables, *optimizer.variables]]


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("rate", [0.05, SCHEDULE])
@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("decay", [None, 0.3])
def test_it_learns_what_keras_learns(decay, clip, rate, graph):
    options = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "global_clipnorm": clip}
    if decay is None:
        ours, theirs = fused.Adam(rate, **options), keras.optimizers.Adam(rate, **options)
    else:
        options["weight_decay"] = decay
        ours, theirs = fused.AdamW(rate, **options), keras.optimizers.AdamW(rate, **options)
    found, wanted = trained(ours, graph), trained(theirs, graph)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)


def test_its_settings_make_the_same_again():
    again = fused.AdamW.from_config(fused.AdamW(SCHEDULE, 0.1, 0.5, 0.9, 1e-4).get_config())
    assert isinstance(again, fused.AdamW)
    before = fused.AdamW(SCHEDULE, 0.1, 0.5, 0.9, 1e-4)
    np.testing.assert_array_equal(trained(again)[0], trained(before)[0])


def test_the_rate_is_computed_once_a_step():
    calls = []

    class Counted(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            calls.append(step)
            return 0.1

    trained(fused.AdamW(Counted()))
    assert len(calls) == 1  # the graph is traced once
