"""Trains the autoregressive generator: by likelihood, then against a critic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.matgan.networks.autoregressive import AutoregressiveNetworks, build_critic
from tfmat.matgan.recipe import MatganRecipe
from tfmat.matgan.training.data import TrainingFormulas
from tfmat.metric import Metric
from tfmat.networks.backend import call
from tfmat.networks.batches import Batches, BatchSampler, spread
from tfmat.networks.likelihood import compile_likelihood

if TYPE_CHECKING:
    from tfmat.matgan.training.autoregressive_step import AutoregressiveTrainer
    from tfmat.training.loop import Stage

# The generator as the likelihood leaves it, where the adversarial training begins.
PRETRAINED = "pretrained"
# Held-out formulas whose probability is computed at a chunk's end, and at once.
SAMPLE = 2048


def short_counts(data: TrainingFormulas, subset: NDArray[np.intp], slots: int) -> NDArray[np.uint8]:
    """Returns the atoms of the formulas that the generator can write, ``(m, 85)``.

    Args:
        data: The formulas.
        subset: Numbers of formulas.
        slots: Most elements of a formula.

    Raises:
        InputError: No formula is left.
    """
    counts = data.counts(subset)
    counts = counts[np.count_nonzero(counts, axis=1) <= slots]
    if len(subset) and not len(counts):
        raise InputError(
            f"{data.dataset.path}: no formula has at most {slots} elements; raise "
            "`settings` autoregressive.slots"
        )
    return np.asarray(counts)


def train_likelihood(stage: Stage, recipe: MatganRecipe, data: TrainingFormulas) -> None:
    """Maximises the likelihood of the training formulas and writes the generator ``pretrained``.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The formulas.
    """
    settings = recipe.autoregressive
    stage.devices.check_batch(settings.batch_size, "autoregressive.batch_size")
    train = short_counts(data, data.train, settings.slots)
    test = short_counts(data, data.test, settings.slots)
    keras.utils.set_random_seed(stage.seed)
    with stage.devices.scope():
        networks = AutoregressiveNetworks(settings)
        compile_likelihood(
            networks.likelihood,
            settings.learning_rate,
            settings.steps,
            settings.weight_decay,
            beta_2=0.99,
        )
    sampler = BatchSampler(len(train), settings.batch_size, stage.seed)

    def draw(rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        counts = train[rows].astype(np.float32)
        return counts, counts

    def held_out(count: int) -> float:
        """Returns the mean negative log-likelihood of up to ``count`` held-out formulas."""
        chosen = spread(test, count)
        parts = np.array_split(chosen.astype(np.float32), max(1, len(chosen) // SAMPLE))
        logarithms = [call(networks.likelihood, part, len(parts[0])) for part in parts]
        return float(-np.concatenate(logarithms).sum(axis=1).mean())

    def validate(_: int) -> Mapping[str, float]:
        return {"test_loss": held_out(SAMPLE)} if len(test) else {}

    stage.fit(
        networks.likelihood,
        lambda first, count: Batches(draw, sampler, first, count),
        settings.steps,
        validate,
    )
    metrics = []
    if len(test):
        note = f"mean negative log-likelihood of {len(test)} held-out formulas"
        metrics.append(
            Metric(
                "test_negative_log_likelihood",
                held_out(len(test)),
                "nat",
                denominator=len(test),
                note=note,
            )
        )
    stage.finish({PRETRAINED: networks.generator}, metrics)


def build_trainer(stage: Stage, recipe: MatganRecipe) -> AutoregressiveTrainer:
    """Builds the trainer of the adversarial stage from the generator that the likelihood left.

    Args:
        stage: The adversarial stage; its run has finished the likelihood.
        recipe: The whole recipe.
    """
    from tfmat.matgan.training.autoregressive_step import AutoregressiveTrainer

    networks = AutoregressiveNetworks(recipe.autoregressive)
    networks.generator.set_weights(stage.run.network(PRETRAINED).get_weights())
    critic = build_critic(recipe.autoregressive, recipe.gan.critic_units)
    # What the likelihood learned about elements is a better start than chance.
    critic.get_layer("slots").kernel.assign(networks.slot_vectors())
    return AutoregressiveTrainer(networks, critic, recipe.gan, recipe.policy, stage.seed)
