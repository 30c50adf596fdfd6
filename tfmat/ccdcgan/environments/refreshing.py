"""The constraint goes on learning from what is written, while the writer changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.pool import Pool
from tfmat.ccdcgan.environments.recipe import EnergyRecipe
from tfmat.ccdcgan.environments.training import EnvironmentData
from tfmat.crystals.crystal import Crystal
from tfmat.networks.optimizers import AdamW

# From structures to their formation energies as they are, eV/atom; NaN where there is none.
EnergyOf = Callable[[Sequence[Crystal]], NDArray[np.float64]]

# Structures written at the last so many refreshings are remembered.
_REMEMBERED = 8
# The rest of a batch are structures from before, so that they are not forgotten.
_NEW_SHARE = 0.75
# Of the learning rate that the constraint learned with: it is nearly there.
_RATE = 0.25


class EnergyLearner:
    """The constraint, and how it learns the energies of what a writer writes.

    Args:
        constraint: The trained constraint.
        recipe: As it was trained.
        data: What it learned from.
        energy_of: The potential.
        updates: Updates at each refreshing.
        batch: Structures that the writer writes at a time.
        seed: Seed of the batches.
    """

    def __init__(
        self,
        constraint: keras.Model,
        recipe: EnergyRecipe,
        data: EnvironmentData,
        energy_of: EnergyOf,
        *,
        updates: int,
        batch: int,
        seed: int,
    ) -> None:
        self.constraint = constraint
        self.recipe = recipe
        self.data = data
        self.updates = updates
        self.seed = seed
        self._energy_of = energy_of
        self._pool = Pool(_REMEMBERED * batch, *data.environments.shape[1:])
        self._optimizer = AdamW(_RATE * recipe.learning_rate, weight_decay=recipe.weight_decay)
        self._optimizer.build(constraint.trainable_variables)
        self._loss = keras.losses.Huber(recipe.huber)
        self._function = tf.function(self._update)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold."""
        return [*self.constraint.variables, *self._optimizer.variables, *self._pool.variables]

    def refresh(self, crystals: Sequence[Crystal], rows: NDArray[np.float32], number: int) -> float:
        """Learns the energies of structures.

        Args:
            crystals: The structures.
            rows: Their environments, shape ``(n, most_atoms, size)``.
            number: Number of the step; it chooses the batches.

        Returns:
            The median of their energies, eV/atom.
        """
        energies = self._energy_of(crystals)
        known = np.isfinite(energies)
        self._pool.add(rows[known], self.learned(energies[known]))
        if not len(self._pool):
            return float("nan")
        new, new_energies = self._pool.rows, self._pool.values
        train = self.data.train
        of_new = round(_NEW_SHARE * self.recipe.batch_size)
        random = np.random.default_rng([self.seed, number])
        for _ in range(self.updates):
            some = random.integers(len(new), size=of_new)
            old = train[random.integers(len(train), size=self.recipe.batch_size - of_new)]
            self._function(
                tf.constant(np.concatenate([new[some], self.data.environments[old]])),
                tf.constant(
                    np.concatenate(
                        [new_energies[some], self.learned(self.data.energies[old])]
                    ).astype(np.float32)[:, None]
                ),
            )
        return float(np.median(energies[known])) if known.any() else float("nan")

    def learned(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns energies as they are learned: none below or above the recipe's bounds.

        Args:
            energies: eV/atom, shape ``(n,)``.
        """
        return np.clip(energies, self.recipe.lowest, self.recipe.highest)

    def _update(self, rows: tf.Tensor, energies: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = self._loss(energies, self.constraint(rows, training=True))
        weights = [variable.value for variable in self.constraint.trainable_variables]
        self._optimizer.apply(tape.gradient(loss, weights), self.constraint.trainable_variables)
