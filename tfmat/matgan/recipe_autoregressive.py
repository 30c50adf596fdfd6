"""The tables of a MatGAN recipe for the autoregressive generator."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tfmat.errors import InputError
from tfmat.matgan.elements import MAX_ELEMENTS, MIN_ELEMENTS
from tfmat.recipes.checks import length, positive, share


@dataclass(frozen=True)
class AutoregressiveRecipe:
    """The generator, and its training by likelihood that comes before the critic's.

    Args:
        slots: Most elements of a formula; longer ones are not learned from. The noise of a formula
            has two numbers for each.
        width: Length of the vector of a slot and of the state.
        units: Units of the hidden layers of each of the two heads.
        dropout: Share of the hidden units that a step leaves out.
        learning_rate: Largest learning rate of AdamW; it falls to zero by a cosine.
        weight_decay: Of AdamW, in shares of the learning rate.
        batch_size: Formulas in a batch.
        steps: Optimiser steps; 0 takes as many as ``epochs`` ask for.
        epochs: Passes over the training formulas, in place of ``steps``.

    Raises:
        InputError: A number is out of range.
    """

    slots: int = MAX_ELEMENTS
    width: int = 128
    units: tuple[int, ...] = (256, 256)
    dropout: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    batch_size: int = 512
    steps: int = 0
    epochs: float = 40.0

    def __post_init__(self) -> None:
        positive("autoregressive", self, "width", "learning_rate", "batch_size")
        share("autoregressive", self, "dropout", "weight_decay")
        length("autoregressive", self.steps, self.epochs)
        if not MIN_ELEMENTS <= self.slots <= MAX_ELEMENTS:
            raise InputError(
                f"recipe: slots of the autoregressive must be {MIN_ELEMENTS} to {MAX_ELEMENTS}, "
                f"not {self.slots}"
            )


@dataclass(frozen=True)
class PolicyRecipe:
    """What a formula of the autoregressive generator is worth in the adversarial training.

    Args:
        critic: Weight of the critic's score, in standard deviations of a batch.
        rarity: Weight of the cost of formulas that would occur more than once.
        sample_size: Number of formulas among which copies are counted.
        likelihood: Weight of the log-likelihood of training formulas.

    Raises:
        InputError: A number is out of range.
    """

    critic: float = 1.0
    rarity: float = 1.0
    sample_size: float = 1e6
    likelihood: float = 0.5

    def __post_init__(self) -> None:
        positive("policy", self, "sample_size")
        for name in ("critic", "rarity", "likelihood"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise InputError(f"recipe: {name} of the policy must not be negative, not {value}")
