"""A chain of two random walks: all that a family brings, and no network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from tfmat.datasets.composition_store import CompositionDataset, CompositionWriter
from tfmat.errors import InputError
from tfmat.formulas.parsing import parse_formulas
from tfmat.metric import Metric
from tfmat.recipes.loader import load
from tfmat.training import checkpoints
from tfmat.training.chain import Chain
from tfmat.training.networks import Networks

RECIPE = """
name = "walk"
family = "walk"
data = { dataset = "given by --data" }
"""
STAGES = ("near", "far")


@dataclass(frozen=True)
class WalkData:
    dataset: str = ""
    held_out: int = 1


@dataclass(frozen=True)
class Walk:
    steps: int = 20
    width: float = 1.0


@dataclass(frozen=True)
class WalkRecipe:
    name: str = ""
    family: str = ""
    data: WalkData = field(default_factory=WalkData)
    near: Walk = field(default_factory=Walk)
    far: Walk = field(default_factory=Walk)


class WalkChain(Chain):
    """Two walks, the second from where the first ends.

    Args:
        fail_at: Stage and step at which the process is stopped; step -1 is before the stage begins.
        split: Says how rows are held out, as a version of tfmat does it.
    """

    def __init__(self, fail_at=("", 0), split="rows from the end"):
        self.fail_at = fail_at
        self.split = split
        # Stage and first step of every chunk.
        self.walked = []

    def load_recipe(self, name, settings, target=None):
        return load(WalkRecipe, "walk", name, settings)

    def open_dataset(self, name):
        return CompositionDataset.open(name)

    def check(self, target, recipe, dataset):
        if recipe.data.held_out >= len(dataset):
            raise InputError(f"{dataset.path}: nothing to learn from")

    def load(self, recipe, dataset, seed):
        return recipe, (dataset, recipe.data.held_out)

    def describe(self, data):
        dataset, held_out = data
        split = {"kind": "last", "sha256": hashlib.sha256(self.split.encode()).hexdigest()}
        counts = {"training": len(dataset) - held_out, "held_out": held_out}
        return {"formulas": len(dataset), **counts, "split": split}

    def sentence(self, recipe, data):
        return f"{len(data[0]) - data[1]} formulas to walk on"

    def texts(self, data):
        return {"held_out.csv": "formula\n" * (1 + data[1])}

    def stages(self, target, recipe):
        return list(STAGES[: 1 + STAGES.index(target)])

    def inputs(self, target, recipe):
        return {"near": ("data", "near"), "far": ("data", "near", "far")}

    def train_stage(self, stage, recipe, data):
        walk, place = getattr(recipe, stage.name), keras.Variable(float(len(data[0])))
        if stage.name == "far":
            place.assign(np.load(stage.run.stage_folder("near") / "place.npy"))
        if self.fail_at == (stage.name, -1):
            raise KeyboardInterrupt

        def advance(first, count, tick):
            self.walked.append((stage.name, first))
            for step in range(first, first + count):
                if self.fail_at == (stage.name, step):
                    raise KeyboardInterrupt
                random = np.random.default_rng([stage.seed, step])
                place.assign_add(walk.width * float(random.normal()))
                tick(1, "")
            return {"loss": float(place.value) ** 2}

        stage.train(walk.steps, [place], advance)
        file = stage.run.stage_folder(stage.name) / "place.npy"
        np.save(file, float(place.value))
        metric = Metric("distance", float(place.value), "Å")
        stage.run.finish(stage.name, [file], [metric])
        checkpoints.clear(stage.run.stage_folder(stage.name))

    def networks(self, run, recipe):
        return Networks({}, {}, ("Na", "Cl"), {})

    def end_to_end(self, networks, recipe):
        return None


def write_recipe(path: Path) -> Path:
    """Writes the recipe as a file."""
    path.write_text(RECIPE, "utf-8")
    return path


def write_dataset(folder: Path, formulas=("NaCl", "KBr", "Li2O")) -> Path:
    """Writes formulas as a dataset."""
    source = {"name": folder.name, "license": "CC-BY-4.0", "attribution": ["Walk (2020)"]}
    with CompositionWriter(folder, source, 3) as writer:
        writer.add(parse_formulas(list(formulas)).compositions)
    return folder
