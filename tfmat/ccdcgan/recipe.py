"""The schema of a CCDCGAN recipe: everything that one training chain needs to know."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tfmat.ccdcgan.environments.recipe import (
    AdversarialRecipe,
    CriticRecipe,
    DescriptorRecipe,
    EnergyRecipe,
    LabelsRecipe,
)
from tfmat.ccdcgan.networks.recipe import AutoencoderRecipe, SitesBankRecipe
from tfmat.ccdcgan.sources.recipe import (
    CompositionsRecipe,
    PoolRecipe,
    PromptedRecipe,
    PrototypesRecipe,
    SlotGanRecipe,
)
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.datasets.splits.rules import Side, SplitKind, SplitRule
from tfmat.errors import InputError
from tfmat.recipes.loader import load, read
from tfmat.recipes.table import Count, NotNegative, Positive, Share, Sizes, Table


@dataclass(frozen=True)
class DataRecipe(Table):
    """Which structures are used.

    Args:
        dataset: Name of a dataset that ships with tfmat, or the path of a dataset folder.
        elements: Symbols in the order of their slots in the crystal graph; empty means all that
            occur in the dataset, in the order of a written formula.
        property: Property that the constraint predicts, and that steers unless ``gan.terms`` name
            others.
        max_atoms: Largest number of atoms in the cell.
        max_length: Largest a, b and c, in Å.
        max_elements: Largest number of different elements in a structure.
        known: Properties without which a structure is left out.
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
    max_atoms: Count = 20
    max_length: Positive = 10.0
    max_elements: Count = 118
    known: tuple[str, ...] = ()
    test_fraction: float = 0.1
    split: SplitKind = "random"
    leave_out: tuple[str, ...] = ()
    from_date: str = ""
    undated: Side = "train"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rule()

    def rule(self) -> SplitRule:
        """Returns how structures are held out."""
        return SplitRule(
            self.split, self.test_fraction, self.leave_out, self.from_date, self.undated
        )


@dataclass(frozen=True)
class GraphRecipe(Table):
    """Where the latents lie in the crystal graph.

    Args:
        height: Rows of the crystal graph; at least, since it grows to the elements of the data.
        width: Columns of the crystal graph; at least, as for ``height``.
        lattice_slot: Cells reserved for the lattice latent (its tail stays zero).
    """

    height: Count = 28
    width: Count = 28
    lattice_slot: Count = 200


@dataclass(frozen=True)
class ConstraintRecipe(Table):
    """The network that predicts a property from a crystal graph, and its training.

    Args:
        form: ``reference`` (4 convolutions and 6 dense layers; paper 004), ``multicomponent`` (5
            and 8, of values scaled to 0 to 1; paper 002), ``dense``, or ``slots``, which reads the
            elements that are there, with their descriptors, instead of a crystal graph. It alone
            is trained, with the autoencoders, beside sources (``gan.form = "sources"``).
        filters: Filters of the convolutions.
        units: Units of the dense layers before the last one; of ``slots`` those of the residual
            blocks, then of the layer before the last.
        dropout: Share of activations dropped after each convolution or layer.
        latent_noise: Standard deviation of the noise added to the crystal graph in training, for a
            network that does not learn its training structures by heart.
        standardise: Learn the property less its mean, divided by its standard deviation, so that
            its unit does not matter; predictions are in its unit all the same.
        loss: ``mse`` or ``mae``, the mean squared or the mean absolute error.
        optimizer: ``adam``, or ``adamw``, which takes ``weight_decay`` of the weights.
        weight_decay: Share of the weights that a step of rate 1 takes off (``adamw``).
        clip: Length at which the gradient of all weights together is cut; 0 means never.
        learning_rate: Learning rate of Adam.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        epsilon: As for the autoencoders.
        schedule: As for the autoencoders.
        batch_size: Crystal graphs in a batch.
        steps: Optimiser steps.
    """

    form: Literal["reference", "multicomponent", "dense", "slots"] = "reference"
    filters: Sizes = (32, 64, 128, 256)
    units: Sizes = (1024, 256, 256, 256, 64)
    dropout: Share = 0.25
    latent_noise: NotNegative = 0.0
    standardise: bool = False
    loss: Literal["mse", "mae"] = "mse"
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: NotNegative = 0.0
    clip: NotNegative = 0.0
    learning_rate: Positive = 2e-4
    beta_1: Share = 0.5
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    schedule: Literal["constant", "cosine"] = "constant"
    batch_size: Count = 64
    steps: Count = 20001


