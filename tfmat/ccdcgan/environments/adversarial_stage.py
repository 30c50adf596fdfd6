"""The stage in which the trained writer learns from critic and constraint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.adversarial import AdversarialTrainer, Written, train_adversarial
from tfmat.ccdcgan.environments.critic import CriticTrainer
from tfmat.ccdcgan.environments.labels import energy_of
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.environments.refreshing import EnergyLearner
from tfmat.ccdcgan.environments.stages import TRAINED, environments_of, numbers_of, of_kind
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.training.data import TrainingData
from tfmat.ccdcgan.writer.compositions import Compositions
from tfmat.ccdcgan.writer.exporting import writes
from tfmat.ccdcgan.writer.generating import attempts_of
from tfmat.ccdcgan.writer.network import log_probability
from tfmat.ccdcgan.writer.noise import noise_length
from tfmat.ccdcgan.writer.sampling import BATCH, sample
from tfmat.ccdcgan.writer.tokens import Examples
from tfmat.ccdcgan.writer.training import LIKELIHOOD, WrittenFrom, vocabulary
from tfmat.ccdcgan.writer.writing import build_writing
from tfmat.relaxation.potentials.registry import find_potential

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# Attempts at a crystal in training, where every one is a call of the network for the few that are
# left, and what fails in the end is only not learned from.
_ATTEMPTS = 8


class CrystalWriter:
    """The writer as the adversarial training knows it.

    Args:
        likelihood: Its trained network of probabilities.
        recipe: The whole recipe.
        known: What it takes from its training data beside weights.
    """

    def __init__(self, likelihood: keras.Model, recipe: CcdcganRecipe, known: WrittenFrom) -> None:
        self._likelihood = likelihood
        numbers = numbers_of(recipe)
        self._table = Compositions.of(known.compositions.tolist(), numbers, recipe.data.max_atoms)
        attempts = min(recipe.writer.attempts, _ATTEMPTS)
        temperature = recipe.adversarial.temperature
        self._settings = replace(recipe.writer, temperature=temperature, attempts=attempts)
        words = vocabulary(recipe, numbers)
        network = build_writing(likelihood, self._settings, words, known.limits)
        self._write = writes(network, BATCH)
        self._length = noise_length(recipe.writer, recipe.data.max_atoms)
        self.noise_length = 1 + attempts * self._length
        self.variables: list[keras.Variable] = likelihood.trainable_variables

    def sample(self, noise: NDArray[np.float32]) -> Written:
        """Writes a crystal for each row of normal noise ``(n, noise_length)``."""
        shape = (len(noise), self._settings.attempts, self._length)
        attempts = attempts_of(noise[:, 1:].reshape(shape), self._settings)
        return Written(*sample(attempts, self._table.draw(noise[:, 0]), self._write))

    def log_probability(self, tokens: NDArray[Any]) -> Any:
        """Returns ln p of choices, shape ``(n,)``, with a gradient to the variables."""
        return log_probability(self._likelihood, tokens)


def train_against(stage: Stage, recipe: CcdcganRecipe, data: TrainingData) -> None:
    """Trains the writer against critic and constraint, and writes all three anew.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The structures.
    """
    run, settings = stage.run, recipe.adversarial
    likelihood = run.network(LIKELIHOOD)
    _, labelled = environments_of(stage, recipe)
    train = [data.crystals[row] for row in data.train]
    examples = Examples.of(train, vocabulary(recipe, data.numbers))

    def draw(random: np.random.Generator, count: int) -> NDArray[Any]:
        rows = random.integers(len(examples), size=count)
        return examples.draw(rows, random, recipe.writer.jitter)

    trainer = AdversarialTrainer(
        CrystalWriter(likelihood, recipe, WrittenFrom.open(run)),
        draw,
        of_kind(labelled, labelled.train, "relaxed"),
        CriticTrainer(labelled.descriptor, labelled.most_atoms, recipe.critic, stage.seed),
        EnergyLearner(
            run.network(CONSTRAINT),
            recipe.energies,
            labelled,
            energy_of(find_potential(recipe.labels.potential), data.numbers),
            updates=settings.refresh_updates,
            batch=settings.batch_size,
            seed=stage.seed,
        ),
        settings,
        stage.seed,
    )
    train_adversarial(stage, trainer, {LIKELIHOOD: likelihood}, TRAINED)
