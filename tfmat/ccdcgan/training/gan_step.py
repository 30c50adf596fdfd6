"""One GAN step with explicit gradient tapes, on one device or under tf.distribute.

Keras 3 leaves the discriminator untrained where the released code's habit (compile it, freeze it,
compile the combined model) is followed, so that the three updates are written out here.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import ops

from tfmat.ccdcgan.networks.losses import constraint_loss
from tfmat.ccdcgan.recipe import ConstraintTerm, GanRecipe
from tfmat.networks.gan_step import GanStep
from tfmat.networks.optimizers import adam
from tfmat.networks.replicas import replica_noise


class GanTrainer(GanStep):
    """Trains a generator against a discriminator, under any number of constraints.

    A step updates the discriminator on the real batch, then on a fake one, then the generator on
    the same noise (papers 002 and 004). Its scalars are ``discriminator_real``,
    ``discriminator_fake``, ``generator`` (total), ``generator_adversarial``, and
    ``predicted_<property>`` (in the property's unit) for each constraint.

    All that is random (noise, dropout) is drawn from the seed and the step's index, so that a
    resumed run repeats an unbroken one; the noise of the global batch is drawn as one and shared
    out, so that it does not depend on the number of replicas either.

    Args:
        generator: From noise to crystal graphs.
        discriminator: From crystal graphs to a probability, with a layer called ``logit``.
        constraints: Trained models from crystal graphs to a property, each with its term. They
            are called with ``training=False`` and never change.
        recipe: Learning rate, moments, noise length, moving average.
        seed: Seed of the noise and of dropout.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        constraints: Sequence[tuple[keras.Model, ConstraintTerm]],
        recipe: GanRecipe,
        seed: int,
    ) -> None:
        super().__init__(generator, adam(recipe.learning_rate, recipe), recipe.ema, seed)
        self.discriminator = discriminator
        self.discriminator_optimizer = adam(recipe.learning_rate, recipe)
        self.constraints = [(model, term, constraint_loss(term)) for model, term in constraints]
        self.recipe = recipe
        self._logit = keras.Model(discriminator.input, discriminator.get_layer("logit").output)
        self._cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        seeded = [getattr(layer, "seed_generator", None) for layer in discriminator.layers]
        self._dropout_states = {id(generator.state) for generator in seeded if generator}

    @property
    def variables_groups(self) -> dict[str, list[keras.Variable]]:
        """Everything that a checkpoint must hold, by name."""
        return {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
            "generator_average": self.average.variables,
        }

    def _opponent(self) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        return self.discriminator, self.discriminator_optimizer

    def _replica_step(self, real: tf.Tensor, step_index: tf.Tensor) -> dict[str, tf.Tensor]:
        noise, seeds = self._draw(tf.shape(real)[0], step_index)
        # The original calls `predict` for the discriminator, before the generator's own pass.
        shown = None
        if self.recipe.discriminator_fakes == "inference":
            shown = self.generator(noise, training=False)
        with tf.GradientTape() as through_generator:
            fake = self.generator(noise, training=True)
        on_real = self._update_discriminator(real, 1.0, seeds[0])
        on_fake = self._update_discriminator(fake if shown is None else shown, 0.0, seeds[1])
        scalars, gradient = self._generator_loss(fake, seeds[2])
        weights = [variable.value for variable in self.generator.trainable_variables]
        # The generator did not change since `fake` was made, so the chain rule continues there.
        gradients = through_generator.gradient(fake, weights, output_gradients=gradient)
        self.generator_optimizer.apply(gradients, self.generator.trainable_variables)
        return {"discriminator_real": on_real, "discriminator_fake": on_fake, **scalars}

    def _draw(self, batch: tf.Tensor, step_index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns this replica's noise ``(batch, latent)`` and 3 seeds for dropout ``(3, 2)``."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        key = tf.stack([tf.constant(self.seed, tf.int64), step_index])
        noise = replica_noise(batch, self.recipe.latent, key)
        key = tf.random.experimental.stateless_fold_in(key, tf.cast(replica, tf.int64) + 1)
        seeds = tf.random.stateless_uniform((3, 2), key, 0, 2**31 - 1, tf.int64)
        return noise, seeds

    def _logits(self, graphs: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Calls the discriminator without side effects; Keras would repeat dropout per replica."""
        model = self._logit
        state = [
            tf.cast(seed, variable.dtype) if id(variable) in self._dropout_states else variable
            for variable in model.non_trainable_variables
        ]
        weights = [variable.value for variable in model.trainable_variables]
        logits, new_state = model.stateless_call(weights, state, graphs, training=True)
        return logits, new_state

    def _update_discriminator(self, graphs: tf.Tensor, label: float, seed: tf.Tensor) -> tf.Tensor:
        graphs = tf.stop_gradient(graphs)
        with tf.GradientTape() as tape:
            with tf.GradientTape() as of_graphs:
                of_graphs.watch(graphs)
                logits, new_state = self._logits(graphs, seed)
            loss = self._cross_entropy(tf.fill(tf.shape(logits), label), logits)
            total = loss
            if label and self.recipe.gradient_penalty:
                slopes = tf.reduce_sum(tf.square(of_graphs.gradient(logits, graphs)), [1, 2, 3])
                # Keras divides its own losses by the number of replicas, this one it does not know.
                share = self.recipe.gradient_penalty / self._strategy.num_replicas_in_sync
                total += 0.5 * share * tf.reduce_mean(slopes)
        weights = [variable.value for variable in self._logit.trainable_variables]
        self.discriminator_optimizer.apply(
            tape.gradient(total, weights), self._logit.trainable_variables
        )
        for variable, value in zip(self._logit.non_trainable_variables, new_state, strict=True):
            if id(variable) not in self._dropout_states:
                variable.assign(value)
        return loss

    def _generator_loss(
        self, fake: tf.Tensor, seed: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns the parts of the generator's loss and its gradient with respect to ``fake``."""
        replicas = self._strategy.num_replicas_in_sync
        scalars = {}
        with tf.GradientTape() as tape:
            tape.watch(fake)
            # Its new batch statistics are dropped: this update must not touch the discriminator.
            logits, _ = self._logits(fake, seed)
            total = self._cross_entropy(tf.ones_like(logits), logits)
            scalars["generator_adversarial"] = total
            for model, term, loss in self.constraints:
                predicted = model(fake, training=False)
                scalars[f"predicted_{term.property}"] = ops.mean(predicted) / replicas
                total += term.weight * loss(predicted, predicted)
        scalars["generator"] = total
        return scalars, tape.gradient(total, fake)