@dataclass(frozen=True)
class ConstraintTerm(Table):
    """One term that a constraint adds to the generator's loss.

    Args:
        property: Property whose constraint is used; empty means ``data.property``.
        weight: Weight ω beside the adversarial loss (paper 004, Eq. 2); below 0 a ``linear`` term
            makes the property large.
        form: ``exp`` is mean(exp(y)) as in the code, ``linear`` is mean(y) as Eq. 2 of paper 004
            prints it, ``target`` is mean((y - target)²), ``exp-range`` is mean(exp((y - target) /
            scale)), which is the code of paper 002 where target and scale are smallest value and
            range of the property.
        target: Wanted value for ``target``, in the property's unit.
        scale: What property and target are divided by, in the property's unit; 0 means the
            standard deviation of the property in the structures that are learned from; for
            ``exp-range`` their range, with their smallest value as the target.
    """

    property: str = ""
    weight: float = 0.1
    form: Literal["exp", "linear", "target", "exp-range"] = "exp"
    target: float = 0.0
    scale: NotNegative = 1.0


@dataclass(frozen=True)
class GanRecipe(Table):
    """Generator, discriminator and their training.

    Args:
        form: ``reference`` (the convolutions of papers 002 and 004), ``dense``, ``writer``: a
            generator that writes crystals as discrete choices, with the settings of the table
            ``writer``; ``sources``: a composition first, of any elements, then crystals for it
            from known prototypes and from a writer that is shown them; or ``none``: the chain
            ends with the constraint.
        latent: Length of the noise vector; that of a writer follows from its own settings.
        generator_filters: Filters of the generator's convolutions, or units if dense.
        discriminator_filters: Filters of the discriminator's convolutions, or units if dense.
        generator_momentum: Momentum of the moving averages of the generator's batch normalisation.
        discriminator_normalisation: Batch normalisation in the discriminator's convolutions, and
            odd edges padded to even ones between them (paper 004; not paper 002).
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
    """

    form: Literal["reference", "dense", "writer", "sources", "none"] = "reference"
    latent: Count = 200
    generator_filters: Sizes = (128, 128, 64)
    discriminator_filters: Sizes = (32, 64, 128, 256)
    generator_momentum: Share = 0.8
    discriminator_normalisation: bool = True
    dropout: Share = 0.25
    gradient_penalty: NotNegative = 0.0
    learning_rate: Positive = 2e-4
    beta_1: Share = 0.5
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    structures: Literal["training", "all"] = "training"
    draws: Literal["epochs", "replacement"] = "epochs"
    discriminator_fakes: Literal["training", "inference"] = "training"
    batch_size: Count = 128
    steps: Count = 1_000_000
    ema: Share = 0.0
    terms: tuple[ConstraintTerm, ...] = (ConstraintTerm(),)


