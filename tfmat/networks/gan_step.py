"""What the steps of all GANs share: replicas, sums over them, the generator's moving average."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import keras
import tensorflow as tf

from tfmat.networks.average import WeightAverage


class GanStep(ABC):
    """A step of a generator against an opponent, on one device or under ``tf.distribute``.

    Make it, and call :meth:`build`, inside the scope of the strategy.

    Args:
        generator: The generator.
        optimizer: Updates the generator.
        ema: Decay of the moving average of the generator's weights; 0 means none.
        seed: Seed of all that is random.
    """

    def __init__(
        self,
        generator: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        ema: float,
        seed: int,
    ) -> None:
        self.generator = generator
        self.generator_optimizer = optimizer
        self.seed = seed
        self._ema = ema
        self._function: Any = None

    def build(self) -> None:
        """Creates the variables of both optimisers and of the moving average."""
        self._strategy = tf.distribute.get_strategy()
        self.generator_optimizer.build(self.generator.trainable_variables)
        opponent, optimizer = self._opponent()
        optimizer.build(opponent.trainable_variables)
        self.average = WeightAverage(self.generator, self._ema)
        self._function = tf.function(self._global_step)

    def step(self, real: Any, step_index: int) -> dict[str, tf.Tensor]:
        """Does one step.

        Args:
            real: A batch of real samples; under a strategy its per-replica value, with the same
                batch on each replica.
            step_index: Number of the step, from 0; it chooses the noise.

        Returns:
            Scalars, means over the global batch; those of the class.
        """
        result: dict[str, tf.Tensor] = self._function(real, tf.constant(step_index, tf.int64))
        return result

    def _global_step(self, real: Any, step_index: tf.Tensor) -> dict[str, tf.Tensor]:
        per_replica = self._strategy.run(self._replica_step, args=(real, step_index))
        # Already divided by the number of replicas, so their sum is the global mean.
        scalars = {
            name: self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in per_replica.items()
        }
        self.average.update(step_index)
        return scalars

    @abstractmethod
    def _opponent(self) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        """Returns discriminator or critic, and its optimiser."""

    @abstractmethod
    def _replica_step(self, real: tf.Tensor, step_index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Does the step of one replica; returns its share of the scalars' means."""
