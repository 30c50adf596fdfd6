"""One Wasserstein GAN step with explicit gradient tapes, on one device or under tf.distribute."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfmat.matgan.elements import MAX_COUNT
from tfmat.matgan.recipe import CriticGanRecipe
from tfmat.networks.gan_step import GanStep
from tfmat.networks.optimizers import adam, scheduled
from tfmat.networks.replicas import replica_noise, replica_uniform


class WganTrainer(GanStep):
    """Trains a generator against a critic (Gulrajani et al. 2017, algorithm 1; paper 000).

    A step takes atoms of each element ``(batch, critic_steps, 85)``, uint8. It updates the critic
    ``critic_steps`` times, each on real formulas of their own and on new noise, then the generator.
    Its scalars, means over the updates, too, are ``critic_loss``, ``wasserstein`` (mean score of
    real less that of fake formulas), ``slope`` (norm of the critic's gradient; under the penalty
    only) and ``generator_loss``.

    All that is random is drawn from the seed and the number of the update, for the global batch as
    one: a resumed run repeats an unbroken one, whatever the number of replicas.

    Batch normalisation in the critic sees real, fake and mixed batches apart, as the original does;
    its moving statistics follow the real and the fake ones only.

    Args:
        generator: From noise to composition matrices.
        critic: From composition matrices to a score.
        recipe: Loss, learning rates, moments, noise length, moving average.
        seed: Seed of noise and interpolation.
    """

    def __init__(
        self, generator: keras.Model, critic: keras.Model, recipe: CriticGanRecipe, seed: int
    ) -> None:
        def optimizer(rate: float, updates: int) -> keras.optimizers.Adam:
            return adam(scheduled(rate, recipe.schedule, updates), recipe)

        super().__init__(
            generator, optimizer(recipe.generator_rate, recipe.steps), recipe.ema, seed
        )
        self.critic = critic
        self.critic_optimizer = optimizer(recipe.critic_rate, recipe.steps * recipe.critic_steps)
        self.recipe = recipe

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold."""
        return [
            *self.generator.variables,
            *self.critic.variables,
            *self.generator_optimizer.variables,
            *self.critic_optimizer.variables,
            *self.average.variables,
        ]

    def _opponent(self) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        return self.critic, self.critic_optimizer

    def _replica_step(self, real: tf.Tensor, step_index: tf.Tensor) -> dict[str, tf.Tensor]:
        updates = self.recipe.critic_steps
        found = [
            self._update_critic(matrices(real[:, i]), step_index * (updates + 1) + i)
            for i in range(updates)
        ]
        scalars = {name: tf.add_n([each[name] for each in found]) / updates for name in found[0]}
        scalars |= self._update_generator(real[:, 0], step_index * (updates + 1) + updates)
        return {
            name: value / self._strategy.num_replicas_in_sync for name, value in scalars.items()
        }

    def _keys(self, update: tf.Tensor) -> tf.Tensor:
        """Returns two seeds ``(2, 2)`` of an update: noise and interpolation."""
        key = tf.stack([tf.constant(self.seed, tf.int64), update])
        fold = tf.random.experimental.stateless_fold_in
        return tf.stack([fold(key, 0), fold(key, 1)])

    def _update_critic(self, real: tf.Tensor, update: tf.Tensor) -> dict[str, tf.Tensor]:
        keys = self._keys(update)
        batch = tf.shape(real)[0]
        noise = replica_noise(batch, self.recipe.latent, keys[0])
        # Without side effects: the generator's batch statistics move in its own update.
        fake, _ = self.generator.stateless_call(
            [variable.value for variable in self.generator.trainable_variables],
            [variable.value for variable in self.generator.non_trainable_variables],
            noise,
            training=True,
        )
        weights = [variable.value for variable in self.critic.trainable_variables]
        state = [variable.value for variable in self.critic.non_trainable_variables]
        with tf.GradientTape() as tape:
            on_real, state = self.critic.stateless_call(weights, state, real, training=True)
            on_fake, state = self.critic.stateless_call(weights, state, fake, training=True)
            wasserstein = tf.reduce_mean(on_real) - tf.reduce_mean(on_fake)
            loss, scalars = -wasserstein, {"wasserstein": wasserstein}
            if self.recipe.lipschitz == "penalty":
                share = tf.reshape(replica_uniform(batch, keys[1]), (-1, 1, 1, 1))
                slope = self._slope(weights, state, real + share * (fake - real))
                loss += self.recipe.penalty * tf.reduce_mean(tf.square(slope - 1.0))
                scalars["slope"] = tf.reduce_mean(slope)
            # Gradients are summed over the replicas.
            shared = loss / self._strategy.num_replicas_in_sync
        self.critic_optimizer.apply(tape.gradient(shared, weights), self.critic.trainable_variables)
        if self.recipe.lipschitz == "clipping":
            for variable in self.critic.trainable_variables:
                clipped = tf.clip_by_value(variable.value, -self.recipe.clip, self.recipe.clip)
                variable.assign(clipped)
        for variable, value in zip(self.critic.non_trainable_variables, state, strict=True):
            variable.assign(value)
        return {"critic_loss": loss, **scalars}

    def _slope(self, weights: list[Any], state: list[Any], mixed: tf.Tensor) -> tf.Tensor:
        """Returns the norm of the score's gradient at each matrix, shape ``(batch,)``."""
        with tf.GradientTape() as tape:
            tape.watch(mixed)
            # Its batch statistics are dropped: they belong to no data.
            scores, _ = self.critic.stateless_call(weights, state, mixed, training=True)
        gradient = tape.gradient(scores, mixed)
        squares = tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3])
        return tf.sqrt(squares + self.recipe.penalty_root)

    def _update_generator(self, real: tf.Tensor, update: tf.Tensor) -> dict[str, tf.Tensor]:
        noise = replica_noise(tf.shape(real)[0], self.recipe.latent, self._keys(update)[0])
        critic_weights = [variable.value for variable in self.critic.trainable_variables]
        critic_state = [variable.value for variable in self.critic.non_trainable_variables]
        weights = [variable.value for variable in self.generator.trainable_variables]
        state = [variable.value for variable in self.generator.non_trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            fake, state = self.generator.stateless_call(weights, state, noise, training=True)
            # This update must not touch the critic: its new statistics are dropped.
            scores, _ = self.critic.stateless_call(
                critic_weights, critic_state, fake, training=True
            )
            loss = -tf.reduce_mean(scores)
            shared = loss / self._strategy.num_replicas_in_sync
        self.generator_optimizer.apply(
            tape.gradient(shared, weights), self.generator.trainable_variables
        )
        for variable, value in zip(self.generator.non_trainable_variables, state, strict=True):
            variable.assign(value)
        return {"generator_loss": loss}


def matrices(counts: tf.Tensor) -> tf.Tensor:
    """Returns composition matrices.

    Args:
        counts: Atoms of each element ``(batch, 85)``, 0 to 8.

    Returns:
        Shape ``(batch, 8, 85, 1)``, float32; an element that is absent has an all-zero column.
    """
    # Row -1, which an absent element asks for, is none.
    rows = tf.one_hot(tf.cast(counts, tf.int32) - 1, MAX_COUNT, axis=1)
    return rows[..., tf.newaxis]