@dataclass(frozen=True)
class CcdcganRecipe(Table):
    """A whole CCDCGAN configuration.

    Args:
        name: Name of the recipe.
        description: One sentence on what it is.
        family: Always ``ccdcgan``.
        data: Which structures are used.
        voxels: Grids and widths.
        lattice_autoencoder: Lattice autoencoder.
        sites_autoencoder: Sites autoencoder, shared by all elements.
        sites_bank: Copies of it, one for each element.
        graph: Layout of the crystal graph.
        constraint: Constraint network.
        gan: Generator and discriminator.
        writer: The generator of ``gan.form = "writer"``.
        labels: What critic and constraint of such a generator learn from.
        descriptor: What both see of an atom.
        energies: The constraint, which reads atomic environments.
        critic: The critic, which reads them as well.
        adversarial: The writer against both.
        compositions: The network of compositions of ``gan.form = "sources"``.
        prototypes: Its known crystals.
        prompted: Its writer.
        pool: How many crystals it makes for a composition, to take one of.
        slot_gan: Its GAN of latents, which needs the encoding that ``constraint.form = "slots"``
            trains.

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
    sites_bank: SitesBankRecipe = field(default_factory=SitesBankRecipe)
    graph: GraphRecipe = field(default_factory=GraphRecipe)
    constraint: ConstraintRecipe = field(default_factory=ConstraintRecipe)
    gan: GanRecipe = field(default_factory=GanRecipe)
    writer: WriterRecipe = field(default_factory=WriterRecipe)
    labels: LabelsRecipe = field(default_factory=LabelsRecipe)
    descriptor: DescriptorRecipe = field(default_factory=DescriptorRecipe)
    energies: EnergyRecipe = field(default_factory=EnergyRecipe)
    critic: CriticRecipe = field(default_factory=CriticRecipe)
    adversarial: AdversarialRecipe = field(default_factory=AdversarialRecipe)
    compositions: CompositionsRecipe = field(default_factory=CompositionsRecipe)
    prototypes: PrototypesRecipe = field(default_factory=PrototypesRecipe)
    prompted: PromptedRecipe = field(default_factory=PromptedRecipe)
    pool: PoolRecipe = field(default_factory=PoolRecipe)
    slot_gan: SlotGanRecipe = field(default_factory=SlotGanRecipe)

    @property
    def sources_alone(self) -> bool:
        """Whether crystals come from sources, and no constraint asks for their latents."""
        return self.gan.form == "sources" and self.constraint.form != "slots"

    @property
    def room(self) -> float:
        """Edge of the cube in which the atoms of a structure must lie, in Å."""
        return math.inf if self.sources_alone else self.voxels.room

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "gan", _steered(self.gan, "", self.data.property))
        if self.gan.structures == "all" and self.data.split != "random":
            raise InputError(
                f'gan.structures is "all", so the GAN would learn from what data.split '
                f'"{self.data.split}" holds out; `settings` gan.structures=training'
            )
        if self.slot_gan.steps and self.sources_alone:
            raise InputError(
                f"slot_gan.steps {self.slot_gan.steps}: a slot GAN makes latents, which this "
                "recipe does not have; take recipe mp-compact"
            )
        if self.lattice_autoencoder.latent > self.graph.lattice_slot:
            raise InputError(
                f"lattice_autoencoder.latent {self.lattice_autoencoder.latent} does not "
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
                    f"voxels.{name}_grid {grid} cannot be halved for each of "
                    f"{name}_autoencoder.filters; set it to a multiple of {factor}"
                )


def _steered(gan: GanRecipe, before: str, now: str) -> GanRecipe:
    """Returns a table whose terms of one property are of another."""
    terms = tuple(
        replace(term, property=now) if term.property == before else term for term in gan.terms
    )
    return replace(gan, terms=terms)


def load_recipe(recipe: str, settings: Sequence[str] = ()) -> CcdcganRecipe:
    """Loads a recipe of the family.

    Args:
        recipe: Name of a shipped recipe or path of a TOML file.
        settings: ``key=value`` texts with dotted keys. Who changes ``data.property`` and not
            ``gan.terms`` means to steer by it: the terms of the former property follow.

    Raises:
        InputError: As for :func:`tfmat.recipes.loader.load`.
    """
    loaded = load(CcdcganRecipe, "ccdcgan", recipe, settings)
    changed = {setting.partition("=")[0].strip() for setting in settings}
    if "data.property" in changed and "gan.terms" not in changed:
        before = read(recipe).get("data", {}).get("property", DataRecipe.property)
        loaded = replace(loaded, gan=_steered(loaded.gan, before, loaded.data.property))
    return loaded
