"""The CCDCGAN chain: which stages a command needs, in which order, and what they depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat.ccdcgan.environments import stages as environments
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.parts import (
    GRAPH_PARTS,
    bank_parts,
    exported,
    package_tensors,
    presence_record,
)
from tfmat.ccdcgan.presence import Presence
from tfmat.ccdcgan.recipe import CcdcganRecipe, load_recipe
from tfmat.ccdcgan.sources import stages as sources
from tfmat.ccdcgan.training.data import TrainingData, load_training_data
from tfmat.ccdcgan.training.graphs import (
    CrystalGraphs,
    constraint_part,
    encode_graphs,
    properties,
)
from tfmat.ccdcgan.training.settle import notices, require_enough, require_property, settled
from tfmat.ccdcgan.writer.recipe import LEARNING
from tfmat.datasets.splits.rules import sentence as split_sentence
from tfmat.datasets.store import Dataset
from tfmat.datasets.systems import elements_of
from tfmat.inference.metadata import GENERATE
from tfmat.training.chain import Chain
from tfmat.training.networks import Networks
from tfmat.training.run import Run

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# What each command trains; export follows always.
TARGETS: dict[str, tuple[str, ...]] = {
    "lattice-ae": ("lattice-ae",),
    "sites-ae": ("sites-ae",),
    "constraint": ("lattice-ae", "sites-ae", "graphs", "constraint"),
    "dcgan": ("lattice-ae", "sites-ae", "graphs", "gan"),
    "ccdcgan": ("lattice-ae", "sites-ae", "graphs", "constraint", "gan"),
}
# Of a generator that writes crystals, in place of all that makes crystal graphs.
WRITTEN: dict[str, tuple[str, ...]] = {
    "constraint": ("writer", *environments.STAGES),
    "dcgan": ("writer",),
    "ccdcgan": ("writer", *environments.STAGES),
}
JUDGED = (environments.LABELS, environments.CONSTRAINT_STAGE)
# Of compositions of any elements, and crystals for them.
SOURCES: dict[str, tuple[str, ...]] = {
    "constraint": (sources.PROTOTYPES, *JUDGED),
    "dcgan": sources.STAGES,
    "ccdcgan": (sources.COMPOSITIONS, sources.PROTOTYPES, *JUDGED, sources.WRITER),
}
LABELLED = ("data", "writer", "labels")
KNOWN = ("data", "prototypes")
# What a stage depends on: keys of the recipe, those of the stages before it included.
SITES = ("data", "voxels", "sites_autoencoder")
BANK = "sites-ae-"
GRAPHS = (*SITES, "lattice_autoencoder", "sites_bank", "graph")
INPUTS: dict[str, tuple[str, ...]] = {
    "lattice-ae": ("data", "voxels", "lattice_autoencoder"),
    "sites-ae": SITES,
    "graphs": GRAPHS,
    "constraint": (*GRAPHS, "constraint", "data.property"),
    "writer": ("data", *LEARNING),
    sources.COMPOSITIONS: ("data", "compositions"),
    sources.PROTOTYPES: KNOWN,
    sources.WRITER: (*KNOWN, "prompted"),
    sources.SLOT_GAN: (*GRAPHS, "slot_gan"),
    environments.LABELS: LABELLED,
    environments.CONSTRAINT_STAGE: (*LABELLED, "descriptor", "energies"),
    environments.CRITIC_STAGE: (*LABELLED, "descriptor", "critic"),
    environments.ADVERSARIAL: (*LABELLED, "descriptor", "energies", "critic", "adversarial"),
}


class CcdcganChain(Chain[CcdcganRecipe, TrainingData]):
    """Both autoencoders, the crystal graphs, the constraints, the GAN."""

    quick_end_to_end = False  # ten seconds, for the loops of the cell's fit
    tensorflow_only = frozenset(
        {
            "gan",
            environments.CRITIC_STAGE,
            environments.ADVERSARIAL,
            sources.WRITER,
            sources.SLOT_GAN,
        }
    )
    alone = frozenset(
        {
            "graphs",
            sources.PROTOTYPES,
            environments.LABELS,
            environments.ADVERSARIAL,
        }
    )

    def load_recipe(
        self, name: str, settings: Sequence[str], target: str | None = None
    ) -> CcdcganRecipe:
        """Loads the recipe; a DCGAN is one without constraint terms."""
        more = ["gan.terms=[]"] if target == "dcgan" else []
        return load_recipe(name, [*settings, *more])

    def open_dataset(self, name: str | Path) -> Dataset:
        """Opens a dataset of structures."""
        return Dataset.open(name)

    def check(self, target: str, recipe: CcdcganRecipe, dataset: Dataset) -> None:
        """Refuses, at once, a property that the data do not have, or a missing potential."""
        if environments.LABELS in _stages(target, recipe):
            environments.check_potential(recipe)
        if "constraint" in _stages(target, recipe):
            for name in properties(recipe):
                require_property(dataset, name)

    def load(
        self, recipe: CcdcganRecipe, dataset: Dataset, seed: int
    ) -> tuple[CcdcganRecipe, TrainingData]:
        """Selects, canonicalises and splits the structures; settles what depends on them."""
        selection = recipe.data
        if recipe.gan.form == "sources":
            # Nothing there has a part for each element.
            selection = replace(selection, elements=selection.elements or elements_of(dataset))
        data = load_training_data(selection, dataset, recipe.room, seed)
        return settled(recipe, data), data

    def describe(self, data: TrainingData) -> dict[str, Any]:
        """Returns counts, elements and how structures were held out."""
        return {
            "structures": len(data),
            "training": len(data.train),
            "held_out": len(data.test),
            "left_out": data.rejected,
            "elements": list(data.elements),
            "split": data.split,
        }

    def sentence(self, recipe: CcdcganRecipe, data: TrainingData) -> str:
        """Returns how many structures are learned from."""
        return (
            f"{len(data.train)} structures to learn from, {len(data.test)} held out "
            f"({split_sentence(data.split)})"
        )

    def require_enough(self, target: str, recipe: CcdcganRecipe, data: TrainingData) -> None:
        """Refuses too few structures, or too few with a property that is to be predicted."""
        stages = _stages(target, recipe)
        require_enough(data, properties(recipe) if "constraint" in stages else ())
        if environments.LABELS in stages:
            environments.check_data(recipe, data)

    def notices(
        self, target: str, recipe: CcdcganRecipe, asked: CcdcganRecipe, data: TrainingData
    ) -> list[str]:
        """Returns what was left out, what steers, and where the data are few."""
        stages = _stages(target, recipe)
        predicted = properties(recipe) if "constraint" in stages else ()
        return list(notices(recipe, asked, data, predicted, "gan" in stages))

    def resume_hint(self, key: str, new: Any) -> str:
        """Says how to train a DCGAN beside a CCDCGAN."""
        if key == "gan.terms" and not new:
            return "is a CCDCGAN; train a DCGAN beside it with `source` {run} and another `out`"
        return ""

    def generates(self, recipe: CcdcganRecipe) -> bool:
        """Tells whether a chain has a generator at all."""
        return recipe.gan.form != "none"

    def texts(self, data: TrainingData) -> dict[str, str]:
        """Returns the list of what is held out."""
        return {"held_out.csv": data.held_out_list()}

    def stages(self, target: str, recipe: CcdcganRecipe) -> list[str]:
        """Returns the stages, one for every constraint and every autoencoder of a bank."""
        names: list[str] = []
        for stage in _stages(target, recipe):
            if stage == "sites-ae" and recipe.sites_bank.steps:
                names += [stage, *(f"{BANK}{symbol}" for symbol in recipe.data.elements)]
            elif stage == "constraint":
                names += [constraint_part(name, recipe) for name in properties(recipe)]
            else:
                names.append(stage)
        return names

    def inputs(self, target: str, recipe: CcdcganRecipe) -> dict[str, tuple[str, ...]]:
        """Returns the stages that may be taken from another run, with what they depend on."""
        inputs = dict(INPUTS)
        if recipe.gan.form == "sources":
            labelled = (*KNOWN, "labels", "pool")
            inputs[environments.LABELS] = labelled
            inputs[environments.CONSTRAINT_STAGE] = (*labelled, "descriptor", "energies")
        if target == "constraint":
            # The stage that the command is for is trained, whatever the other run has.
            return {name: keys for name, keys in inputs.items() if name != target}
        for name in self.stages("constraint", recipe):
            needed = (*SITES, "sites_bank") if name.startswith(BANK) else (*GRAPHS, "constraint")
            inputs.setdefault(name, needed)
        return inputs

    def train_stage(self, stage: Stage, recipe: CcdcganRecipe, data: TrainingData) -> None:
        """Trains one stage; only now are Keras and the networks needed."""
        from tfmat.ccdcgan.training import autoencoders
        from tfmat.ccdcgan.training.constraint import train_constraint

        if stage.name == "lattice-ae":
            autoencoders.train_lattice_autoencoder(stage, recipe, data)
        elif stage.name == "sites-ae":
            autoencoders.train_sites_autoencoder(stage, recipe, data)
        elif stage.name.startswith(BANK):
            symbol = stage.name.removeprefix(BANK)
            autoencoders.train_sites_autoencoder(stage, recipe, data, symbol)
        elif stage.name == "graphs":
            encode_graphs(stage, recipe, data)
        elif stage.name == "writer":
            from tfmat.ccdcgan.writer.training import train_writer

            train_writer(stage, recipe, data)
        elif stage.name in sources.STAGES:
            sources.train_stage(stage, recipe, data)
        elif stage.name == sources.SLOT_GAN:
            from tfmat.ccdcgan.sources.slot_training import train_slot_gan

            train_slot_gan(stage, recipe, GraphLayout.from_recipe(recipe, data.elements))
        elif stage.name == environments.LABELS:
            environments.compute_labels(stage, recipe, data)
        elif stage.name == environments.CONSTRAINT_STAGE:
            environments.train_constraint(stage, recipe)
        elif stage.name == environments.CRITIC_STAGE:
            environments.train_critic(stage, recipe)
        elif stage.name == environments.ADVERSARIAL:
            from tfmat.ccdcgan.environments.adversarial_stage import train_against

            train_against(stage, recipe, data)
        elif stage.name == "gan":
            from tfmat.ccdcgan.training.gan import train_gan

            train_gan(stage, recipe, GraphLayout.from_recipe(recipe, data.elements))
        else:
            name = stage.name.removeprefix("constraint").removeprefix("-") or recipe.data.property
            layout = GraphLayout.from_recipe(recipe, data.elements)
            train_constraint(stage, recipe, layout, name)

    def networks(self, run: Run, recipe: CcdcganRecipe) -> Networks:
        """Loads all networks of a run; decoders end in their sigmoid."""
        made = self._networks(run, recipe)
        scale = environments.energy_scale_of(run) or run.info["dataset"].get("energy_scale")
        if scale and {"constraint", CONSTRAINT} & set(made.models):
            made = replace(made, details={**made.details, "energy_scale": scale})
        return made

    def _networks(self, run: Run, recipe: CcdcganRecipe) -> Networks:
        if run.finished("writer"):
            return self._written(run, recipe)
        if not run.finished(sources.PROTOTYPES):
            return self._encoding(run, recipe)
        from tfmat.ccdcgan.sources.exporting import networks

        made = networks(run, recipe)
        if recipe.sources_alone:
            return made
        own = self._encoding(run, recipe)
        presence = own.details["presence_threshold"]
        return replace(
            made,
            models={**made.models, **own.models},
            tensors={**made.tensors, **own.tensors},
            details={**own.details, **made.details, "presence_threshold": presence},
        )

    def _encoding(self, run: Run, recipe: CcdcganRecipe) -> Networks:
        """Loads the autoencoders, and what reads or makes crystal graphs or slots."""
        if recipe.constraint.form == "slots":
            # Loading it needs its layers known to Keras.
            import tfmat.ccdcgan.networks.slot_constraint  # noqa: F401
        constraints = (constraint_part(name, recipe) for name in properties(recipe))
        bank = bank_parts(recipe.data.elements)
        models = exported(run.networks([*GRAPH_PARTS, *bank, *constraints]))
        layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
        graphs = CrystalGraphs.open(run, layout) if run.finished("graphs") else None
        presence = graphs.presence.thresholds.tolist() if graphs else ()
        details: dict[str, Any] = {"presence_threshold": presence_record(presence)}
        if graphs and graphs.presence.most:
            details["most_elements"] = graphs.presence.most
        if graphs and (domain := graphs.domain()):
            details["domain"] = domain
        tensors = package_tensors([*models, GENERATE], recipe)
        return Networks(models, tensors, recipe.data.elements, details)

    def _written(self, run: Run, recipe: CcdcganRecipe) -> Networks:
        from tfmat.ccdcgan.writer.exporting import writing_network
        from tfmat.ccdcgan.writer.training import LIKELIHOOD

        elements = recipe.data.elements
        before = environments.TRAINED if run.finished(environments.ADVERSARIAL) else ""
        network, compositions = writing_network(run, recipe, f"{before}{LIKELIHOOD}")
        details = {"presence_threshold": presence_record(()), "compositions": compositions}
        judges = run.networks([f"{before}{part}" for part in (CONSTRAINT, CRITIC)])
        models = {"writer": network}
        models |= {part.removeprefix(before): judge for part, judge in judges.items()}
        if CONSTRAINT in models:
            details["domain"] = environments.domain_of(run)
        tensors = package_tensors([*models, GENERATE], recipe)
        return Networks(models, tensors, elements, details)

    def joined(
        self, networks: Networks, recipe: CcdcganRecipe, encoders: str | Path
    ) -> tuple[Networks, CcdcganRecipe]:
        """Gives the structures of a writer crystal graphs; see :mod:`tfmat.ccdcgan.joining`."""
        from tfmat.ccdcgan.joining import join

        return join(self, networks, recipe, encoders)

    def end_to_end(self, networks: Networks, recipe: CcdcganRecipe) -> Any | None:
        """Builds the generator with decoders, constraints and the reading of the cell behind it."""
        from tfmat.ccdcgan.networks.end_to_end import MAX_ELEMENTS, build_generate

        if recipe.gan.form == "sources":
            return None  # prototypes are searched for outside of any network
        if "writer" in networks.models:
            from tfmat.ccdcgan.writer.whole import build_whole

            return build_whole(networks.models["writer"], networks.details["compositions"])
        layout = GraphLayout.from_recipe(recipe, networks.elements)
        needed = {"generator", "lattice_decoder", "sites_decoder"}
        if not needed <= set(networks.models) or len(layout.elements) > MAX_ELEMENTS:
            return None
        presence = Presence.of_package(networks.details, len(layout.elements))
        constraints = {
            part: next(iter(networks.tensors[part].outputs))
            for part in networks.models
            if networks.tensors[part].property is not None
        }
        return build_generate(networks.models, layout, recipe.voxels, presence, constraints)


def _stages(target: str, recipe: CcdcganRecipe) -> tuple[str, ...]:
    """Returns the stages of a target, one constraint for all of them."""
    if recipe.gan.form == "sources" and target in SOURCES:
        judged = target != "dcgan" and not recipe.sources_alone
        if not judged:
            return SOURCES[target]
        last = (sources.SLOT_GAN,) if target == "ccdcgan" and recipe.slot_gan.steps else ()
        return (*TARGETS["constraint"], *SOURCES[target], *last)
    written = recipe.gan.form == "writer" and target in WRITTEN
    if recipe.gan.form == "none":
        return tuple(stage for stage in TARGETS[target] if stage != "gan")
    if not written:
        return TARGETS[target]
    against = target == "ccdcgan" and recipe.adversarial.steps > 0
    return (*WRITTEN[target], environments.ADVERSARIAL) if against else WRITTEN[target]
