"""The Wasserstein step against NumPy, its side effects, and its independence of replicas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras
import tensorflow as tf
from keras import layers
from logical_devices import one_and_two

from tfmat.matgan.matrix import encode, from_counts
from tfmat.matgan.networks.gan import batch_normalisation, build_critic, build_generator
from tfmat.matgan.recipe import CriticGanRecipe
from tfmat.matgan.training.gan_step import WganTrainer, matrices
from tfmat.networks.optimizers import scheduled

pytestmark = pytest.mark.train
DENSE = CriticGanRecipe(
    form="dense",
    latent=6,
    generator_units=(8,),
    critic_units=(8,),
    generator_rate=1e-3,
    critic_rate=1e-3,
    batch_size=4,
    steps=10,
    epochs=0,
)


def real(updates=1, batch=4, seed=0):
    counts = np.random.default_rng(seed).integers(1, 9, (batch, updates, 85)).astype(np.uint8)
    counts[np.random.default_rng(seed + 1).random(counts.shape) < 0.95] = 0
    return counts


def make(recipe=DENSE, seed=3):
    keras.utils.set_random_seed(1)
    trainer = WganTrainer(build_generator(recipe), build_critic(recipe), recipe, seed)
    trainer.build()
    return trainer


def test_counts_become_the_matrices_of_the_matrix_module():
    counts = real(batch=20)[:, 0]
    counts[:, 8:] = 0
    counts[:, 3] = 8
    np.testing.assert_array_equal(
        matrices(tf.constant(counts)).numpy()[..., 0], encode(from_counts(counts))
    )


def linear(recipe):
    """A generator and a critic without hidden layers: all gradients are known in closed form."""
    noise, matrix = keras.Input((6,)), keras.Input((8, 85, 1))
    generator = keras.Model(
        noise, layers.Reshape((8, 85, 1))(layers.Dense(680, use_bias=False)(noise))
    )
    critic = keras.Model(matrix, layers.Dense(1, use_bias=False)(layers.Flatten()(matrix)))
    trainer = WganTrainer(generator, critic, recipe, seed=7)
    trainer.generator_optimizer = keras.optimizers.SGD(0.1)
    trainer.critic_optimizer = keras.optimizers.SGD(0.1)
    trainer.build()
    return trainer


def noise_of(update, batch=4, latent=6, seed=7):
    key = tf.random.experimental.stateless_fold_in(tf.constant([seed, update], tf.int64), 0)
    return tf.random.stateless_normal((batch, latent), key).numpy().astype(np.float64)


@pytest.mark.parametrize("lipschitz", ["penalty", "clipping"])
def test_steps_of_linear_networks_against_numpy(lipschitz):
    recipe = replace(DENSE, critic_steps=2, penalty=3.0, lipschitz=lipschitz, clip=0.02)
    trainer = linear(recipe)
    g = trainer.generator.get_weights()[0].astype(np.float64)
    c = trainer.critic.get_weights()[0].astype(np.float64)
    batch = real(updates=2)
    for step in (0, 5):
        losses = {name: float(value) for name, value in trainer.step(batch, step).items()}
        expected = []
        for i in range(2):
            x = matrices(tf.constant(batch[:, i])).numpy().reshape(4, 680).astype(np.float64)
            fake = noise_of(3 * step + i) @ g
            wasserstein = float((x @ c).mean() - (fake @ c).mean())
            gradient = (fake.mean(axis=0) - x.mean(axis=0))[:, None]
            slope = np.linalg.norm(c)
            loss = -wasserstein
            if lipschitz == "penalty":
                # The slope of the score is c at every interpolate.
                loss += 3.0 * (slope - 1) ** 2
                gradient = gradient + 6.0 * (slope - 1) * c / slope
            expected.append((loss, wasserstein, slope))
            c = c - 0.1 * gradient
            if lipschitz == "clipping":
                c = np.clip(c, -0.02, 0.02)
        loss, wasserstein, slope = np.mean(expected, axis=0)
        assert losses["critic_loss"] == pytest.approx(loss, rel=1e-4)
        assert losses["wasserstein"] == pytest.approx(wasserstein, rel=1e-4)
        assert losses.get("slope", slope) == pytest.approx(slope, rel=1e-4)
        noise = noise_of(3 * step + 2)
        assert losses["generator_loss"] == pytest.approx(-(noise @ g @ c).mean(), rel=1e-3)
        g = g + 0.1 * (noise.T @ np.tile(c.T, (4, 1))) / 4
        np.testing.assert_allclose(trainer.critic.get_weights()[0], c, atol=1e-6)
        np.testing.assert_allclose(trainer.generator.get_weights()[0], g, atol=1e-6)


def test_the_penalty_is_taken_for_each_sample_between_real_and_fake():
    """A critic whose slope differs from place to place, against NumPy."""
    recipe = replace(DENSE, penalty=2.0)
    matrix = keras.Input((8, 85, 1))
    square = keras.Model(matrix, keras.ops.sum(matrix**2, axis=(1, 2)))
    trainer = WganTrainer(build_generator(recipe), square, recipe, seed=7)
    x, y = np.zeros((2, 3, 8, 85, 1), np.float32)
    x[0, 0, 0], x[1, 1, 2], y[2, 3, 4] = 1.0, 2.0, 3.0
    slope = trainer._slope([], [], tf.constant(x + 0.25 * (y - x))).numpy()
    np.testing.assert_allclose(slope, 2 * np.array([0.75, 1.5, 0.75]), rtol=1e-6)


def test_both_networks_change_and_statistics_move_where_they_should():
    keras.utils.set_random_seed(1)
    noise, matrix = keras.Input((6,)), keras.Input((8, 85, 1))
    x = batch_normalisation("g")(layers.Dense(4)(noise))
    generator = keras.Model(noise, layers.Reshape((8, 85, 1))(layers.Dense(680)(x)))
    x = batch_normalisation("c")(layers.Dense(4)(layers.Flatten()(matrix)))
    critic = keras.Model(matrix, layers.Dense(1)(x))
    trainer = WganTrainer(generator, critic, DENSE, seed=7)
    trainer.build()
    batch = real()
    values = critic.layers[2](layers.Flatten()(matrices(tf.constant(batch[:, 0])))).numpy()
    key = trainer._keys(tf.constant(0, tf.int64))[0]
    fake = generator(tf.random.stateless_normal((4, 6), key), training=True)
    # That call moved the generator's statistics; they start anew.
    generator.get_layer("g").moving_mean.assign(np.zeros(4))
    made = critic.layers[2](layers.Flatten()(fake)).numpy()
    trainer.step(batch, 0)
    expected = 0.9 * 0.1 * values.mean(axis=0) + 0.1 * made.mean(axis=0)
    np.testing.assert_allclose(critic.get_layer("c").moving_mean.numpy(), expected, atol=1e-5)
    # Once, with the noise of its own update.
    assert (generator.get_layer("g").moving_mean.numpy() != 0).all()


def test_the_generators_update_leaves_the_critic_alone():
    trainer = make()
    before = trainer.critic.get_weights()
    old = trainer.generator.get_weights()
    strategy = tf.distribute.get_strategy()
    strategy.run(
        trainer._update_generator, args=(tf.constant(real()[:, 0]), tf.constant(1, tf.int64))
    )
    for a, b in zip(before, trainer.critic.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    changed = [
        not np.array_equal(a, b) for a, b in zip(old, trainer.generator.get_weights(), strict=True)
    ]
    assert all(changed)


def test_a_resumed_training_repeats_an_unbroken_one():
    recipe = replace(DENSE, ema=0.9, schedule="linear", critic_steps=2)
    whole, second = make(recipe), make(recipe)
    for step in range(3):
        whole.step(real(2, seed=step), step)
    kept = [variable.numpy() for variable in whole.variables]
    losses = [float(whole.step(real(2, seed=step), step)["critic_loss"]) for step in (3, 4)]
    for variable, value in zip(second.variables, kept, strict=True):
        variable.assign(value)
    again = [float(second.step(real(2, seed=step), step)["critic_loss"]) for step in (3, 4)]
    assert losses == again
    for a, b in zip(whole.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_schedules_end_at_zero():
    for name, middle in (("constant", 2.0), ("linear", 1.0), ("cosine", 1.0)):
        rate = scheduled(2.0, name, 10)
        values = [float(rate(step)) if callable(rate) else rate for step in (0, 5, 10)]
        assert values == pytest.approx([2.0, middle, 2.0 if name == "constant" else 0.0])


def test_two_replicas_step_like_one_device(tmp_path):
    """Gradients, noise, interpolation, batch statistics and averages under MirroredStrategy."""
    one, two = one_and_two(Path(__file__).with_name("wgan_replicas.py"), tmp_path)
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-4, atol=5e-5, err_msg=name)
