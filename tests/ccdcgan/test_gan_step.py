import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras
import tensorflow as tf
from logical_devices import one_and_two

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator
from tfmat.ccdcgan.recipe import ConstraintRecipe, ConstraintTerm, GanRecipe
from tfmat.ccdcgan.training.gan_step import GanTrainer

pytestmark = pytest.mark.train
LAYOUT = GraphLayout(8, 8, 10, 5, 20, ("Bi", "Se"))
REFERENCE = GanRecipe(latent=6, generator_filters=(4, 4, 4), discriminator_filters=(4, 4, 8))
DENSE = GanRecipe(
    form="dense",
    latent=6,
    generator_filters=(16,),
    discriminator_filters=(16,),
    learning_rate=2e-3,
    ema=0.9,
)
ENERGY = ConstraintTerm("formation_energy_per_atom")
CONSTRAINT = ConstraintRecipe(filters=(4, 4, 8), units=(8,))
REAL = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")


def make(recipe, terms=(ENERGY,), seed=3):
    keras.utils.set_random_seed(1)
    constraints = [(build_constraint(CONSTRAINT, LAYOUT), term) for term in terms]
    trainer = GanTrainer(
        build_generator(recipe, LAYOUT),
        build_discriminator(recipe, LAYOUT),
        constraints,
        recipe,
        seed,
    )
    trainer.build()
    return trainer


def snapshot(model):
    return [weight.copy() for weight in model.get_weights()]


@pytest.mark.parametrize("recipe", [REFERENCE, DENSE], ids=["reference", "dense"])
def test_a_step_changes_both_networks_and_never_the_constraint(recipe):
    trainer = make(recipe)
    constraint = trainer.constraints[0][0]
    models = (trainer.generator, trainer.discriminator, constraint)
    before = [snapshot(model) for model in models]
    for i in range(3):
        losses = trainer.step(REAL, i)
    assert all(np.isfinite(float(loss)) for loss in losses.values())
    generator, discriminator, frozen = (
        [not np.array_equal(a, b) for a, b in zip(old, model.get_weights(), strict=True)]
        for old, model in zip(before, models, strict=True)
    )
    # Every weight and every moving average of the two, not only some.
    assert all(generator)
    assert all(discriminator)
    assert not any(frozen)


