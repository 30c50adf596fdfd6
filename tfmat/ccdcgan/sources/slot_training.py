"""Trains the slot GAN on the latents of real crystals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf
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

if TYPE_CHECKING:
    from tfmat.training.loop import Stage, Tick

# Held-out crystals whose counts the distance to real latents is measured for.
_SAMPLE = 512


class SlotGanTrainer:
    """Both networks with their optimisers.

    The discriminator's loss is binary cross-entropy with a penalty on its gradient at real crystals
    (R1: L. Mescheder et al., ICML 2018); the generator's is that of a real label.

    Args:
        slots: Crystals to learn from, of at most :data:`SLOTS` elements.
        recipe: Sizes and training.
        layout: Lengths of the latents.
        most: Most atoms of a slot.
        seed: Seed of weights, batches and noise.

    Attributes:
        averaged: The generator with a running average of the weights.
    """

    def __init__(
        self, slots: Slots, recipe: SlotGanRecipe, layout: GraphLayout, most: int, seed: int
    ) -> None:
        keras.utils.set_random_seed(seed)
        self.slots, self.recipe, self.layout, self.seed = slots, recipe, layout, seed
        self.generator = build_generator(recipe, layout, most)
        self.discriminator = build_discriminator(recipe, layout, most)
        self.averaged = build_generator(recipe, layout, most)
        self.averaged.set_weights(self.generator.get_weights())
        self._optimizers = [
            keras.optimizers.Adam(recipe.learning_rate, 0.5, 0.99) for _ in range(2)
        ]
        networks = (self.generator, self.discriminator)
        for optimizer, network in zip(self._optimizers, networks, strict=True):
            optimizer.build(network.trainable_variables)
        self._sampler = BatchSampler(len(slots), recipe.batch_size, seed)
        self._step = tf.function(self._update)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold."""
        networks = (self.generator, self.discriminator, self.averaged)
        return [variable for each in (*networks, *self._optimizers) for variable in each.variables]

    def rows(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Returns crystals as the discriminator reads them: counts, lattice and sites latents.

        Args:
            numbers: Which crystals.
        """
        table = self.slots.of(numbers).table(SLOTS)
        lattice = table[:, 0, : self.layout.lattice_latent]
        sites = table[:, 1:, 2:].reshape(len(table), -1)
        return np.concatenate([table[:, 1:, 1], lattice, sites], axis=1)

    def advance(self, first: int, count: int, tick: Tick) -> dict[str, float]:
        """Trains some steps; returns the mean losses."""
        losses = []
        for step in range(first, first + count):
            # Constant at first, then falling to zero.
            rate = self.recipe.learning_rate * min(1.0, 2 * (1 - step / self.recipe.steps))
            for optimizer in self._optimizers:
                optimizer.learning_rate.assign(rate)
            random = np.random.default_rng([self.seed, 2, step])
            real = self.rows(self._sampler(step))
            noise = random.standard_normal((len(real), self.recipe.noise)).astype(np.float32)
            losses.append(self._step(tf.constant(real), tf.constant(noise)).numpy())
            tick(1, f"discriminator {losses[-1][0]:.3g}, generator {losses[-1][1]:.3g}")
        discriminator, generator = np.mean(losses, axis=0)
        return {"loss_discriminator": float(discriminator), "loss_generator": float(generator)}

    def _update(self, real: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        counts = real[:, :SLOTS]
        choices = tf.concat([counts, noise], axis=1)
        weights = [
            [variable.value for variable in network.trainable_variables]
            for network in (self.generator, self.discriminator)
        ]
        with tf.GradientTape() as of_generator:
            made = self.generator(choices, training=True)
            sites = tf.reshape(made["sites_latents"], (tf.shape(real)[0], -1))
            false = tf.concat([counts, made["lattice_latent"], sites], axis=1)
            wanted = tf.reduce_mean(tf.nn.softplus(-self.discriminator(false, training=True)))
        with tf.GradientTape() as of_discriminator:
            with tf.GradientTape() as by_crystal:
                by_crystal.watch(real)
                logit = self.discriminator(real, training=True)
            slope = by_crystal.gradient(logit, real)
            penalty = tf.reduce_mean(tf.reduce_sum(slope * slope, axis=1))
            other = self.discriminator(tf.stop_gradient(false), training=True)
            told = tf.reduce_mean(tf.nn.softplus(-logit)) + tf.reduce_mean(tf.nn.softplus(other))
            loss = told + 0.5 * self.recipe.penalty * penalty
        networks = (self.generator, self.discriminator)
        slopes = (
            of_generator.gradient(wanted, weights[0]),
            of_discriminator.gradient(loss, weights[1]),
        )
        for optimizer, slope, network in zip(self._optimizers, slopes, networks, strict=True):
            optimizer.apply(slope, network.trainable_variables)
        share = self.recipe.averaging
        for mean, last in zip(self.averaged.variables, self.generator.variables, strict=True):
            mean.assign(share * mean.value + (1 - share) * last.value)
        return tf.stack([told, wanted])


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
    trainer = SlotGanTrainer(data.slots.of(train), settings, layout, most, stage.seed)
    stage.train(settings.steps, trainer.variables, trainer.advance)
    known = KnownLatents.of(trainer.slots.slots, settings.known, stage.seed)
    path = stage.run.stage_folder(stage.name) / FILE
    known.save(path)
    metrics = [_distance(trainer, known, data.slots.of(test[:_SAMPLE]))]
    stage.finish({PART: trainer.averaged}, metrics, [path])


def _distance(trainer: SlotGanTrainer, known: KnownLatents, held_out: Slots) -> Metric:
    """Returns how far generated latents are from real ones, for held-out counts."""
    counts = held_out.table(SLOTS)[:, 1:, 1].astype(np.int64)
    random = np.random.default_rng([trainer.seed, 4])
    noise = random.standard_normal((len(counts), trainer.recipe.noise))
    value = None
    if len(counts):
        choices = np.concatenate([counts, noise], axis=1, dtype=np.float32)
        latents = np.asarray(trainer.averaged(choices, training=False)["sites_latents"])
        there = counts > 0
        off = latents[there] - known.nearest(counts[there], latents[there])
        value = float(np.median(np.sqrt(np.mean(off * off, axis=1))))
    note = f"median root mean square of what snapping changes, for {len(counts)} held-out cells"
    return Metric("test_snapping_distance", value, denominator=len(counts), note=note)
