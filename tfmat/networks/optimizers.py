"""Optimisers with the learning-rate schedules that recipes name."""

from __future__ import annotations

from typing import Any

import keras

from tfmat.networks.muon import Muon


def optimizer(recipe: Any) -> keras.optimizers.Optimizer:
    """Returns the optimiser of a stage's recipe, with its learning rate and schedule.

    Args:
        recipe: Has ``learning_rate``, ``schedule`` and ``steps``; ``optimizer`` (``adam`` without)
            and ``beta_1`` (0.9 without) where it has them.
    """
    rate = scheduled(recipe.learning_rate, recipe.schedule, recipe.steps)
    if getattr(recipe, "optimizer", "adam") == "muon":
        return Muon(rate)
    return keras.optimizers.Adam(rate, getattr(recipe, "beta_1", 0.9))


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