def test_the_generator_update_leaves_the_discriminator_alone():
    trainer = make(REFERENCE)
    before = snapshot(trainer.discriminator)
    seed = tf.constant([1, 2], tf.int64)
    scalars, gradient = trainer._generator_loss(tf.constant(REAL), seed)
    assert gradient.shape == REAL.shape
    assert float(scalars["generator"]) > float(scalars["generator_adversarial"])
    for a, b in zip(before, trainer.discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def adam(weight, gradient, state, recipe, step):
    """One step of Adam in NumPy (Kingma and Ba 2015, end of section 2); weight and state."""
    b1, b2 = recipe.beta_1, recipe.beta_2
    first = b1 * state[0] + (1 - b1) * gradient
    second = b2 * state[1] + (1 - b2) * gradient**2
    size = recipe.learning_rate * np.sqrt(1 - b2**step) / (1 - b1**step)
    return weight - size * first / (np.sqrt(second) + recipe.epsilon), (first, second)


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_a_step_of_linear_networks_against_numpy(penalty):
    # An epsilon as large as the gradients, so that leaving it out would show.
    recipe = GanRecipe(
        latent=6,
        learning_rate=0.01,
        beta_1=0.5,
        beta_2=0.9,
        epsilon=0.02,
        gradient_penalty=penalty,
    )
    noise_in, graph_in = keras.Input((6,)), keras.Input((8, 8, 1))
    x = keras.layers.Dense(64, use_bias=False)(noise_in)
    generator = keras.Model(noise_in, keras.layers.Reshape((8, 8, 1))(x))
    x = keras.layers.Dense(1, use_bias=False, name="logit")(keras.layers.Flatten()(graph_in))
    discriminator = keras.Model(graph_in, keras.layers.Activation("sigmoid")(x))
    x = keras.layers.Dense(1, use_bias=False)(keras.layers.Flatten()(graph_in))
    constraint = keras.Model(graph_in, x)
    term = ConstraintTerm("formation_energy_per_atom", weight=0.1, form="exp")
    trainer = GanTrainer(generator, discriminator, [(constraint, term)], recipe, seed=7)
    trainer.build()
    g, d, c = (
        model.get_weights()[0].astype(np.float64)
        for model in (generator, discriminator, constraint)
    )

    losses = trainer.step(REAL, 5)

    noise = tf.random.stateless_normal((16, 6), [7, 5]).numpy().astype(np.float64)
    fake, real = noise @ g, REAL.reshape(16, 64).astype(np.float64)
    state = (0.0, 0.0)
    for step, (graphs, label, name) in enumerate(
        [(real, 1.0, "discriminator_real"), (fake, 0.0, "discriminator_fake")], start=1
    ):
        s = 1 / (1 + np.exp(-graphs @ d))
        loss = -np.mean(label * np.log(s) + (1 - label) * np.log(1 - s))
        assert float(losses[name]) == pytest.approx(loss, rel=1e-4)
        # The slope of the logit is d everywhere, so the penalty γ/2·|d|² has the gradient γ·d.
        slope = graphs.T @ (s - label) / 16 + label * penalty * d
        d, state = adam(d, slope, state, recipe, step)
    s, energy = 1 / (1 + np.exp(-fake @ d)), fake @ c
    assert float(losses["generator_adversarial"]) == pytest.approx(-np.log(s).mean(), rel=1e-4)
    wanted = -np.log(s).mean() + 0.1 * np.exp(energy).mean()
    assert float(losses["generator"]) == pytest.approx(wanted, rel=1e-4)
    wanted = energy.mean()
    assert float(losses["predicted_formation_energy_per_atom"]) == pytest.approx(wanted, rel=1e-4)
    to_fake = ((s - 1) @ d.T + 0.1 * np.exp(energy) @ c.T) / 16
    g, _ = adam(g, noise.T @ to_fake, (0.0, 0.0), recipe, 1)
    np.testing.assert_allclose(discriminator.get_weights()[0], d, atol=1e-4)
    np.testing.assert_allclose(generator.get_weights()[0], g, atol=1e-4)


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_which_fakes_the_discriminator_learns_from(mode):
    # The original calls `predict` for them: moving averages, of the generator before its update.
    recipe = dataclasses.replace(REFERENCE, discriminator_fakes=mode)
    trainer = make(recipe)
    for i in range(3):
        trainer.step(REAL, i)  # until batch statistics and moving averages differ
    shown = []
    update = trainer._update_discriminator
    trainer._update_discriminator = lambda graphs, *rest: (
        shown.append(np.asarray(graphs)) or update(graphs, *rest)
    )
    noise = trainer._draw(tf.constant(16), tf.constant(3, tf.int64))[0]
    wanted = {
        "inference": trainer.generator(noise, training=False).numpy(),
        # What a step with all moving averages left alone would give.
        "training": trainer.generator.stateless_call(
            [variable.value for variable in trainer.generator.trainable_variables],
            [variable.value for variable in trainer.generator.non_trainable_variables],
            noise,
            training=True,
        )[0].numpy(),
    }
    assert np.abs(wanted["inference"] - wanted["training"]).max() > 0.01

    before = snapshot(trainer.generator)
    tf.config.run_functions_eagerly(True)
    try:
        trainer.step(REAL, 3)
    finally:
        tf.config.run_functions_eagerly(False)

    np.testing.assert_array_equal(shown[0], REAL)
    np.testing.assert_allclose(shown[1], wanted[mode], atol=1e-5)
    # In both modes the generator learns, and its moving averages follow its own batch.
    after = trainer.generator.get_weights()
    assert all(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_constraint_lowers_the_predicted_energy():
    predicted = {}
    for weight in (0.0, 20.0):
        trainer = make(
            DENSE, [ConstraintTerm("formation_energy_per_atom", weight=weight, form="linear")]
        )
        for i in range(60):
            losses = trainer.step(REAL, i)
        predicted[weight] = float(losses["predicted_formation_energy_per_atom"])
    trainer = make(DENSE)
    start = float(trainer.step(REAL, 0)["predicted_formation_energy_per_atom"])
    assert predicted[20.0] < predicted[0.0] - 1e-3
    assert predicted[20.0] < start - 1e-3


def test_two_constraints_each_with_its_weight_and_target():
    terms = [
        ConstraintTerm("formation_energy_per_atom", 0.5, "linear"),
        ConstraintTerm("band_gap", 2.0, "target", 1.5),
    ]
    losses = {name: float(value) for name, value in make(DENSE, terms).step(REAL, 0).items()}
    assert {"predicted_formation_energy_per_atom", "predicted_band_gap"} < set(losses)
    terms = losses["generator"] - losses["generator_adversarial"]
    # Predictions of untrained constraints hardly vary, so the mean of squares is their square.
    gap = 2.0 * (losses["predicted_band_gap"] - 1.5) ** 2
    wanted = 0.5 * losses["predicted_formation_energy_per_atom"] + gap
    assert terms == pytest.approx(wanted, rel=1e-2)


def test_no_constraint_makes_a_dcgan():
    losses = make(DENSE, []).step(REAL, 0)
    assert float(losses["generator"]) == float(losses["generator_adversarial"])


@pytest.mark.parametrize("recipe", [REFERENCE, DENSE], ids=["reference", "dense"])
def test_a_restored_trainer_repeats_an_unbroken_one(recipe):
    unbroken = make(recipe)
    for i in range(2):
        unbroken.step(REAL, i)
    saved = {
        name: [variable.numpy() for variable in variables]
        for name, variables in unbroken.variables_groups.items()
    }
    wanted = [unbroken.step(REAL, i) for i in range(2, 4)]

    resumed = make(recipe, seed=3)
    resumed.generator.set_weights([w * 0 for w in resumed.generator.get_weights()])
    for name, variables in resumed.variables_groups.items():
        for variable, value in zip(variables, saved[name], strict=True):
            variable.assign(value)
    for i, losses in enumerate(wanted, start=2):
        again = resumed.step(REAL, i)
        assert {k: float(v) for k, v in again.items()} == {k: float(v) for k, v in losses.items()}
    for a, b in zip(
        unbroken.average.model().get_weights(),
        resumed.average.model().get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_noise_and_dropout_depend_on_step_and_seed():
    losses = []
    for seed, index in ((3, 0), (3, 0), (3, 1), (4, 0)):
        losses.append(float(make(DENSE, seed=seed).step(REAL, index)["generator_adversarial"]))
    assert losses[0] == losses[1]
    assert len(set(losses)) == 3


def test_average_of_the_generator():
    trainer = make(DENSE)
    averages = snapshot(trainer.generator)
    for i in range(4):
        trainer.step(REAL, i)
        decay = min(0.9, (1 + i) / (10 + i))
        averages = [
            decay * a + (1 - decay) * w
            for a, w in zip(averages, trainer.generator.get_weights(), strict=True)
        ]
    averaged = trainer.average.model()
    assert averaged is not trainer.generator
    for a, w in zip(averages, averaged.get_weights(), strict=True):
        np.testing.assert_allclose(w, a, atol=1e-6)
    assert make(REFERENCE).average.model().name == "generator"


@pytest.mark.parametrize("form", [pytest.param("reference", marks=pytest.mark.slow), "dense"])
def test_two_replicas_update_like_one_device(form, tmp_path):
    """Gradient scale, noise, batch statistics and averages under MirroredStrategy."""
    one, two = one_and_two(Path(__file__).with_name("gan_step_replicas.py"), tmp_path, form)
    for name, value in one.items():
        if not name.startswith("draw"):
            np.testing.assert_allclose(two[name], value, atol=2e-5, err_msg=name)
    # Replicas share out the noise that one device draws, and drop different activations.
    np.testing.assert_array_equal(two["draw_noise"], one["draw_noise"])
    assert not np.array_equal(two["draw_noise"][:8], two["draw_noise"][8:])
    assert not np.array_equal(two["draw_seeds"][:3], two["draw_seeds"][3:])
