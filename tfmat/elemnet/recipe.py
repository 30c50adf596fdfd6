"""The schema of an ElemNet recipe: data, network and training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from tfmat.datasets.splits.rules import SplitRule
from tfmat.errors import InputError
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


@dataclass(frozen=True)
class EnergyDataRecipe(Table):
    """Which formulas are learned from.

    Args:
        dataset: Name of a dataset that ships with tfmat, or the path of a dataset folder made by
            ``tfmat data import --kind compositions``; its formation energies are learned.
        test_fraction: Share of the distinct formulas that is held out and judges the network.
        validation_fraction: Share of the others that chooses the weights and is not learned from.
        split: ``formula`` holds out formulas, ``system`` whole chemical systems, ``leave-out`` what
            ``leave_out`` names; the formulas that choose the weights are split in the same way,
            for ``leave-out`` by formula.
        leave_out: For ``leave-out``: formulas (``Bi2Se3``) and chemical systems (``Co-Hf``).

    Raises:
        InputError: The split's parts do not belong together, or nothing would be held out.
    """

    dataset: str = "oqmd"
    test_fraction: Share = 0.1
    validation_fraction: Share = 0.1
    split: Literal["formula", "system", "leave-out"] = "formula"
    leave_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("test_fraction", "validation_fraction"):
            if not getattr(self, name):
                raise InputError(f"data.{name} is 0, but held-out formulas judge; give e.g. 0.1")
        self.rule()

    def rule(self) -> SplitRule:
        """Returns how the formulas that judge are held out."""
        return SplitRule(self.split, self.test_fraction, self.leave_out)

    def validation_rule(self) -> SplitRule:
        """Returns how the formulas that choose the weights are held out of the others."""
        kind = "formula" if self.split == "leave-out" else self.split
        return SplitRule(kind, self.validation_fraction)


@dataclass(frozen=True)
class NetworkRecipe(Table):
    """The network and its training.

    Args:
        units: Units of the hidden layers; one more layer with one unit gives the energy.
        dropout: Share of the units that is dropped behind each run of layers of one width, in
            their order; none behind those that it does not reach.
        standardise: Learn energies less their mean over their standard deviation; the network that
            is kept gives eV/atom all the same.
        loss: ``mae`` or ``mse``.
        optimizer: ``adam`` or ``muon``.
        learning_rate: Learning rate of the optimiser.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        epsilon: What Adam adds to the root of the second moment.
        schedule: Of the learning rate: ``constant``, or ``cosine`` or ``linear`` to zero.
        batch_size: Formulas in a batch.
        steps: Optimiser steps; 0 takes as many as ``epochs`` ask for.
        epochs: Passes over the training formulas, in place of ``steps``.
        keep: Which weights are kept: ``last``, or ``best``, those of the smallest error of the
            validation formulas among the checkpoints.

    Raises:
        InputError: Not exactly one of steps and epochs is given.
    """

    units: Sizes = (1024,) * 4 + (512,) * 3 + (256,) * 3 + (128,) * 3 + (64,) * 2 + (32,)
    dropout: tuple[Share, ...] = ()
    standardise: bool = False
    loss: Literal["mae", "mse"] = "mae"
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: Positive = 1e-4
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    batch_size: Count = 32
    steps: Steps = 0
    epochs: NotNegative = 1000.0
    keep: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_length(self.steps, self.epochs)


@dataclass(frozen=True)
class ElemnetRecipe(Table):
    """A whole ElemNet configuration.

    Args:
        name: Name of the recipe.
        description: One sentence on what it is.
        family: Always ``elemnet``.
        data: Which formulas are learned from.
        network: The network and its training.
    """

    name: str
    description: str = ""
    family: Literal["elemnet"] = "elemnet"
    data: EnergyDataRecipe = field(default_factory=EnergyDataRecipe)
    network: NetworkRecipe = field(default_factory=NetworkRecipe)


def with_steps(recipe: ElemnetRecipe, formulas: int) -> ElemnetRecipe:
    """Returns a recipe whose epochs are turned into steps.

    Args:
        recipe: Any recipe.
        formulas: Number of training formulas.
    """
    network = recipe.network
    return replace(recipe, network=in_steps(network, formulas, network.batch_size))


load_recipe = partial(load, ElemnetRecipe, "elemnet")
"""Loads a recipe of the family, from the name of a shipped one or a TOML file, and settings."""
