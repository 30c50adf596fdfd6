"""Trains the writer of crystals by likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.training.data import TrainingData
from tfmat.ccdcgan.writer.contacts import contact_limits
from tfmat.ccdcgan.writer.network import build_likelihood
from tfmat.ccdcgan.writer.tokens import Examples, Tokens, Vocabulary
from tfmat.metric import Metric
from tfmat.networks.backend import call
from tfmat.networks.batches import Batches, BatchSampler, spread
from tfmat.networks.likelihood import compile_likelihood
from tfmat.reading import load_array

if TYPE_CHECKING:
    from tfmat.training.loop import Stage
    from tfmat.training.run import Run

STAGE = "writer"
LIKELIHOOD = "likelihood"
# Held-out crystals whose probability is computed at a chunk's end, and at once.
SAMPLE = 256


@dataclass(frozen=True)
class WrittenFrom:
    """What the writer takes from its training data beside weights.

    Args:
        limits: Least distances between atoms of two elements in Å, shape ``(elements, elements)``.
        compositions: Atoms of each element in the compositions of the training structures, and how
            many have it, shape ``(compositions, elements + 1)``.
    """

    limits: NDArray[np.float64]
    compositions: NDArray[np.int32]

    @classmethod
    def open(cls, run: Run) -> WrittenFrom:
        """Reads it from a run that has trained the writer.

        Raises:
            InputError: A file was changed since it was written, or is damaged.
        """
        run.check_stage(STAGE)
        folder = run.stage_folder(STAGE)
        return cls(load_array(folder / "limits.npy"), load_array(folder / "compositions.npy"))


def vocabulary(recipe: CcdcganRecipe, numbers: tuple[int, ...]) -> Vocabulary:
    """Returns what the rows of tokens of a recipe can say.

    Args:
        recipe: The whole recipe.
        numbers: Atomic numbers of the elements.
    """
    return Vocabulary(numbers, recipe.data.max_atoms, recipe.data.max_length)


def train_writer(stage: Stage, recipe: CcdcganRecipe, data: TrainingData) -> None:
    """Maximises the likelihood of the training structures and writes the network ``likelihood``.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The structures.
    """
    settings, words = recipe.writer, vocabulary(recipe, data.numbers)
    stage.devices.check_batch(settings.batch_size, "writer.batch_size")
    crystals = [data.crystals[index] for index in data.train]
    train = Examples.of(crystals, words)
    test = Examples.of([data.crystals[index] for index in data.test], words)
    keras.utils.set_random_seed(stage.seed)
    with stage.devices.scope():
        likelihood = build_likelihood(settings, words)
        # What is kept has no optimiser.
        network = keras.Model(likelihood.input, likelihood.output)
        compile_likelihood(
            network, settings.learning_rate, settings.steps, settings.weight_decay, beta_2=0.98
        )
    sampler = _Numbered(BatchSampler(len(train), settings.batch_size, stage.seed))

    def draw(numbered: NDArray[np.intp]) -> tuple[Tokens, Tokens]:
        step, rows = numbered[0], numbered[1:]
        random = np.random.default_rng([stage.seed, 1, int(step)])
        tokens = train.draw(rows, random, settings.jitter)
        return tokens, tokens

    def held_out(count: int) -> float:
        rows = spread(np.arange(len(test)), count)
        tokens = test.draw(rows, np.random.default_rng(stage.seed))
        parts = np.array_split(tokens, max(1, len(tokens) // SAMPLE))
        return float(
            -np.concatenate([call(network, part, len(parts[0])) for part in parts])
            .sum(axis=1)
            .mean()
        )

    def validate(_: int) -> Mapping[str, float]:
        return {"test_loss": held_out(SAMPLE)} if len(test) else {}

    stage.fit(
        network,
        lambda first, count: Batches(draw, sampler, first, count, apart=False),
        settings.steps,
        validate,
    )
    metrics = []
    if len(test):
        note = f"mean negative log-likelihood of {len(test)} held-out structures, given composition"
        metrics.append(
            Metric(
                "test_negative_log_likelihood",
                held_out(len(test)),
                "nat",
                denominator=len(test),
                note=note,
            )
        )
    folder = stage.run.stage_folder(STAGE)
    found, how_many = np.unique(train.counts, axis=0, return_counts=True)
    arrays: dict[str, NDArray[Any]] = {
        "limits": contact_limits(crystals, data.numbers),
        "compositions": np.column_stack([found, how_many]).astype(np.int32),
    }
    for name, array in arrays.items():
        with files.replacing(folder / f"{name}.npy") as temporary, temporary.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
    stage.finish({LIKELIHOOD: likelihood}, metrics, [folder / f"{name}.npy" for name in arrays])


@dataclass(frozen=True)
class _Numbered:
    """Puts the number of the step before its rows, so that what is drawn depends on it."""

    sampler: BatchSampler

    def __call__(self, step: int) -> NDArray[np.intp]:
        return np.concatenate([[step], self.sampler(step)])
