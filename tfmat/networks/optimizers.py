"""Optimisers with the learning-rate schedules that recipes name."""

from __future__ import annotations

from typing import Any

import keras

from tfmat.networks.muon import Muon


class AdamW(keras.optimizers.AdamW):
    """AdamW that clips the gradient of the whole batch, as one device does.

    Keras clips what each replica of a ``tf.distribute`` strategy has found, and sums then: parts of
    a gradient are shorter than it is, so that less is clipped, and the more replicas the less.
    """

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        replicas = 1
        if self.global_clipnorm is not None and keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            context = tf.distribute.get_replica_context()
            replicas = 1 if context is None else context.num_replicas_in_sync
        if replicas > 1:
            # Gradients of tables are lists of rows until here.
            dense = [tf.convert_to_tensor(gradient) for gradient in grads]
            grads = context.all_reduce(tf.distribute.ReduceOp.SUM, dense)
        clipped = super()._clip_gradients(grads)
        # Keras sums them again.
        return clipped if replicas == 1 else [gradient / replicas for gradient in clipped]


def optimizer(recipe: Any) -> keras.optimizers.Optimizer:
    """Returns the optimiser of a stage's recipe, with its learning rate and schedule.

    Args:
        recipe: Has ``learning_rate``, ``schedule``, ``steps``, ``beta_1``, ``beta_2`` and
            ``epsilon``; ``optimizer`` (``adam`` without) where it has one, and ``weight_decay`` and
            ``clip`` for ``adamw``.
    """
    rate = scheduled(recipe.learning_rate, recipe.schedule, recipe.steps)
    if getattr(recipe, "optimizer", "adam") == "muon":
        return Muon(rate)
    if getattr(recipe, "optimizer", "adam") == "adamw":
        return AdamW(
            rate,
            recipe.weight_decay,
            recipe.beta_1,
            recipe.beta_2,
            recipe.epsilon,
            global_clipnorm=recipe.clip or None,
        )
    return adam(rate, recipe)


def adam(rate: Any, recipe: Any) -> keras.optimizers.Adam:
    """Returns Adam with the moments of a recipe.

    Keras, like TensorFlow 1, adds ε to the root of the uncorrected second moment (Kingma and Ba
    2015, end of section 2), so that the ε of the originals carry over.

    Args:
        rate: Learning rate or schedule.
        recipe: Has ``beta_1``, ``beta_2`` and ``epsilon``.
    """
    return keras.optimizers.Adam(rate, recipe.beta_1, recipe.beta_2, recipe.epsilon)


def scheduled(rate: float, schedule: str, updates: int) -> Any:
    """Returns a learning rate, constant or decaying to zero at the last update.

    Args:
        rate: The first learning rate.
        schedule: ``constant``, ``cosine`` or ``linear``.
        updates: Updates of the whole training.

    Returns:
        A number or a Keras schedule.
    """
    schedules = keras.optimizers.schedules
    if schedule == "cosine":
        return schedules.CosineDecay(rate, updates)
    if schedule == "linear":
        return schedules.PolynomialDecay(rate, updates, end_learning_rate=0.0)
    return rate
