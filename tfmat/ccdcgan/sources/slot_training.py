"""Trains the slot GAN on the latents of real crystals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.slots import Slots
from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.ccdcgan.sources.recipe import SlotGanRecipe
from tfmat.ccdcgan.sources.slot_gan import FILE, PART, KnownLatents
from tfmat.ccdcgan.sources.slot_network import build_discriminator, build_generator
from tfmat.ccdcgan.training.graphs import CrystalGraphs
from tfmat.metric import Metric
from tfmat.networks.batches import BatchSampler
from tfmat.networks.gan_step import GanStep
from tfmat.networks.optimizers import Adam
from tfmat.networks.replicas import replica_noise, share

if TYPE_CHECKING:
    from tfmat.training.loop import Advance, Stage, Tick

# Held-out crystals whose counts the distance to real latents is measured for.
_SAMPLE = 512


class SlotGanTrainer(GanStep):
    """Generator and discriminator of the slot GAN.

    The discriminator's loss is binary cross-entropy with a penalty on its gradient at real crystals
    (R1: L. Mescheder et al., ICML 2018); the generator's is that of a real label. The scalars of a
    step are ``discriminator`` (without the penalty) and ``generator``.

    Args:
        recipe: Sizes and training.
        layout: Lengths of the latents.
        most: Most atoms of a slot.
        seed: Seed of weights and noise.

    Attributes:
        discriminator: Reads counts, lattice latent and sites latents.
    """

    def __init__(self, recipe: SlotGanRecipe, layout: GraphLayout, most: int, seed: int) -> None:
        keras.utils.set_random_seed(seed)
        generator = build_generator(recipe, layout, most)
        super().__init__(generator, _optimizer(recipe), recipe.averaging, seed)
        self.discriminator = build_discriminator(recipe, layout, most)
        self.recipe = recipe
        self._discriminator_optimizer = _optimizer(recipe)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold."""
        trained = (
            self.generator,
            self.discriminator,
            self.generator_optimizer,
            self._discriminator_optimizer,
            self.average,
        )
        return [variable for each in trained for variable in each.variables]

    def _opponent(self) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        return self.discriminator, self._discriminator_optimizer

    def _replica_step(self, real: tf.Tensor, step_index: tf.Tensor) -> dict[str, tf.Tensor]:
        batch, replicas = tf.shape(real)[0], self._strategy.num_replicas_in_sync
        key = tf.stack([tf.constant(self.seed, tf.int64), step_index])
        counts = real[:, :SLOTS]
        choices = tf.concat([counts, replica_noise(batch, self.recipe.noise, key)], axis=1)
        weights = [
            [variable.value for variable in network.trainable_variables]
            for network in (self.generator, self.discriminator)
        ]
        with tf.GradientTape() as of_generator:
            made = self.generator(choices, training=True)
            sites = tf.reshape(made["sites_latents"], (batch, -1))
            false = tf.concat([counts, made["lattice_latent"], sites], axis=1)
            believed = self.discriminator(false, training=True)
            wanted = tf.reduce_mean(tf.nn.softplus(-believed)) / replicas
        with tf.GradientTape() as of_discriminator:
            with tf.GradientTape() as by_crystal:
                by_crystal.watch(real)
                logit = self.discriminator(real, training=True)
            slope = by_crystal.gradient(logit, real)
            penalty = tf.reduce_mean(tf.reduce_sum(slope * slope, axis=1)) / replicas
            other = self.discriminator(tf.stop_gradient(false), training=True)
            told = tf.reduce_mean(tf.nn.softplus(-logit)) + tf.reduce_mean(tf.nn.softplus(other))
            told /= replicas
            loss = told + 0.5 * self.recipe.penalty * penalty
        # Both gradients are found before either network changes.
        slopes = (
            of_generator.gradient(wanted, weights[0]),
            of_discriminator.gradient(loss, weights[1]),
        )
        optimizers = (self.generator_optimizer, self._discriminator_optimizer)
        networks = (self.generator, self.discriminator)
        for optimizer, gradients, network in zip(optimizers, slopes, networks, strict=True):
            optimizer.apply(gradients, network.trainable_variables)
        return {"discriminator": told, "generator": wanted}


