"""A third family, as small as a family can be: the volume of an atom, from noise.

It learns which volumes per atom the structures of a dataset have, and generates such numbers. All
that trains, exports, checks, generates and serves it is the machinery that it shares with others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfmat.export.card_text import CardText
from tfmat.export.precision_check import PrecisionCheck
from tfmat.family import Family, Target
from tfmat.inference.described import Metadata
from tfmat.inference.tensors import Tensors
from tfmat.metric import Metric
from tfmat.recipes.loader import build, load, read
from tfmat.recipes.table import Count, Positive, Share, Table
from tfmat.training.chain import Chain
from tfmat.training.networks import Networks

RECIPE = """
name = "toy"
description = "Only for tests."
family = "toy"

[data]
dataset = "bi-se"
test_fraction = 0.25

[generator]
latent = 3
units = 8
batch_size = 16
steps = 60
learning_rate = 0.02
"""


@dataclass(frozen=True)
class ToyData(Table):
    """Which structures are learned from."""

    dataset: str = "bi-se"
    test_fraction: Share = 0.25


@dataclass(frozen=True)
class ToyGenerator(Table):
    """The network and its training."""

    latent: Count = 3
    units: Count = 8
    batch_size: Count = 16
    steps: Count = 60
    learning_rate: Positive = 0.02


@dataclass(frozen=True)
class ToyRecipe(Table):
    """A whole configuration."""

    name: str
    description: str = ""
    family: Literal["toy"] = "toy"
    data: ToyData = field(default_factory=ToyData)
    generator: ToyGenerator = field(default_factory=ToyGenerator)


# What a package holds, and what its metadata say that no other family's do.
PARTS = {"generator": Tensors("noise", {"volume": "Å³"})}


class ToyMetadata(Metadata, frozen=True, kw_only=True):
    largest_volume: float


class ToyChain(Chain[ToyRecipe, dict[str, np.ndarray]]):
    """One stage: a monotonic function from noise to volumes, by their quantiles."""

    tensorflow_only = frozenset()

    def load_recipe(self, name, settings, target=None):
        return load(ToyRecipe, "toy", name, settings)

    def open_dataset(self, name):
        from tfmat.datasets.store import Dataset

        return Dataset.open(name)

    def check(self, target, recipe, dataset):
        pass

    def load(self, recipe, dataset, seed):
        volumes = [abs(np.linalg.det(crystal.lattice)) / len(crystal) for crystal in dataset]
        order = np.random.default_rng(seed).permutation(len(volumes))
        held_out = round(recipe.data.test_fraction * len(volumes))
        volumes = np.asarray(volumes, np.float32)[order]
        return recipe, {"test": volumes[:held_out], "train": np.sort(volumes[held_out:])}

    def describe(self, data):
        train, test = len(data["train"]), len(data["test"])
        return {"structures": train + test, "training": train, "held_out": test}

    def sentence(self, recipe, data):
        return f"{len(data['train'])} volumes"

    def stages(self, target, recipe):
        return ["gan"]

    def inputs(self, target, recipe):
        return {}

    def train_stage(self, stage, recipe, data):
        import keras

        from tfmat.metric import Metric
        from tfmat.networks.batches import Batches, BatchSampler

        settings, train = recipe.generator, data["train"]
        keras.utils.set_random_seed(stage.seed)
        noise = keras.Input((settings.latent,), name="noise")
        x = keras.layers.Dense(settings.units, activation="tanh")(noise)
        volume = keras.layers.Dense(1, activation="softplus", name="volume")(x)
        model = keras.Model(noise, volume, name="generator")
        model.compile(keras.optimizers.Adam(settings.learning_rate), "mse")
        sampler = BatchSampler(len(train), settings.batch_size, stage.seed)

        def draw(rows):
            # The normal quantile of a volume's rank, spread over the noise's numbers.
            rank = (rows + 0.5) / len(train)
            score = np.array([math.sqrt(2) * _inverse_erf(2 * r - 1) for r in rank])
            given = np.repeat(score[:, None], settings.latent, 1) / math.sqrt(settings.latent)
            return given.astype(np.float32), train[rows, None]

        stage.fit(model, lambda first, count: Batches(draw, sampler, first, count), settings.steps)
        trained = keras.Model(model.input, model.output, name="generator")
        mean = float(data["test"].mean())
        metric = Metric("test_mean", mean, "Å³", note="held-out volumes")
        stage.finish({"generator": trained}, [metric])

    def networks(self, run, recipe):
        details = {"largest_volume": 1000.0}
        return Networks(run.networks(["generator"]), PARTS, ["Bi", "Se"], details)

    def end_to_end(self, networks, recipe):
        return None


def _inverse_erf(y: float) -> float:
    # Winitzki's approximation.
    a = 0.147
    log = math.log(1 - y * y)
    first = 2 / (math.pi * a) + log / 2
    return math.copysign(math.sqrt(math.sqrt(first * first - log / a) - first), y)


class ToyPrecisionCheck(PrecisionCheck):
    """Volumes in another precision beside those in float32."""

    definition = "volumes that differ by more than 1%"
    generates = True

    @property
    def probe(self):
        return ToyFamily()

    def decides(self, part):
        return True

    def differences(self, networks, part=None):
        noise = self.probe.probe_inputs(self.reference, self.samples)["generator"]
        one, other = (which.run("generator", noise) for which in (self.reference, networks))
        different = int(np.count_nonzero(np.abs(one - other) > 0.01 * np.abs(one)))
        return {"samples": self.samples, "different": different}

    def measures(self, networks, data=None):
        noise = self.probe.probe_inputs(networks, self.samples)["generator"]
        value = float(networks.run("generator", noise).mean())
        return [Metric("mean_volume", value, "Å³", note="mean")], "tfmat predict --package toy"


@dataclass
class ToyModel:
    """Generates volumes."""

    package: Any

    def generate(self, count: int, seed: int = 0) -> np.ndarray:
        noise = ToyFamily().probe_inputs(self.package, count, seed)["generator"]
        return self.package.run("generator", noise)[:, 0]


class ToyFamily(Family):
    """The family."""

    name = "toy"
    targets = (Target("toy", "toy", "Train the toy.", "-n 10"),)
    commands = "toy_commands"
    output = "volumes.txt"

    def trained_by(self, recipe, stages):
        return "toy"

    def recipe(self):
        return ToyRecipe

    def parts(self):
        return PARTS

    def metadata(self):
        return ToyMetadata

    def chain(self):
        return ToyChain()

    def load(self, folder, **options):
        from tfmat.inference.package import load as load_package

        return ToyModel(load_package(folder, **options))

    def precision_check(self, reference, samples=None):
        return ToyPrecisionCheck(reference, samples or 100)

    def probe_inputs(self, networks, count, seed=0):
        latent = networks.input("generator")[1][0]
        random = np.random.default_rng(seed)
        return {"generator": random.standard_normal((count, latent), dtype=np.float32)}

    def batch_size(self, part, networks):
        return 32

    def generating(self, networks):
        return networks.parts

    def real_inputs(self, package, count):
        return {}

    def card_text(self, metadata):
        return CardText(
            task=("tabular-regression", "Generation of volumes"),
            tags=("toy",),
            description=("A toy.",),
            intended=("Tests.",),
            out_of_scope=("All else.",),
            command="tfmat generate toy",
            python="",
            limits=("It is a toy.",),
            papers=("None.",),
            bibtex="",
        )

    def end_to_end(self, package, network):
        raise AssertionError("the toy has no such part")


def write_recipe(path: Path) -> Path:
    """Writes the recipe as a file."""
    path.write_text(RECIPE, "utf-8")
    assert build(ToyRecipe, read(str(path))).generator.units == 8
    return path
