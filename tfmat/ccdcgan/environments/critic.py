"""The critic of environments: which structures look real."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.network import build_network
from tfmat.ccdcgan.environments.parts import CRITIC
from tfmat.ccdcgan.environments.recipe import CriticRecipe
from tfmat.networks.optimizers import AdamW
from tfmat.networks.replicas import of_all_replicas, share


class CriticTrainer:
    """Teaches a critic to tell real structures from written ones.

    The loss is the logistic one with R1 (Mescheder et al. 2018, Eq. 9): no gradient at real
    structures. Noise on the environments and weight decay keep it from learning the real ones by
    heart. Make it in the scope of the devices.

    Args:
        descriptor: What is seen of an atom.
        most_atoms: Rows of a structure.
        recipe: Sizes and training.
        seed: Seed of weights, batches and noise.

    Attributes:
        critic: The network, from environments to a score.
    """

    def __init__(
        self, descriptor: Descriptor, most_atoms: int, recipe: CriticRecipe, seed: int
    ) -> None:
        keras.utils.set_random_seed(seed)
        self.descriptor = descriptor
        self.recipe = recipe
        self.seed = seed
        self.critic = build_network(
            descriptor,
            most_atoms,
            units=recipe.units,
            depth=recipe.depth,
            noise=recipe.noise,
            name=CRITIC,
        )
        self._optimizer = AdamW(
            recipe.learning_rate, recipe.weight_decay, recipe.beta_1, recipe.beta_2
        )
        self._optimizer.build(self.critic.trainable_variables)
        self._strategy = tf.distribute.get_strategy()
        self._function = of_all_replicas(self._update, self._strategy)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold."""
        return [*self.critic.variables, *self._optimizer.variables]

    def update(
        self, real: NDArray[np.float32], written: NDArray[np.float32], number: int
    ) -> dict[str, float]:
        """Does one update.

        Args:
            real: Environments of all real structures, shape ``(n, most_atoms, size)``.
            written: Environments of written ones, shape ``(m, most_atoms, size)``.
            number: Number of the update; it chooses the batches.

        Returns:
            Mean scores of the batches: ``critic_real`` and ``critic_written``.
        """
        random = np.random.default_rng([self.seed, number])
        size = self.recipe.batch_size
        batches = [
            share(rows[random.integers(len(rows), size=size)], self._strategy)
            for rows in (real, written)
        ]
        on_real, on_written = self._function(*batches)
        return {"critic_real": float(on_real), "critic_written": float(on_written)}

    def _update(self, real: tf.Tensor, written: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        replicas = self._strategy.num_replicas_in_sync
        with tf.GradientTape() as tape:
            with tf.GradientTape() as of_real:
                of_real.watch(real)
                on_real = self.critic(real, training=True)
            on_written = self.critic(written, training=True)
            slopes = tf.reduce_sum(tf.square(of_real.gradient(on_real, real)), [1, 2])
            loss = (
                tf.reduce_mean(tf.nn.softplus(-on_real))
                + tf.reduce_mean(tf.nn.softplus(on_written))
                + 0.5 * self.recipe.gradient_penalty * tf.reduce_mean(slopes)
            )
            loss /= replicas
        weights = [variable.value for variable in self.critic.trainable_variables]
        self._optimizer.apply(tape.gradient(loss, weights), self.critic.trainable_variables)
        return tf.reduce_mean(on_real) / replicas, tf.reduce_mean(on_written) / replicas
