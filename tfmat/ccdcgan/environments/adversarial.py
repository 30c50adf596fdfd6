"""The writer against critic and constraint: what is worth more becomes more probable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.critic import CriticTrainer
from tfmat.ccdcgan.environments.likeness import LikeCompositions
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.environments.pool import Pool
from tfmat.ccdcgan.environments.recipe import AdversarialRecipe
from tfmat.ccdcgan.environments.refreshing import EnergyLearner
from tfmat.ccdcgan.environments.training import energy_metrics, predict
from tfmat.crystals.crystal import Crystal
from tfmat.networks.optimizers import Adam

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# Log probabilities of crystals are sums over tens of choices; a step weighs each choice less.
_PER_CHOICE = 10.0
# Standard deviations beyond which a structure is no better and no worse.
_FARTHEST = 3.0
# Keeps standardised numbers that are all alike within bounds.
_TINY = 1e-3


@dataclass(frozen=True, eq=False)
class Written:
    """What a writer wrote.

    Args:
        tokens: Its choices, a row for each crystal, as ``log_probability`` takes them.
        crystals: The crystals; ``None`` where the choices make none.
    """

    tokens: NDArray[Any]
    crystals: Sequence[Crystal | None]


class Writer(Protocol):
    """A generator that makes choices, each of which has a probability.

    Attributes:
        noise_length: Normal numbers that one crystal takes.
        variables: Its weights, all of which are trained.
    """

    noise_length: int
    variables: list[keras.Variable]

    def sample(self, noise: NDArray[np.float32]) -> Written:
        """Writes a crystal for each row of normal noise ``(n, noise_length)``."""
        ...

    def log_probability(self, tokens: NDArray[Any]) -> tf.Tensor:
        """Returns ln p of choices, shape ``(n,)``, with a gradient to the variables."""
        ...


class AdversarialTrainer:
    """Trains a writer against a critic, under a constraint.

    Choices have no derivative. The plain policy gradient (REINFORCE) pushes the worse half of a
    batch to ever smaller probabilities, and the writer collapses. Instead the likelihood of what
    was written is maximised, each structure weighted by its share of exp(worth) in the batch
    (Che et al. 2017, "MaliGAN"): nothing is pushed away. What is no crystal has the weight 0.

    The worth is the critic's score less ω times the energy, both in standard deviations and the
    energy compared with what has a like composition, since compositions are given, not chosen.

    Args:
        writer: The writer, trained by likelihood.
        draw_training: From a random generator and a number to the tokens of so many training
            structures.
        real: Environments of the training structures, shape ``(n, most_atoms, size)``.
        critic: The critic and how it learns.
        energies: The constraint and how it learns.
        recipe: Weights and steps.
        seed: Seed of noise and batches.
    """

    def __init__(
        self,
        writer: Writer,
        draw_training: Callable[[np.random.Generator, int], NDArray[Any]],
        real: NDArray[np.float32],
        critic: CriticTrainer,
        energies: EnergyLearner,
        recipe: AdversarialRecipe,
        seed: int,
    ) -> None:
        self.writer = writer
        self.critic = critic
        self.energies = energies
        self.recipe = recipe
        self.seed = seed
        self._draw_training = draw_training
        self._real = real
        self._pool = Pool(recipe.pools * recipe.batch_size, *real.shape[1:])
        self._optimizer = Adam(
            recipe.learning_rate, recipe.beta_1, recipe.beta_2, global_clipnorm=1.0
        )
        self._optimizer.build(writer.variables)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold."""
        return [
            *self.writer.variables,
            *self._optimizer.variables,
            *self.critic.variables,
            *self.energies.variables,
            *self._pool.variables,
        ]

    def advance(
        self, first: int, count: int, tick: Callable[[int, str], None]
    ) -> Mapping[str, float]:
        """Does some steps, for :meth:`tfmat.training.loop.Stage.train`.

        Args:
            first: Number of the first.
            count: How many.
            tick: Told of every step.

        Returns:
            Means over the steps, by name.
        """
        values: dict[str, list[float]] = {}
        for number in range(first, first + count):
            for name, value in self.step(number).items():
                values.setdefault(name, []).append(value)
            tick(1, "")
        return {name: float(np.mean(entries)) for name, entries in values.items()}

    def step(self, number: int) -> dict[str, float]:
        """Does one step.

        Args:
            number: Its number, from 0; it chooses noise and batches.

        Returns:
            ``sound`` (share of what was written that are crystals), the critic's mean scores,
            ``predicted_energy`` and, where the constraint was refreshed, ``energy`` (medians,
            eV/atom), and the mean log probabilities of what was written and of training structures.
        """
        recipe = self.recipe
        random = np.random.default_rng([self.seed, number])
        noise = random.normal(size=(recipe.batch_size, self.writer.noise_length))
        written = self.writer.sample(noise.astype(np.float32))
        sound = np.array([row for row, c in enumerate(written.crystals) if c is not None], int)
        crystals = [crystal for crystal in written.crystals if crystal is not None]
        values = {"sound": len(sound) / recipe.batch_size}
        weights = np.zeros(recipe.batch_size, np.float32)
        if crystals:
            descriptor = self.critic.descriptor
            rows = descriptor.padded(crystals, self._real.shape[1])
            self._pool.add(rows)
            values |= self._update_critic(number)
            scores = predict(self.critic.critic, rows)
            predicted = predict(self.energies.constraint, rows)
            worth = self._worth(scores, predicted, crystals)
            weights[sound] = np.exp(worth - worth.max())
            weights /= weights.sum()
            values["predicted_energy"] = float(np.median(predicted))
        values |= self._update_writer(written.tokens, weights, random)
        if crystals and recipe.refresh and (number + 1) % recipe.refresh == 0:
            values["energy"] = self.energies.refresh(crystals, rows, number)
        return values

    def _update_critic(self, number: int) -> dict[str, float]:
        """Updates the critic; before the first step it learns for itself."""
        pool = self._pool.rows
        updates, first = self.recipe.critic_updates, self.critic.recipe.steps
        numbers = range(first + number * updates, first + (number + 1) * updates)
        values: dict[str, float] = {}
        for update in (*range(first * (number == 0)), *numbers):
            values = self.critic.update(self._real, pool, update)
        return values

    def _worth(
        self,
        scores: NDArray[np.float64],
        predicted: NDArray[np.float64],
        crystals: Sequence[Crystal],
    ) -> NDArray[np.float64]:
        like = LikeCompositions(crystals, self.critic.descriptor.numbers)
        cost = _standardised(predicted - like.mean(predicted))
        return _standardised(scores) - self.recipe.omega * cost

    def _update_writer(
        self, tokens: NDArray[Any], weights: NDArray[np.float32], random: np.random.Generator
    ) -> dict[str, float]:
        training = self._draw_training(random, self.recipe.batch_size)
        variables = self.writer.variables
        with tf.GradientTape() as tape:
            of_written = self.writer.log_probability(tokens)
            of_training = tf.reduce_mean(self.writer.log_probability(training))
            gain = tf.reduce_sum(weights * of_written) + self.recipe.likelihood * of_training
            loss = -gain / _PER_CHOICE
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(gradients, variables)
        return {
            "log_probability": float(tf.reduce_mean(of_written)),
            "training_log_probability": float(of_training),
        }


def train_adversarial(
    stage: Stage, trainer: AdversarialTrainer, models: Mapping[str, keras.Model], prefix: str = ""
) -> None:
    """Trains a writer, and writes it with critic and constraint.

    Args:
        stage: Where to train and log; it trains on one device, whatever there are, since writing
            takes longer than learning.
        trainer: The writer, its opponents, and how they learn.
        models: The writer's networks by part, which hold its variables.
        prefix: Put before the names of all networks, beside those of earlier stages.
    """
    stage.train(trainer.recipe.steps, trainer.variables, trainer.advance)
    learner = trainer.energies
    data, rows = learner.data, learner.data.test
    predicted = predict(learner.constraint, data.environments[rows])
    opponents = {CRITIC: trainer.critic.critic, CONSTRAINT: learner.constraint}
    metrics = energy_metrics(predicted, learner.learned(data.energies[rows]), data.kinds[rows])
    found = {f"{prefix}{part}": model for part, model in {**models, **opponents}.items()}
    stage.finish(found, metrics)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = (values - values.mean()) / (values.std() + _TINY)
    return np.asarray(np.clip(centred, -_FARTHEST, _FARTHEST))
