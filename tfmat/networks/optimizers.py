"""Optimisers with the learning-rate schedules that recipes name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from tfmat.networks.muon import Muon

if TYPE_CHECKING or keras.backend.backend() == "tensorflow":
    from tfmat.networks.fused import Adam, AdamW
else:
    from keras.optimizers import Adam, AdamW

__all__ = ["Adam", "AdamW", "adam", "optimizer", "scheduled"]


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


def adam(rate: Any, recipe: Any) -> Adam:
    """Returns Adam with the moments of a recipe.

    Keras, like TensorFlow 1, adds ε to the root of the uncorrected second moment (Kingma and Ba
    2015, end of section 2), so that the ε of the originals carry over.

    Args:
        rate: Learning rate or schedule.
        recipe: Has ``beta_1``, ``beta_2`` and ``epsilon``.
    """
    return Adam(rate, recipe.beta_1, recipe.beta_2, recipe.epsilon)


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
