"""How networks of choices are trained: by the likelihood of real samples, with AdamW."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfmat.networks.backend import compiled_steps
from tfmat.networks.optimizers import AdamW

# Steps until the learning rate has its full height.
WARMUP = 100


def compile_likelihood(
    network: keras.Model, rate: float, steps: int, weight_decay: float, beta_2: float
) -> None:
    """Compiles a network that gives logarithms of probabilities for maximising their sum.

    Args:
        network: From samples to logarithms ``(batch, parts)``.
        rate: Largest learning rate; it rises in up to 100 steps and falls to zero by a cosine.
        steps: Steps of the whole training.
        weight_decay: Of AdamW, in shares of the learning rate.
        beta_2: Decay of AdamW's second moment.
    """
    optimizer = likelihood_optimizer(rate, steps, weight_decay, beta_2)
    network.compile(optimizer, negative_log_likelihood, jit_compile=compiled_steps())


def likelihood_optimizer(rate: float, steps: int, weight_decay: float, beta_2: float) -> AdamW:
    """Returns the optimiser; arguments as for :func:`compile_likelihood`."""
    warmup = min(WARMUP, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
    return AdamW(schedule, weight_decay=weight_decay, beta_2=beta_2, global_clipnorm=1.0)


def negative_log_likelihood(_: Any, logarithms: Any) -> Any:
    """Returns the loss of each sample ``(batch,)`` from logarithms of probabilities."""
    return -ops.sum(logarithms, axis=1)
