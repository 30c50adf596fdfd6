"""The tables of a MatGAN recipe for the autoregressive generator."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from tfmat.matgan.elements import MAX_ELEMENTS, MIN_ELEMENTS
from tfmat.recipes.table import (
    Count,
    NotNegative,
    Positive,
    Share,
    Sizes,
    Steps,
    Table,
    check_length,
)


@dataclass(frozen=True)
class AutoregressiveRecipe(Table):
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
        InputError: Not exactly one of steps and epochs is given.
    """

    slots: Annotated[int, Meta(ge=MIN_ELEMENTS, le=MAX_ELEMENTS)] = MAX_ELEMENTS
    width: Count = 128
    units: Sizes = (256, 256)
    dropout: Share = 0.1
    learning_rate: Positive = 2e-3
    weight_decay: Share = 0.01
    batch_size: Count = 512
    steps: Steps = 0
    epochs: NotNegative = 40.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_length(self.steps, self.epochs)


@dataclass(frozen=True)
class PolicyRecipe(Table):
    """What a formula of the autoregressive generator is worth in the adversarial training.

    Args:
        critic: Weight of the critic's score, in standard deviations of a batch.
        rarity: Weight of the cost of formulas that would occur more than once.
        sample_size: Number of formulas among which copies are counted.
        likelihood: Weight of the log-likelihood of training formulas.
    """

    critic: NotNegative = 1.0
    rarity: NotNegative = 1.0
    sample_size: Positive = 1e6
    likelihood: NotNegative = 0.5
