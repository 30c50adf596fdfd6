import numpy as np
import pytest

pytest.importorskip("tensorflow")

import keras

from tfmat.networks.muon import Muon, is_kernel, orthogonalise

pytestmark = pytest.mark.train


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (16, 16)])
def test_orthogonalise_keeps_the_singular_vectors(shape):
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=shape).astype(np.float32)
    result = keras.ops.convert_to_numpy(orthogonalise(keras.ops.convert_to_tensor(matrix)))
    left, values, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    in_old_basis = left.T @ result @ right.T
    found = np.diag(in_old_basis)
    assert np.abs(in_old_basis - np.diag(found)).max() < 1e-4
    wide = values > 0.05 * values.max()
    assert wide.sum() > 8
    assert (found[wide] > 0.6).all()
    assert (found[wide] < 1.3).all()


def test_first_step_has_the_size_of_an_adam_step():
    rng = np.random.default_rng(5)
    kernel = keras.Variable(rng.normal(size=(3, 3, 3, 4, 16)))
    bias = keras.Variable(np.zeros(16))
    before = keras.ops.convert_to_numpy(kernel)
    optimizer = Muon(0.01)
    optimizer.build([kernel, bias])
    gradients = [rng.normal(size=kernel.shape), rng.normal(size=16)]
    optimizer.apply([keras.ops.cast(g, "float32") for g in gradients])
    moved = keras.ops.convert_to_numpy(kernel) - before
    # All 16 singular values near 0.9, scaled by 0.2 * sqrt(108), over 108 x 16 entries.
    assert np.sqrt((moved**2).mean()) == pytest.approx(0.01 * 0.2, rel=0.25)
    assert (moved * gradients[0]).sum() < 0
    # Adam's first step is the sign of the gradient.
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(bias), -0.01 * np.sign(gradients[1]), rtol=1e-4
    )


def test_reaches_the_minimum_of_a_badly_scaled_problem():
    rng = np.random.default_rng(7)
    inputs = (rng.normal(size=(256, 8)) * np.logspace(0, -2, 8)).astype(np.float32)
    wanted = rng.normal(size=(8, 6)).astype(np.float32)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(6, use_bias=False)])
    schedule = keras.optimizers.schedules.CosineDecay(0.2, 300)
    model.compile(optimizer=Muon(schedule), loss="mse", jit_compile=False)
    # 300 steps of one epoch: each epoch of Keras takes longer than a step.
    repeated = np.tile(inputs, (300, 1))
    model.fit(repeated, repeated @ wanted, batch_size=256, shuffle=False, verbose=0)
    found = keras.ops.convert_to_numpy(model.layers[0].kernel)
    assert np.abs(found - wanted).max() < 0.1


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4, 5), True), ((2, 2, 2, 3, 8), True), ((7,), False), ((4, 4, 4, 8, 1), False)],
)
def test_kernels_are_matrices(shape, expected):
    assert is_kernel(keras.Variable(np.zeros(shape))) == expected


def test_config_makes_the_same_optimizer():
    optimizer = Muon.from_config(Muon(0.003, momentum=0.9).get_config())
    assert optimizer.momentum == 0.9
    assert float(optimizer.learning_rate) == pytest.approx(0.003)