class _ConstantThenFalling(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that is constant for half of the steps, and then falls to zero."""

    def __init__(self, rate: float, steps: int) -> None:
        self.rate, self.steps = rate, steps

    def __call__(self, step: Any) -> Any:
        """Returns the rate of a step."""
        return self.rate * ops.minimum(1.0, 2 * (1 - ops.cast(step, "float32") / self.steps))


def _optimizer(recipe: SlotGanRecipe) -> keras.optimizers.Adam:
    return Adam(_ConstantThenFalling(recipe.learning_rate, recipe.steps), 0.5, 0.99)


def rows_of(slots: Slots, layout: GraphLayout) -> NDArray[np.float32]:
    """Returns crystals as the discriminator reads them: counts, lattice and sites latents.

    Args:
        slots: Crystals of at most :data:`SLOTS` elements.
        layout: Lengths of the latents.
    """
    table = slots.table(SLOTS)
    lattice = table[:, 0, : layout.lattice_latent]
    sites = table[:, 1:, 2:].reshape(len(table), -1)
    return np.concatenate([table[:, 1:, 1], lattice, sites], axis=1)


def training_steps(
    trainer: SlotGanTrainer, slots: Slots, layout: GraphLayout, strategy: Any
) -> Advance:
    """Returns what trains so many steps on some crystals, and returns the mean losses.

    Args:
        trainer: The networks.
        slots: Crystals of at most :data:`SLOTS` elements.
        layout: Lengths of the latents.
        strategy: Where it trains; ``None`` for one device.
    """
    sampler = BatchSampler(len(slots), trainer.recipe.batch_size, trainer.seed)

    def advance(first: int, count: int, tick: Tick) -> dict[str, float]:
        losses: dict[str, list[float]] = {}
        for step in range(first, first + count):
            real = share(rows_of(slots.of(sampler(step)), layout), strategy)
            for name, value in trainer.step(real, step).items():
                losses.setdefault(f"loss_{name}", []).append(float(value))
            tick(1, ", ".join(f"{name} {values[-1]:.3g}" for name, values in losses.items()))
        return {name: float(np.mean(values)) for name, values in losses.items()}

    return advance


def train_slot_gan(stage: Stage, recipe: CcdcganRecipe, layout: GraphLayout) -> None:
    """Trains, and writes the generator and the real latents that it is snapped to.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        layout: Layout of the crystal graphs.
    """
    settings, most = recipe.slot_gan, recipe.data.max_atoms
    data = CrystalGraphs.open(stage.run, layout)
    few = np.diff(data.slots.starts) <= SLOTS
    train, test = data.train[few[data.train]], data.test[few[data.test]]
    learned = data.slots.of(train)
    stage.devices.check_batch(settings.batch_size, "slot_gan.batch_size")
    with stage.devices.scope():
        trainer = SlotGanTrainer(settings, layout, most, stage.seed)
        trainer.build()
    advance = training_steps(trainer, learned, layout, stage.devices.strategy)
    stage.train(settings.steps, trainer.variables, advance)
    generator = trainer.average.model()
    known = KnownLatents.of(learned.slots, settings.known, stage.seed)
    path = stage.run.stage_folder(stage.name) / FILE
    known.save(path)
    noise = np.random.default_rng([stage.seed, 4])
    metrics = [_distance(generator, known, data.slots.of(test[:_SAMPLE]), noise, settings.noise)]
    stage.finish({PART: generator}, metrics, [path])


def _distance(
    generator: keras.Model,
    known: KnownLatents,
    held_out: Slots,
    random: np.random.Generator,
    length: int,
) -> Metric:
    """Returns how far generated latents are from real ones, for held-out counts."""
    counts = held_out.table(SLOTS)[:, 1:, 1].astype(np.int64)
    noise = random.standard_normal((len(counts), length))
    value = None
    if len(counts):
        choices = np.concatenate([counts, noise], axis=1, dtype=np.float32)
        latents = np.asarray(generator(choices, training=False)["sites_latents"])
        there = counts > 0
        off = latents[there] - known.nearest(counts[there], latents[there])
        value = float(np.median(np.sqrt(np.mean(off * off, axis=1))))
    note = f"median root mean square of what snapping changes, for {len(counts)} held-out cells"
    return Metric("test_snapping_distance", value, denominator=len(counts), note=note)
