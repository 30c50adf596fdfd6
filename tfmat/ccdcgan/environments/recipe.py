"""The tables of a CCDCGAN recipe for critic and constraint of environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.errors import InputError
from tfmat.recipes.table import Count, NotNegative, Positive, Share, Steps, Table


@dataclass(frozen=True)
class LabelsRecipe(Table):
    """Which structures get the energies that critic and constraint learn from.

    Args:
        potential: Whose single points they are: ``chgnet``, ``sevennet``, ``sevennet-0``, ``emt``.
        structures: Most training structures; of more, so many are drawn.
        copies: Disturbed copies of each of them.
        strain: Largest component of the strain of a copy.
        displacement: Largest displacement of an atom of a copy, in Å.
        written: Crystals that the trained writer begins.
    """

    potential: str = "chgnet"
    structures: Count = 5000
    copies: Steps = 1
    strain: NotNegative = 0.06
    displacement: NotNegative = 0.35
    written: Count = 4000


@dataclass(frozen=True)
class DescriptorRecipe(Table):
    """What critic and constraint see of an atom.

    Args:
        form: ``elements``: distances to the atoms of each element of a system; or ``any``:
            distances over the sums of covalent radii, weighted by what the neighbours are like.
        shortest: Centre of the first Gaussian of distance, in Å; for ``any``, like all that
            follow, as a share of the sum of the radii.
        longest: Centre of the last one, in Å or as a share.
        spacing: Between centres, in Å or as a share.
        width: Standard deviation of the Gaussians, in Å or as a share.

    Raises:
        InputError: The longest distance is shorter than the shortest.
    """

    form: Literal["elements", "any"] = "elements"
    shortest: Positive = 1.8
    longest: Positive = 7.0
    spacing: Positive = 0.2
    width: Positive = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.longest < self.shortest:
            raise InputError(
                f"descriptor.longest {self.longest} is less than descriptor.shortest "
                f"{self.shortest}; give a larger one"
            )

    def descriptor(self, numbers: tuple[int, ...]) -> Descriptor:
        """Returns the descriptor of a system.

        Args:
            numbers: Atomic numbers of its elements, in their order.
        """
        kind = Descriptor
        if self.form == "any":
            from tfmat.ccdcgan.environments.any_elements import AnyElements

            kind = AnyElements
        return kind(numbers, self.shortest, self.longest, self.spacing, self.width)


@dataclass(frozen=True)
class EnergyRecipe(Table):
    """The constraint of environments and its training.

    Args:
        units: Units of each dense layer.
        depth: Dense layers for each atom.
        dropout: Share of the first layer's activations that a step leaves out.
        noise: Standard deviation of the noise on the environments in training.
        huber: Error in eV/atom from which on it counts linearly.
        lowest: Energies below are learned as this one, in eV/atom.
        highest: Energies above are learned as this one, in eV/atom: how bad a bad structure is
            does not matter.
        learning_rate: Largest learning rate of AdamW; it falls to zero by a cosine.
        weight_decay: Of AdamW, in shares of the learning rate.
        batch_size: Structures in a batch.
        steps: Optimiser steps.
    """

    units: Count = 128
    depth: Count = 3
    dropout: Share = 0.05
    noise: NotNegative = 0.02
    huber: Positive = 0.1
    lowest: float = -1.0
    highest: float = 2.0
    learning_rate: Positive = 2e-3
    weight_decay: NotNegative = 0.02
    batch_size: Count = 64
    steps: Count = 3000


@dataclass(frozen=True)
class CriticRecipe(Table):
    """The critic of environments: real structures against written ones.

    Args:
        units: Units of each dense layer.
        depth: Dense layers for each atom.
        noise: Standard deviation of the noise on the environments in training.
        gradient_penalty: Weight γ of γ/2·mean(|∂score/∂environments|²) on real structures (R1;
            Mescheder et al. 2018, Eq. 9).
        learning_rate: Learning rate of AdamW.
        beta_1: First moment decay of AdamW.
        beta_2: Second moment decay of AdamW.
        weight_decay: Of AdamW, in shares of the learning rate.
        batch_size: Real structures in a batch, and as many written ones.
        steps: Updates; in the adversarial stage, those before the writer learns from it.
    """

    units: Count = 96
    depth: Count = 2
    noise: NotNegative = 0.1
    gradient_penalty: NotNegative = 0.1
    learning_rate: Positive = 5e-4
    beta_1: Share = 0.5
    beta_2: Share = 0.99
    weight_decay: NotNegative = 0.05
    batch_size: Count = 64
    steps: Count = 150


@dataclass(frozen=True)
class AdversarialRecipe(Table):
    """The writer against critic and constraint.

    Args:
        omega: Weight ω of the constraint beside the critic (paper 004, Eq. 2), both in standard
            deviations over what was written; 0 makes a DCGAN.
        likelihood: Weight of the likelihood of training structures.
        temperature: What logits are divided by when it writes what it learns from. With 1 the
            gradient is that of what it writes; below, it learns from the sharper crystals that
            generating at ``writer.temperature`` gives.
        learning_rate: Learning rate of Adam.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        batch_size: Structures that a step writes, and draws from training.
        critic_updates: Updates of the critic in each step.
        pools: The critic learns from what the last so many steps wrote.
        refresh: The constraint learns the energies of what was written at every so manieth step;
            0 leaves it as it is.
        refresh_updates: Updates of the constraint at each of these.
        steps: Steps; 0 leaves the stage out.
    """

    omega: NotNegative = 0.1
    likelihood: NotNegative = 0.5
    temperature: Positive = 1.0
    learning_rate: Positive = 2e-4
    beta_1: Share = 0.5
    beta_2: Share = 0.99
    batch_size: Count = 128
    critic_updates: Count = 4
    pools: Count = 6
    refresh: Steps = 10
    refresh_updates: Count = 25
    steps: Steps = 0
