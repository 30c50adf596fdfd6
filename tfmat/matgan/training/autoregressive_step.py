"""The adversarial step of a generator that makes decisions."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from tfmat.matgan.elements import MAX_COUNT
from tfmat.matgan.networks.autoregressive import AutoregressiveNetworks
from tfmat.matgan.recipe import CriticGanRecipe
from tfmat.matgan.recipe_autoregressive import PolicyRecipe
from tfmat.matgan.training.gan_step import WganTrainer
from tfmat.networks.replicas import replica_noise

# Keeps the standardised scores of a critic that tells nothing apart within bounds.
_TINY = 1e-3


class AutoregressiveTrainer(WganTrainer):
    """Trains an autoregressive generator against a critic.

    The critic's updates are those of :class:`~tfmat.matgan.training.gan_step.WganTrainer`.
    Decisions have no derivative, so the generator follows the policy gradient (Williams 1992,
    REINFORCE): the log probability of each formula that it made rises in proportion to what the
    formula is worth, less the mean over the batch. The update adds up three terms:

    * the critic's score, standardised over the batch;
    * rarity: among ``sample_size`` formulas one of probability p has about ``sample_size`` p
      copies, and costs ln(1 + that);
    * the likelihood of training formulas, which keeps what was learned before.

    Args:
        networks: Generator and likelihood of the same weights.
        critic: From composition matrices to a score.
        recipe: As for the base class.
        policy: Weights of the terms.
        seed: Seed of noise and interpolation.
    """

    def __init__(
        self,
        networks: AutoregressiveNetworks,
        critic: keras.Model,
        recipe: CriticGanRecipe,
        policy: PolicyRecipe,
        seed: int,
    ) -> None:
        super().__init__(networks.generator, critic, recipe, seed)
        self.likelihood = networks.likelihood
        self.policy = policy

    def _update_generator(self, real: tf.Tensor, update: tf.Tensor) -> dict[str, tf.Tensor]:
        noise = replica_noise(tf.shape(real)[0], self.recipe.latent, self._keys(update)[0])
        made = self.generator(noise, training=False)
        scores = self.critic(made, training=False)[:, 0]
        rows = tf.reshape(tf.range(1.0, MAX_COUNT + 1), (1, MAX_COUNT, 1))
        counts = tf.reduce_sum(made[..., 0] * rows, axis=1)
        variables = self.likelihood.trainable_variables
        weights = [variable.value for variable in variables]
        state = [variable.value for variable in self.likelihood.non_trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            both = tf.concat([counts, tf.cast(real, tf.float32)], axis=0)
            logarithms, _ = self.likelihood.stateless_call(weights, state, both, training=False)
            log_probability, of_real = tf.split(tf.reduce_sum(logarithms, axis=1), 2)
            worth = self.policy.critic * _standardised(scores)
            cost = self.policy.rarity * self._cost(log_probability)
            policy = tf.reduce_mean((worth - cost) * log_probability)
            likelihood = tf.reduce_mean(of_real)
            loss = -policy - self.policy.likelihood * likelihood
            shared = loss / self._strategy.num_replicas_in_sync
        gradients = [tf.convert_to_tensor(each) for each in tape.gradient(shared, weights)]
        self.generator_optimizer.apply(gradients, variables)
        return {
            "generator_score": tf.reduce_mean(scores),
            "training_log_probability": likelihood,
            "entropy": -tf.reduce_mean(log_probability),
        }

    def _cost(self, log_probability: tf.Tensor) -> tf.Tensor:
        """Returns what copies of each formula cost ``(batch,)``, less the mean."""
        copies = tf.stop_gradient(log_probability) + math.log(self.policy.sample_size)
        # The cost depends on the weights itself: the second term is its own derivative.
        cost = tf.nn.softplus(copies) + tf.nn.sigmoid(copies)
        return cost - _global_mean(cost)


def _standardised(scores: tf.Tensor) -> tf.Tensor:
    """Returns scores ``(batch,)`` with mean 0 and deviation 1 over the global batch."""
    centred = scores - _global_mean(scores)
    return centred / (tf.sqrt(_global_mean(tf.square(centred))) + _TINY)


def _global_mean(values: tf.Tensor) -> tf.Tensor:
    """Returns the mean over the batches of all replicas, which are of one size."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.reduce_mean(values))
