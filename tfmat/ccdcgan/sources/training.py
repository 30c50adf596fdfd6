"""Trains the prompted writer by likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.examples import PromptedExamples, SizedBatches
from tfmat.ccdcgan.sources.network import build_likelihood
from tfmat.ccdcgan.sources.recipe import PromptedRecipe
from tfmat.metric import Metric
from tfmat.networks.batches import spread
from tfmat.networks.likelihood import likelihood_optimizer, negative_log_likelihood
from tfmat.networks.replicas import of_all_replicas, share
from tfmat.training.loop import separate_dropout

if TYPE_CHECKING:
    from tfmat.training.loop import Stage, Tick

LIKELIHOOD = "prompted_likelihood"
# Held-out crystals whose probability is computed at a chunk's end, and at once.
_SAMPLE, _BATCH = 256, 128


class PromptedTrainer:
    """The writer with its optimiser.

    Batches hold crystals of like size, and their rows have room for the largest of them alone: each
    length is a graph of its own. Make it in the scope of the devices.

    Args:
        train: Crystals to learn from.
        recipe: Sizes and training.
        max_atoms: Most atoms of a cell.
        seed: Seed of weights, batches and dropout.

    Attributes:
        network: From rows of tokens to logarithms of probabilities.
    """

    def __init__(
        self, train: PromptedExamples, recipe: PromptedRecipe, max_atoms: int, seed: int
    ) -> None:
        keras.utils.set_random_seed(seed)
        self.train, self.recipe, self.seed = train, recipe, seed
        self.network = build_likelihood(recipe, max_atoms)
        self._writer = self.network.get_layer("prompted_writer")
        self._optimizer = likelihood_optimizer(
            recipe.learning_rate, recipe.steps, recipe.weight_decay, beta_2=0.98
        )
        self._optimizer.build(self.network.trainable_variables)
        self._sampler = SizedBatches(train.contents.sizes, recipe.batch_size, seed)
        # A graph for each length of rows.
        self._functions: dict[int, Callable[[Any], tf.Tensor]] = {}
        self._strategy = tf.distribute.get_strategy()

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold."""
        return [*self.network.variables, *self._optimizer.variables]

    def advance(self, first: int, count: int, tick: Tick) -> dict[str, float]:
        """Trains some steps; returns the mean loss of cell and of places, in nat."""
        losses = []
        for step in range(first, first + count):
            random = np.random.default_rng([self.seed, 2, step])
            rows = self._sampler(step)
            tokens = self.train.draw(rows, random, self.recipe)
            function = self._functions.setdefault(
                tokens.shape[1], of_all_replicas(self._update, self._strategy)
            )
            losses.append(function(share(tokens, self._strategy)).numpy())
            tick(1, f"loss {losses[-1].sum():.4g}")
        cell, places = np.mean(losses, axis=0)
        return {"loss_cell": float(cell), "loss_places": float(places)}

    def _update(self, tokens: tf.Tensor) -> tf.Tensor:
        replicas = self._strategy.num_replicas_in_sync
        with tf.GradientTape() as tape:
            logarithms = self._writer(tokens, training=True)
            loss = tf.reduce_mean(negative_log_likelihood(None, logarithms)) / replicas
        weights = [variable.value for variable in self.network.trainable_variables]
        self._optimizer.apply(tape.gradient(loss, weights), self.network.trainable_variables)
        return -tf.reduce_mean(logarithms, axis=0) / replicas

    def judge(self, held_out: PromptedExamples, count: int) -> NDArray[np.float64]:
        """Returns the mean negative logarithms of held-out crystals, each from its nearest prompt.

        Args:
            held_out: The crystals.
            count: How many of them.

        Returns:
            Of cell and places, in nat, shape ``(2,)``.
        """
        random = np.random.default_rng(self.seed)
        rows = spread(np.argsort(held_out.contents.sizes, kind="stable"), count)
        found = []
        for start in range(0, len(rows), _BATCH):
            tokens = held_out.draw(rows[start : start + _BATCH], random, self.recipe, first=True)
            found.append(self._writer(tf.constant(tokens), training=False).numpy())
        return np.asarray(-np.concatenate(found).astype(np.float64).mean(axis=0))


def train_prompted(
    stage: Stage,
    recipe: PromptedRecipe,
    train: PromptedExamples,
    held_out: PromptedExamples,
    max_atoms: int,
) -> None:
    """Maximises the likelihood of crystals, given a prototype, and writes the network.

    Args:
        stage: Where to train and log.
        recipe: Sizes and training.
        train: Crystals to learn from.
        held_out: Crystals to judge by.
        max_atoms: Most atoms of a cell.
    """
    stage.devices.check_batch(recipe.batch_size, "prompted.batch_size")
    with stage.devices.scope():
        trainer = PromptedTrainer(train, recipe, max_atoms, stage.seed)
    separate_dropout(trainer.network, stage.devices)

    def validate(_: int) -> Mapping[str, float]:
        if not len(held_out):
            return {}
        cell, places = trainer.judge(held_out, _SAMPLE)
        return {"test_loss_cell": float(cell), "test_loss_places": float(places)}

    stage.train(recipe.steps, trainer.variables, trainer.advance, validate)
    metrics = []
    if count := len(held_out):
        parts = trainer.judge(held_out, count)
        note = f"of {count} held-out structures, given composition and nearest prototype"
        metrics = [
            Metric(
                f"test_negative_log_likelihood{name}",
                float(value),
                "nat",
                denominator=count,
                note=f"mean negative log-likelihood{words} {note}",
            )
            for name, words, value in (
                ("", "", parts.sum()),
                ("_of_cell", " of the cell", parts[0]),
                ("_of_places", " of the atoms' places", parts[1]),
            )
        ]
    stage.finish({LIKELIHOOD: trainer.network}, metrics)
