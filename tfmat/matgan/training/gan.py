"""Trains generator and critic on composition matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmat.matgan.networks.end_to_end import build_generate
from tfmat.matgan.networks.gan import build_critic, build_generator
from tfmat.matgan.recipe import MatganRecipe
from tfmat.matgan.training.autoregressive import build_trainer, short_counts
from tfmat.matgan.training.data import TrainingFormulas
from tfmat.matgan.training.gan_step import WganTrainer
from tfmat.matgan.training.metrics import sample_metrics
from tfmat.networks.batches import BatchSampler
from tfmat.networks.replicas import share

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# Formulas that are generated at a chunk's end, always from the same noise, and at the end.
SAMPLE = 2048
FINAL_SAMPLE = 16384
# Formulas that are generated at once.
SAMPLE_BATCH = 512


def train_gan(stage: Stage, recipe: MatganRecipe, data: TrainingFormulas) -> None:
    """Trains the networks and writes ``generator`` and ``critic``.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The formulas.
    """
    settings = recipe.gan
    stage.devices.check_batch(settings.batch_size, "gan.batch_size")
    real = data.counts(data.train)
    if settings.form == "autoregressive":
        real = short_counts(data, data.train, recipe.autoregressive.slots)
    keras.utils.set_random_seed(stage.seed)
    with stage.devices.scope():
        trainer = (
            build_trainer(stage, recipe)
            if settings.form == "autoregressive"
            else WganTrainer(
                build_generator(settings), build_critic(settings), settings, stage.seed
            )
        )
        trainer.build()
    sampler = BatchSampler(len(real), settings.batch_size * settings.critic_steps, stage.seed)
    shape = (settings.batch_size, settings.critic_steps, real.shape[1])

    def advance(first: int, count: int, tick: Callable[[int, str], None]) -> dict[str, float]:
        scalars: list[Mapping[str, Any]] = []
        for step in range(first, first + count):
            batch = real[sampler(step)].reshape(shape)
            scalars.append(trainer.step(share(batch, stage.devices.strategy), step))
            tick(1, "")
        return {
            name: float(np.mean([float(entry[name]) for entry in scalars])) for name in scalars[0]
        }

    def sample(count: int) -> NDArray[np.uint8]:
        generator = trainer.average.model()
        return sample_counts(build_generate(generator, recipe.decoding), count, stage.seed)

    def validate(_: int) -> dict[str, float]:
        return {
            metric.name: math.nan if metric.value is None else metric.value
            for metric in sample_metrics(sample(SAMPLE))
        }

    stage.train(settings.steps, trainer.variables, advance, validate)
    stage.finish(
        {"generator": trainer.average.model(), "critic": trainer.critic},
        sample_metrics(sample(FINAL_SAMPLE)),
    )


def sample_counts(generate: keras.Model, count: int, seed: int) -> NDArray[np.uint8]:
    """Generates formulas.

    Args:
        generate: From :func:`tfmat.matgan.networks.end_to_end.build_generate`.
        count: Number of formulas.
        seed: Seed of the noise.

    Returns:
        Atoms of each element ``(count, 85)``.
    """
    noise = np.random.default_rng(seed).standard_normal(
        (count, generate.input_shape[1]), dtype=np.float32
    )
    parts = [
        np.asarray(generate(tf.constant(noise[start : start + SAMPLE_BATCH]), training=False))
        for start in range(0, count, SAMPLE_BATCH)
    ]
    return np.concatenate(parts)
