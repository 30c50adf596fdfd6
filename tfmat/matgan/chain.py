"""The MatGAN chain: formulas, generator and critic, or the composition autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.splits.rules import sentence as split_sentence
from tfmat.errors import InputError
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.parts import PARTS, TRAINED
from tfmat.matgan.recipe import MatganRecipe, load_recipe, with_steps
from tfmat.matgan.training.data import TrainingFormulas, load_training_data
from tfmat.recipes.loader import to_mapping
from tfmat.training.amount import left_out_line, require_floor
from tfmat.training.chain import Chain
from tfmat.training.networks import Networks
from tfmat.training.run import Run

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# Steps of the likelihood stage below which hardly anything is learned: epochs of few formulas are
# few steps (docs/training-compositions.md).
FEW_STEPS = 200
# What each command trains; export follows always.
TARGETS: dict[str, tuple[str, ...]] = {
    "matgan": ("formulas", "gan"),
    "composition-ae": ("formulas", "composition-ae"),
}
# The keys of the recipe that a stage depends on.
INPUTS: dict[str, tuple[str, ...]] = {
    "formulas": ("data",),
    "likelihood": ("data", "autoregressive"),
    "gan": ("data", "autoregressive", "policy", "gan", "decoding"),
    "composition-ae": ("data", "autoencoder", "decoding"),
}


class MatganChain(Chain[MatganRecipe, TrainingFormulas]):
    """The lists of formulas, and the networks that learn from them."""

    alone = frozenset({"formulas"})

    def load_recipe(
        self, name: str, settings: Sequence[str], target: str | None = None
    ) -> MatganRecipe:
        """Loads the recipe."""
        return load_recipe(name, settings)

    def open_dataset(self, name: str | Path) -> CompositionDataset:
        """Opens a dataset of compositions."""
        return CompositionDataset.open(name)

    def check(self, target: str, recipe: MatganRecipe, dataset: CompositionDataset) -> None:
        """Refuses to hold out nothing from an autoencoder, which is judged by it."""
        none = recipe.data.split == "random" and not recipe.data.test_fraction
        if target == "composition-ae" and none:
            raise InputError(
                "recipe: data.test_fraction is 0, but an autoencoder is judged by held-out "
                "formulas; `settings` data.test_fraction=0.1"
            )

    def load(
        self, recipe: MatganRecipe, dataset: CompositionDataset, seed: int
    ) -> tuple[MatganRecipe, TrainingFormulas]:
        """Selects and splits the formulas; their number turns epochs into steps."""
        data = load_training_data(recipe.data, dataset, seed)
        return with_steps(recipe, len(data.train)), data

    def describe(self, data: TrainingFormulas) -> dict[str, Any]:
        """Returns counts."""
        return {
            "formulas": len(data),
            "training": len(data.train),
            "held_out": len(data.test),
            "left_out": data.left_out,
            "split": data.split,
        }

    def sentence(self, recipe: MatganRecipe, data: TrainingFormulas) -> str:
        """Returns how many formulas are learned from."""
        return (
            f"{len(data.train)} formulas to learn from, {len(data.test)} held out "
            f"({split_sentence(data.split)})"
        )

    def require_enough(self, target: str, recipe: MatganRecipe, data: TrainingFormulas) -> None:
        """Refuses too few formulas."""
        total = len(data.dataset.compositions)
        path = str(data.dataset.path)
        require_floor(len(data.train), total, "formulas", data.left_out, path)

    def notices(
        self, target: str, recipe: MatganRecipe, asked: MatganRecipe, data: TrainingFormulas
    ) -> list[str]:
        """Returns what was left out, and whether the formulas make few steps."""
        total = len(data.dataset.compositions)
        lines = left_out_line(data.left_out, total, "formulas")
        network = recipe.autoregressive
        if "likelihood" in self.stages(target, recipe) and network.steps < FEW_STEPS:
            lines.append(
                f"warning: the epochs of {len(data.train)} formulas are only {network.steps} "
                "steps, and more steps learn so few by heart; give more formulas "
                "(docs/training-compositions.md)"
            )
        return lines

    def stages(self, target: str, recipe: MatganRecipe) -> list[str]:
        """Returns the stages of a target."""
        names = list(TARGETS[target])
        if target == "matgan" and recipe.gan.form == "autoregressive":
            names.insert(names.index("gan"), "likelihood")
        return names

    def inputs(self, target: str, recipe: MatganRecipe) -> dict[str, tuple[str, ...]]:
        """Returns the stages that may be taken from another run, with what they depend on."""
        # The stage that the command is for is trained, whatever the other run has.
        return {name: keys for name, keys in INPUTS.items() if name != TARGETS[target][-1]}

    def train_stage(self, stage: Stage, recipe: MatganRecipe, data: TrainingFormulas) -> None:
        """Trains one stage."""
        if stage.name == "formulas":
            stage.run.begin(stage.name)
            files = data.write_formulas(stage.run.stage_folder(stage.name))
            stage.run.finish(stage.name, files)
        elif stage.name == "composition-ae":
            from tfmat.matgan.training.autoencoder import train_autoencoder

            train_autoencoder(stage, recipe, data)
        elif stage.name == "likelihood":
            from tfmat.matgan.training.autoregressive import train_likelihood

            train_likelihood(stage, recipe, data)
        else:
            from tfmat.matgan.training.gan import train_gan

            train_gan(stage, recipe, data)

    def networks(self, run: Run, recipe: MatganRecipe) -> Networks:
        """Loads all networks of a run."""
        details = {"decoding": to_mapping(recipe.decoding)}
        return Networks(run.networks(TRAINED), PARTS, ELEMENTS, details)

    def end_to_end(self, networks: Networks, recipe: MatganRecipe) -> Any | None:
        """Builds the generator with the decoding behind it."""
        from tfmat.matgan.networks.end_to_end import build_generate

        if "generator" not in networks.models:
            return None
        return build_generate(networks.models["generator"], recipe.decoding)
