"""The adversarial step of the autoregressive generator: its gradient, resumption, two replicas."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import tensorflow as tf
import tiny_autoregressive
from logical_devices import one_and_two
from tiny_autoregressive import make, real

from tfmat.matgan.matrix import matrix_counts
from tfmat.matgan.recipe_autoregressive import PolicyRecipe

pytestmark = pytest.mark.train


def noise_of(trainer, update, batch):
    """The noise that an update of the generator draws."""
    key = trainer._keys(tf.constant(update, tf.int64))[0]
    return tf.random.stateless_normal((batch, trainer.recipe.latent), key)


@pytest.mark.parametrize(
    "policy",
    [
        PolicyRecipe(critic=1.0, rarity=0.0, likelihood=0.0),
        PolicyRecipe(critic=0.0, rarity=1.0, likelihood=0.0, sample_size=3e4),
        PolicyRecipe(critic=0.0, rarity=0.0, likelihood=1.0),
        PolicyRecipe(critic=0.7, rarity=1.3, likelihood=0.4),
    ],
)
def test_the_generator_moves_along_the_policy_gradient(policy):
    """One step of gradient descent against the formula of the gradient, sample by sample."""
    trainer = make(policy)
    batch = real(8)[:, 0]
    made = trainer.generator(noise_of(trainer, 5, 8))
    scores = trainer.critic(made).numpy()[:, 0].astype(np.float64)
    counts = matrix_counts(made.numpy(), "argmax", 0.5).astype(np.float32)
    weights = trainer.likelihood.trainable_variables
    before = [weight.numpy() for weight in weights]

    def gradients(rows):
        """Log-probabilities of the rows and the gradient of each."""
        with tf.GradientTape(persistent=True) as tape:
            values = tf.unstack(tf.reduce_sum(trainer.likelihood(rows, training=False), axis=1))
        sources = [weight.value for weight in weights]
        found = [[tf.convert_to_tensor(g) for g in tape.gradient(v, sources)] for v in values]
        return np.array(values, np.float64), found

    log_p, of_made = gradients(counts)
    _, of_real = gradients(batch.astype(np.float32))
    worth = policy.critic * (scores - scores.mean()) / (scores.std() + 1e-3)
    copies = log_p + math.log(policy.sample_size)
    cost = np.log1p(np.exp(copies)) + 1 / (1 + np.exp(-copies))
    worth -= policy.rarity * (cost - cost.mean())
    strategy = tf.distribute.get_strategy()
    strategy.run(trainer._update_generator, args=(tf.constant(batch), tf.constant(5, tf.int64)))
    for i, weight in enumerate(weights):
        expected = sum(w * g[i].numpy() for w, g in zip(worth, of_made, strict=True)) / 8
        expected += policy.likelihood * sum(g[i].numpy() for g in of_real) / 8
        moved = (weight.numpy() - before[i]) / 0.05
        np.testing.assert_allclose(moved, expected, rtol=1e-3, atol=2e-5)


def test_only_the_generators_update_moves_the_generator():
    trainer = make(PolicyRecipe())
    generator, critic = trainer.generator.get_weights(), trainer.critic.get_weights()
    strategy = tf.distribute.get_strategy()
    update = tf.constant(1, tf.int64)
    strategy.run(trainer._update_generator, args=(tf.constant(real(4)[:, 0]), update))
    for old, new in zip(critic, trainer.critic.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    changed = zip(generator, trainer.generator.get_weights(), strict=True)
    assert not any(np.array_equal(old, new) for old, new in changed)


def test_a_resumed_training_repeats_an_unbroken_one():
    trainer = make(PolicyRecipe(), adam=True)
    for step in range(2):
        trainer.step(real(8, seed=step), step)
    kept = [variable.numpy() for variable in trainer.variables]
    scalars = {name: float(value) for name, value in trainer.step(real(8, seed=2), 2).items()}
    weights = [variable.numpy() for variable in trainer.variables]
    for variable, value in zip(trainer.variables, kept, strict=True):
        variable.assign(value)
    again = {name: float(value) for name, value in trainer.step(real(8, seed=2), 2).items()}
    assert scalars == again
    assert set(scalars) == {
        "critic_loss",
        "wasserstein",
        "slope",
        "generator_score",
        "training_log_probability",
        "entropy",
    }
    for variable, value in zip(trainer.variables, weights, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_rarity_spreads_the_formulas():
    """Paid for rarity alone, few formulas become many."""
    trainer = make(PolicyRecipe(critic=0.0, rarity=1.0, likelihood=0.0), adam=True)
    trainer.generator.get_layer("element_logits").bias.assign(
        np.where(np.isin(np.arange(86), [10, 40, 84]), 8.0, 0.0)
    )

    def entropy():
        made = trainer.generator(np.random.default_rng(0).standard_normal((500, 6)).astype("f"))
        counts = matrix_counts(made.numpy(), "argmax", 0.5).astype(np.float32)
        return -float(tf.reduce_mean(tf.reduce_sum(trainer.likelihood(counts), axis=1)))

    before = entropy()
    for step in range(30):
        trainer.step(real(32, seed=step), step)
    assert entropy() > before + 1


@pytest.mark.slow
def test_two_replicas_step_like_one_device(tmp_path):
    """Standardised scores, costs and gradients under MirroredStrategy."""
    one, two = one_and_two(tiny_autoregressive.__file__, tmp_path)
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-4, atol=5e-5, err_msg=name)


def test_the_recipe_wants_two_numbers_for_each_slot():
    from tfmat.errors import InputError
    from tfmat.matgan.recipe import load_recipe

    recipe = load_recipe("matgan-plus")
    with pytest.raises(InputError, match=r"gan\.latent must be 12, two numbers for each"):
        replace(recipe, autoregressive=replace(recipe.autoregressive, slots=6))
    with pytest.raises(InputError, match=r"slots must be a whole number from 2 to 8"):
        load_recipe("matgan-plus", ["autoregressive.slots=9"])
    with pytest.raises(InputError, match=r"policy\.rarity must be a number of at least 0"):
        load_recipe("matgan-plus", ["policy.rarity=-1.0"])
