"""The schema of a CCDCGAN recipe: everything that one training chain needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.datasets.splits.rules import Side, SplitKind, SplitRule
from tfmat.errors import InputError
from tfmat.recipes.checks import positive, share
from tfmat.recipes.loader import load


@dataclass(frozen=True)
class DataRecipe:
    """Which structures are used.

    Args:
        dataset: Name of a dataset that ships with tfmat, or the path of a dataset folder.
        elements: Symbols in the order of their slots in the crystal graph; empty means all that
            occur in the dataset, by atomic number.
        property: Property that the constraint predicts.
        max_atoms: Largest number of atoms in the cell.
        max_length: Largest a, b and c, in Å.
        test_fraction: Share of structures that is held out.
        split: ``random`` holds out structures, ``formula`` whole reduced formulas, ``system`` whole
            chemical systems, ``leave-out`` what ``leave_out`` names, ``created`` what is newest.
        leave_out: For ``leave-out``: formulas (``Bi2Se3``) and chemical systems (``Co-Hf``).
        from_date: For ``created``: first day that is held out; empty for the newest share.
        undated: For ``created``: the side of structures without a date.

    Raises:
        InputError: The split's parts do not belong together.
    """

    dataset: str = "bi-se"
    elements: tuple[str, ...] = ()
    property: str = "formation_energy_per_atom"
    max_atoms: int = 20
    max_length: float = 10.0
    test_fraction: float = 0.1
    split: SplitKind = "random"
    leave_out: tuple[str, ...] = ()
    from_date: str = ""
    undated: Side = "train"

    def __post_init__(self) -> None:
        try:
            self.rule()
        except InputError as error:
            raise InputError(f"recipe: data: {error}") from error

    def rule(self) -> SplitRule:
        """Returns how structures are held out."""
        return SplitRule(
            self.split, self.test_fraction, self.leave_out, self.from_date, self.undated
        )


@dataclass(frozen=True)
class AutoencoderRecipe:
    """One autoencoder and how it is trained.

    Args:
        form: ``reference`` (sigmoid, steep threshold, mean squared error, no biases) or ``compact``
            (logits, weighted cross-entropy).
        filters: Filters of the strided convolutions, from the voxel inwards.
        kernel: Edge of the convolution kernels.
        latent: Length of the latent vector, in -1 to 1 (tanh).
        latent_noise: Standard deviation of the noise added to the latent in training, for a
            decoder that can read the inexact latents of a generator.
        loss: ``mse`` or ``cross-entropy``.
        positive_weight: Weight of the cross-entropy is 1 + positive_weight·target.
        l2: Weight of the L2 term.
        optimizer: ``adam`` (papers), or ``muon``, with which the compact form learns faster.
        learning_rate: Learning rate of the optimiser.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        epsilon: What Adam adds to the root of the second moment. TensorFlow 1 had 1e-8, Keras has
            1e-7; it matters where gradients are as small (4e-10 at the start of the published
            sites autoencoder).
        schedule: ``constant``, or ``cosine`` (decays to zero at the last step).
        batch_size: Voxels in a batch.
        steps: Optimiser steps.
        keep: Which weights are kept: ``last``, or ``best``, those of the smallest held-out loss
            among the checkpoints.
        keep_below: For ``best``: a held-out loss that is not below this limit is warned of; 0
            means no limit.
        precision: Keras dtype policy, ``float32`` or ``mixed_bfloat16``.

    Raises:
        InputError: Form and loss do not belong together, or a number is out of range.
    """

    form: Literal["reference", "compact"] = "reference"
    filters: tuple[int, ...] = (64, 64, 64, 64)
    kernel: int = 4
    latent: int = 200
    latent_noise: float = 0.0
    loss: Literal["mse", "cross-entropy"] = "mse"
    positive_weight: float = 30.0
    l2: float = 0.0
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: float = 3e-4
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    schedule: Literal["constant", "cosine"] = "constant"
    batch_size: int = 1
    steps: int = 1000
    keep: Literal["best", "last"] = "last"
    keep_below: float = 0.0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"

    def __post_init__(self) -> None:
        # The reference form gives values, the compact form logits: each has its own loss.
        loss = "mse" if self.form == "reference" else "cross-entropy"
        if self.loss != loss:
            raise InputError(
                f"recipe: an autoencoder of form {self.form} learns by loss {loss}, not {self.loss}"
            )
        positive("autoencoder", self, "kernel", "latent", "learning_rate", "batch_size", "steps")
        positive("autoencoder", self, "epsilon")
        share("autoencoder", self, "beta_1", "beta_2")


@dataclass(frozen=True)
class GraphRecipe:
    """Where the latents lie in the crystal graph.

    Args:
        height: Rows of the crystal graph.
        width: Columns of the crystal graph.
        lattice_slot: Cells reserved for the lattice latent (its tail stays zero).
    """

    height: int = 28
    width: int = 28
    lattice_slot: int = 200


@dataclass(frozen=True)
class ConstraintRecipe:
    """The network that predicts a property from a crystal graph, and its training.

    Args:
        form: ``reference`` (4 convolutions and 6 dense layers) or ``dense``.
        filters: Filters of the convolutions (``reference``).
        units: Units of the dense layers before the last one.
        dropout: Share of activations dropped after each convolution or layer.
        latent_noise: Standard deviation of the noise added to the crystal graph in training, for a
            network that does not learn its training structures by heart.
        learning_rate: Learning rate of Adam.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        epsilon: As for the autoencoders.
        schedule: As for the autoencoders.
        batch_size: Crystal graphs in a batch.
        steps: Optimiser steps.

    Raises:
        InputError: A number is out of range.
    """

    form: Literal["reference", "dense"] = "reference"
    filters: tuple[int, ...] = (32, 64, 128, 256)
    units: tuple[int, ...] = (1024, 256, 256, 256, 64)
    dropout: float = 0.25
    latent_noise: float = 0.0
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    epsilon: float = 1e-7
    schedule: Literal["constant", "cosine"] = "constant"
    batch_size: int = 64
    steps: int = 20001

    def __post_init__(self) -> None:
        positive("constraint", self, "learning_rate", "batch_size", "steps", "epsilon")
        share("constraint", self, "dropout", "beta_1", "beta_2")


@dataclass(frozen=True)
class ConstraintTerm:
    """One term that a constraint adds to the generator's loss.

    Args:
        property: Property whose constraint is used.
        weight: Weight ω beside the adversarial loss (paper 004, Eq. 2).
        form: ``exp`` is mean(exp(y)) as in the code, ``linear`` is mean(y) as Eq. 2 of paper 004
            prints it, ``target`` is mean((y - target)²).
        target: Wanted value for ``target``, in the property's unit.
    """

    property: str = "formation_energy_per_atom"
    weight: float = 0.1
    form: Literal["exp", "linear", "target"] = "exp"
    target: float = 0.0


@dataclass(frozen=True)
class GanRecipe:
    """Generator, discriminator and their training.

    Args:
        form: ``reference`` (the convolutions of paper 004) or ``dense``.
        latent: Length of the noise vector.
        generator_filters: Filters of the generator's convolutions, or units if dense.
        discriminator_filters: Filters of the discriminator's convolutions, or units if dense.
        dropout: Share of activations dropped after each layer of the discriminator.
        gradient_penalty: Weight γ of the penalty γ/2·mean(|∂logit/∂graph|²) on real crystal graphs
            (R1; Mescheder et al. 2018, Eq. 9), which keeps the discriminator from learning them by
            heart; 0 means none.
        learning_rate: Learning rate of Adam for both networks.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        epsilon: As for the autoencoders.
        structures: Whose crystal graphs are real: those of the ``training`` structures, or of
            ``all``, the held-out ones included.
        draws: How batches are drawn: by ``epochs``, each crystal graph once in each, or with
            ``replacement``.
        discriminator_fakes: How the generator makes the fakes that the discriminator learns from:
            in ``training`` mode (batch statistics; the generator's own fakes), or in ``inference``
            mode (moving averages). The generator always learns in training mode.
        batch_size: Crystal graphs in a batch.
        steps: Steps; each updates the discriminator on a real and a fake batch, then the generator.
        ema: Decay of the moving average of the generator's weights that is exported; 0 means none.
        terms: Constraint terms; none makes a DCGAN.

    Raises:
        InputError: A number is out of range.
    """

    form: Literal["reference", "dense"] = "reference"
    latent: int = 200
    generator_filters: tuple[int, ...] = (128, 128, 64)
    discriminator_filters: tuple[int, ...] = (32, 64, 128, 256)
    dropout: float = 0.25
    gradient_penalty: float = 0.0
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    epsilon: float = 1e-7
    structures: Literal["training", "all"] = "training"
    draws: Literal["epochs", "replacement"] = "epochs"
    discriminator_fakes: Literal["training", "inference"] = "training"
    batch_size: int = 128
    steps: int = 1_000_000
    ema: float = 0.0
    terms: tuple[ConstraintTerm, ...] = (ConstraintTerm(),)

    def __post_init__(self) -> None:
        positive("gan", self, "latent", "learning_rate", "batch_size", "steps", "epsilon")
        share("gan", self, "dropout", "beta_1", "beta_2", "ema")


@dataclass(frozen=True)
class CcdcganRecipe:
    """A whole CCDCGAN configuration.

    Args:
        name: Name of the recipe.
        description: One sentence on what it is.
        family: Always ``ccdcgan``.
        data: Which structures are used.
        voxels: Grids and widths.
        lattice_autoencoder: Lattice autoencoder.
        sites_autoencoder: Sites autoencoder, shared by all elements.
        graph: Layout of the crystal graph.
        constraint: Constraint network.
        gan: Generator and discriminator.

    Raises:
        InputError: The parts do not fit together.
    """

    name: str
    description: str = ""
    family: Literal["ccdcgan"] = "ccdcgan"
    data: DataRecipe = field(default_factory=DataRecipe)
    voxels: VoxelSpec = field(default_factory=VoxelSpec)
    lattice_autoencoder: AutoencoderRecipe = field(default_factory=AutoencoderRecipe)
    sites_autoencoder: AutoencoderRecipe = field(default_factory=AutoencoderRecipe)
    graph: GraphRecipe = field(default_factory=GraphRecipe)
    constraint: ConstraintRecipe = field(default_factory=ConstraintRecipe)
    gan: GanRecipe = field(default_factory=GanRecipe)

    def __post_init__(self) -> None:
        slots = self.graph.lattice_slot + len(self.data.elements) * self.sites_autoencoder.latent
        cells = self.graph.height * self.graph.width
        if slots > cells:
            raise InputError(
                f"recipe: the latents fill {slots} cells, but the crystal graph has {cells}; "
                "set a larger graph.height and graph.width"
            )
        if self.gan.structures == "all" and self.data.split != "random":
            raise InputError(
                f'recipe: gan.structures is "all", so the GAN would learn from what data.split '
                f'"{self.data.split}" holds out; --set gan.structures=training'
            )
        if self.lattice_autoencoder.latent > self.graph.lattice_slot:
            raise InputError(
                f"recipe: lattice_autoencoder.latent {self.lattice_autoencoder.latent} does not "
                f"fit graph.lattice_slot {self.graph.lattice_slot}"
            )
        for name, grid in (
            ("lattice", self.voxels.lattice_grid),
            ("sites", self.voxels.sites_grid),
        ):
            # Said at once: the stage that would fail may come hours later.
            factor = 2 ** len(getattr(self, f"{name}_autoencoder").filters)
            if grid % factor:
                raise InputError(
                    f"recipe: voxels.{name}_grid {grid} cannot be halved for each of "
                    f"{name}_autoencoder.filters; set it to a multiple of {factor}"
                )


load_recipe = partial(load, CcdcganRecipe, "ccdcgan")
"""Loads a recipe of the family, from the name of a shipped one or a TOML file, and settings."""
