"""The tables of a CCDCGAN recipe for compositions and the sources of crystals for them."""

from __future__ import annotations

from dataclasses import dataclass

from tfmat.errors import InputError
from tfmat.recipes.table import Count, NotNegative, Positive, Share, Steps, Table


@dataclass(frozen=True)
class CompositionsRecipe(Table):
    """The network of compositions and its training.

    Args:
        units: Units of its widest dense layers.
        dropout: Share of activations that a step leaves out.
        learning_rate: Largest learning rate of AdamW; it falls to zero by a cosine.
        weight_decay: Of AdamW, in shares of the learning rate.
        batch_size: Decisions in a batch.
        steps: Optimiser steps.
    """

    units: Count = 512
    dropout: Share = 0.1
    learning_rate: Positive = 1.5e-3
    weight_decay: NotNegative = 0.02
    batch_size: Count = 512
    steps: Count = 2500


@dataclass(frozen=True)
class PrototypesRecipe(Table):
    """Known crystals as prototypes.

    Args:
        own_volume: How much a prototype's volume counts beside that predicted of it, 0 to 1: a cell
            is scaled to the predicted volume times that power of the ratio of the prototype's own
            volume to the one predicted for it.
        symprec: Tolerance of space groups, in Å.
    """

    own_volume: NotNegative = 0.6
    symprec: Positive = 0.1


@dataclass(frozen=True)
class PromptedRecipe(Table):
    """The writer that is shown a prototype, its training by likelihood, and how it draws.

    Args:
        width: Length of the vectors of cell and atoms.
        blocks: Blocks of attention over the atoms so far.
        heads: Heads of each block; they share out the width.
        element_width: Length of the vectors of elements.
        dropout: Share of activations that a step leaves out.
        jitter: Standard deviation of the logarithm of a factor on each training volume.
        prompts: Nearest prototypes that training draws from.
        prompt_rank: Mean of the exponential by which the rank of the prototype is drawn.
        unprompted: Share of training crystals that are written without a prototype.
        learning_rate: Largest learning rate of AdamW; it falls to zero by a cosine.
        weight_decay: Of AdamW, in shares of the learning rate.
        batch_size: Crystals in a batch.
        steps: Optimiser steps.
        cells: Cells that are drawn at once for each crystal; the first possible one is taken.
        places: Places that are drawn at once for each atom; the first that is far enough from all
            other atoms is taken.
        attempts: How often a crystal is begun at most, where no place was found for an atom.

    Raises:
        InputError: The heads cannot share out the width.
    """

    width: Count = 128
    blocks: Count = 4
    heads: Count = 4
    element_width: Count = 48
    dropout: Share = 0.05
    jitter: NotNegative = 0.015
    prompts: Count = 8
    prompt_rank: Positive = 2.0
    unprompted: Share = 0.05
    learning_rate: Positive = 1.5e-3
    weight_decay: NotNegative = 0.05
    batch_size: Count = 96
    steps: Count = 5000
    cells: Count = 6
    places: Count = 8
    attempts: Count = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise InputError(
                f"prompted.width {self.width} is no multiple of prompted.heads {self.heads}"
            )


@dataclass(frozen=True)
class SlotGanRecipe(Table):
    """The GAN that makes the latents of cells and of their slots, and its training.

    Args:
        noise: Normal numbers that the generator takes.
        units: Units of the generator's dense layers.
        discriminator_units: Units of the discriminator's dense layers.
        penalty: Weight of the squared gradient of the discriminator at real crystals.
        averaging: Share that stays of the running average of the generator's weights at each step.
        learning_rate: Of Adam; constant for half of the steps, then falling to zero.
        batch_size: Crystals in a batch.
        steps: Optimiser steps; with 0 there is no slot GAN.
        known: Real latents of each number of atoms that a package holds, at most.
        snap: Whether each slot's latents are replaced by the nearest real ones.
        tries: Crystals of a composition, of which one is taken.
    """

    noise: Count = 64
    units: tuple[Count, ...] = (1024, 1024)
    discriminator_units: tuple[Count, ...] = (768, 384)
    penalty: NotNegative = 1.0
    averaging: Share = 0.999
    learning_rate: Positive = 1e-3
    batch_size: Count = 128
    steps: Steps = 0
    known: Count = 2000
    snap: bool = True
    tries: Count = 8


@dataclass(frozen=True)
class PoolRecipe(Table):
    """How many crystals each source makes for a composition, of which the pool takes one.

    Args:
        prototypes: Nearest prototypes.
        written: Written crystals, each prompted by one of these.
        temperature: What the writer's logits are divided by; below 1 it keeps to what is likely.
        draws: How often a composition is drawn at most until the filter lets one pass.
    """

    prototypes: Count = 8
    written: Steps = 8
    temperature: Positive = 0.7
    draws: Count = 12
