"""The schema of a MatGAN recipe: data, networks, training and decoding."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from tfmat.datasets.splits.rules import SplitRule
from tfmat.errors import InputError
from tfmat.matgan.decoding import Rule, Threshold
from tfmat.matgan.recipe_autoregressive import AutoregressiveRecipe, PolicyRecipe
from tfmat.recipes.loader import load
from tfmat.recipes.table import (
    Count,
    NotNegative,
    Positive,
    Share,
    Sizes,
    Steps,
    Table,
    check_length,
    in_steps,
)

Schedule = Literal["constant", "cosine", "linear"]


@dataclass(frozen=True)
class CompositionDataRecipe(Table):
    """Which formulas are learned from.

    Args:
        dataset: Name of a dataset that ships with tfmat, or the path of a dataset folder made by
            ``tfmat data import --kind compositions``.
        test_fraction: Share of the distinct formulas that is held out.
        split: ``random`` holds out formulas, ``system`` whole chemical systems, ``leave-out`` what
            ``leave_out`` names.
        leave_out: For ``leave-out``: formulas (``Bi2Se3``) and chemical systems (``Co-Hf``).

    Raises:
        InputError: The split's parts do not belong together.
    """

    dataset: str = "formulas"
    test_fraction: Share = 0.1
    split: Literal["random", "system", "leave-out"] = "random"
    leave_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.split != "random" or self.leave_out:
            self.rule()

    def rule(self) -> SplitRule:
        """Returns how formulas are held out, where a share of 0 is no answer."""
        return SplitRule(self.split, self.test_fraction, self.leave_out)


@dataclass(frozen=True)
class DecodingRecipe(Table):
    """How a matrix is read as a formula.

    Args:
        rule: ``original`` (every cell that reaches the threshold names a count, the largest wins)
            or ``argmax`` (the row of the largest cell, the lowest at a tie, if that cell reaches
            the threshold).
        threshold: Smallest value of a cell that says that an element is there.
    """

    rule: Rule = "original"
    threshold: Threshold = 0.2


@dataclass(frozen=True)
class CriticGanRecipe(Table):
    """Generator, critic and their Wasserstein training.

    Args:
        form: ``matgan-7`` (the original's networks for OQMD), ``matgan-4`` (those for ICSD and MP),
            ``dense`` (fully connected) or ``autoregressive`` (table ``autoregressive``).
        latent: Length of the noise vector; twice ``autoregressive.slots`` for that form.
        generator_units: Units of the generator's hidden layers (``dense``).
        critic_units: Units of the critic's hidden layers (``dense``, ``autoregressive``).
        critic_activation: Activation of the reference critics: ``leaky-relu`` (slope 0.2) or
            ``relu``.
        initializer: Start of the reference networks' kernels: ``normal`` (standard deviation 1) or
            ``glorot``.
        lipschitz: What holds the critic's slope: ``penalty`` (WGAN-GP) or ``clipping`` of its
            weights.
        penalty: Weight λ of the gradient penalty.
        penalty_root: What the penalty adds below the root of the slope's norm, whose own slope is
            infinite at 0.
        clip: Largest absolute value of a critic's weight under clipping.
        critic_steps: Updates of the critic in a step, before that of the generator.
        generator_rate: Learning rate of Adam for the generator.
        critic_rate: Learning rate of Adam for the critic.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        epsilon: What Adam adds to the root of the second moment (TensorFlow 1: 1e-8, Keras: 1e-7).
        schedule: Of both learning rates: ``constant``, or ``cosine`` or ``linear`` to zero.
        batch_size: Formulas in a batch.
        steps: Updates of the generator; 0 takes as many as ``epochs`` ask for.
        epochs: Passes of the critic over the training formulas, in place of ``steps``.
        ema: Decay of the moving average of the generator's weights that is kept; 0 means none.

    Raises:
        InputError: Not exactly one of steps and epochs is given.
    """

    form: Literal["matgan-7", "matgan-4", "dense", "autoregressive"] = "matgan-7"
    latent: Count = 128
    generator_units: Sizes = (512, 512, 512)
    critic_units: Sizes = (512, 512, 512)
    critic_activation: Literal["leaky-relu", "relu"] = "leaky-relu"
    initializer: Literal["normal", "glorot"] = "normal"
    lipschitz: Literal["penalty", "clipping"] = "penalty"
    penalty: Positive = 10.0
    penalty_root: Positive = 1e-12
    clip: Positive = 0.01
    critic_steps: Count = 1
    generator_rate: Positive = 1e-3
    critic_rate: Positive = 1e-2
    beta_1: Share = 0.5
    beta_2: Share = 0.9
    epsilon: Positive = 1e-7
    schedule: Schedule = "constant"
    batch_size: Count = 512
    steps: Steps = 0
    epochs: NotNegative = 1000.0
    ema: Share = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_length(self.steps, self.epochs)


@dataclass(frozen=True)
class CompositionAutoencoderRecipe(Table):
    """The autoencoder of composition matrices and its training.

    Args:
        form: ``matgan-7`` (the paper's 7 convolutions and 7 deconvolutions) or ``dense``.
        latent: Length of the latent vector.
        units: Units of the encoder's hidden layers, mirrored in the decoder (``dense``).
        loss: ``dice`` (paper) or ``cross-entropy``.
        optimizer: ``adam`` or ``muon``.
        learning_rate: Learning rate of the optimiser.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        epsilon: As for the GAN.
        schedule: As for the GAN.
        batch_size: Formulas in a batch.
        steps: Optimiser steps; 0 takes as many as ``epochs`` ask for.
        epochs: Passes over the training formulas, in place of ``steps``.
        keep: Which weights are kept: ``last``, or ``best``, those of the smallest held-out loss
            among the checkpoints.

    Raises:
        InputError: Not exactly one of steps and epochs is given.
    """

    form: Literal["matgan-7", "dense"] = "matgan-7"
    latent: Count = 128
    units: Sizes = (512,)
    loss: Literal["dice", "cross-entropy"] = "dice"
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: Positive = 1e-3
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    schedule: Schedule = "constant"
    batch_size: Count = 1024
    steps: Steps = 0
    epochs: NotNegative = 1000.0
    keep: Literal["best", "last"] = "last"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_length(self.steps, self.epochs)


@dataclass(frozen=True)
class MatganRecipe(Table):
    """A whole MatGAN configuration.

    Args:
        name: Name of the recipe.
        description: One sentence on what it is.
        family: Always ``matgan``.
        data: Which formulas are learned from.
        decoding: How matrices are read.
        gan: Generator and critic.
        autoregressive: Generator of the form ``autoregressive`` and its training by likelihood.
        policy: What its adversarial training adds up.
        autoencoder: Autoencoder of composition matrices (``tfmat train composition-ae``).
    """

    name: str
    description: str = ""
    family: Literal["matgan"] = "matgan"
    data: CompositionDataRecipe = field(default_factory=CompositionDataRecipe)
    decoding: DecodingRecipe = field(default_factory=DecodingRecipe)
    gan: CriticGanRecipe = field(default_factory=CriticGanRecipe)
    autoregressive: AutoregressiveRecipe = field(default_factory=AutoregressiveRecipe)
    policy: PolicyRecipe = field(default_factory=PolicyRecipe)
    autoencoder: CompositionAutoencoderRecipe = field(default_factory=CompositionAutoencoderRecipe)

    def __post_init__(self) -> None:
        super().__post_init__()
        slots = self.autoregressive.slots
        if self.gan.form == "autoregressive" and self.gan.latent != 2 * slots:
            raise InputError(
                f"gan.latent must be {2 * slots}, two numbers for each of "
                f"{slots} autoregressive.slots, not {self.gan.latent}"
            )


def with_steps(recipe: MatganRecipe, formulas: int) -> MatganRecipe:
    """Returns a recipe whose epochs are turned into steps.

    Args:
        recipe: Any recipe.
        formulas: Number of training formulas.
    """
    gan, autoencoder, autoregressive = recipe.gan, recipe.autoencoder, recipe.autoregressive
    return replace(
        recipe,
        autoregressive=in_steps(autoregressive, formulas, autoregressive.batch_size),
        gan=in_steps(gan, formulas, gan.batch_size * gan.critic_steps),
        autoencoder=in_steps(autoencoder, formulas, autoencoder.batch_size),
    )


load_recipe = partial(load, MatganRecipe, "matgan")
"""Loads a recipe of the family, from the name of a shipped one or a TOML file, and settings."""
