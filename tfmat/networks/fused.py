"""Adam and AdamW for TensorFlow, of few operations a variable.

Keras computes the learning rate, with the branches of its schedule, anew for every variable and
builds an update from ten operations. A writer has 150 variables, most of them small, so most of the
operations of its step were these, and most of the time until the first step went into their graph.
Here a step computes its sizes once, and a variable is updated by the kernel that TensorFlow has for
it.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class _Fused(keras.optimizers.Adam):
    """What both have: the update, and clipping by the gradient of the whole batch.

    Keras clips what each replica of a ``tf.distribute`` strategy has found, and sums then: parts of
    a gradient are shorter than it is, so that less is clipped, and the more replicas the less.
    """

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        # Gradients of tables are lists of rows until here, in which a row may stand twice.
        dense = [tf.convert_to_tensor(gradient) for gradient in grads]
        context = tf.distribute.get_replica_context()
        replicas = 1 if context is None else context.num_replicas_in_sync
        if self.global_clipnorm is None or replicas == 1:
            clipped: list[Any] = super()._clip_gradients(dense)
            return clipped
        clipped = super()._clip_gradients(context.all_reduce(tf.distribute.ReduceOp.SUM, dense))
        # Keras sums them again.
        return [gradient / replicas for gradient in clipped]

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Does nothing: :meth:`update_step` shrinks a variable before it moves it."""

    def _backend_update_step(self, grads: list[Any], variables: list[Any], rate: Any) -> None:
        rate = tf.cast(rate, tf.float32)
        step = tf.cast(self.iterations.value, tf.float32) + 1.0
        unbiased = tf.sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)
        # Keras hands it on to each variable as its learning rate.
        sizes = tf.stack([rate * unbiased, rate * (self.weight_decay or 0.0)])
        super()._backend_update_step(grads, variables, sizes)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Changes one variable.

        Args:
            gradient: Its gradient.
            variable: The variable, of one replica.
            learning_rate: How far to go, the bias of both moments included; share to decay by.
        """
        size, decay = tf.unstack(tf.cast(learning_rate, variable.dtype))
        if self.weight_decay and self._use_weight_decay(variable):
            variable.assign_sub(variable * decay)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            # Their bias is in the size.
            beta1_power=tf.zeros((), variable.dtype),
            beta2_power=tf.zeros((), variable.dtype),
            lr=size,
            beta1=tf.constant(self.beta_1, variable.dtype),
            beta2=tf.constant(self.beta_2, variable.dtype),
            epsilon=tf.constant(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )


class Adam(_Fused):
    """Keras' Adam, with :class:`_Fused` updates."""


class AdamW(_Fused, keras.optimizers.AdamW):
    """Keras' AdamW, with :class:`_Fused` updates."""
