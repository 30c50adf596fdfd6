"""A writer of crystals with critic and constraint, untrained and tiny; needs TensorFlow."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tiny

from tfmat.ccdcgan.environments.network import build_network
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.environments.stages import numbers_of
from tfmat.ccdcgan.recipe import CcdcganRecipe, load_recipe
from tfmat.ccdcgan.writer.network import build_likelihood
from tfmat.ccdcgan.writer.training import vocabulary
from tfmat.ccdcgan.writer.whole import build_whole
from tfmat.ccdcgan.writer.writing import build_writing

SETTINGS = ["gan.form=writer", "data.max_atoms=5", "writer.width=8", "writer.blocks=1"]
SETTINGS += ["writer.heads=2", "writer.cells=4", "writer.places=8", "writer.attempts=4"]
# Atoms of Bi and Se, and how many structures have so many.
COMPOSITIONS = [[2, 3, 5], [1, 1, 2], [1, 0, 1], [0, 2, 1]]
LIMITS = np.array([[2.8, 2.5], [2.5, 2.2]])


def recipe_of(file: Path) -> CcdcganRecipe:
    """Returns the recipe; the file is written."""
    return load_recipe(str(tiny.write_recipe(file)), SETTINGS)


def networks(recipe: CcdcganRecipe) -> dict[str, keras.Model]:
    """Returns writer, constraint and critic of environments, and the end-to-end network."""
    numbers = numbers_of(recipe)
    words = vocabulary(recipe, numbers)
    likelihood = build_likelihood(recipe.writer, words)
    random = np.random.default_rng(4)
    for weight in likelihood.weights:
        # As after training: what is chosen depends on what was chosen before.
        if "kernel" in weight.path or "embeddings" in weight.path:
            weight.assign(random.normal(size=weight.shape) * 0.4)
    writer = build_writing(likelihood, recipe.writer, words, LIMITS)
    descriptor, most = recipe.descriptor.descriptor(numbers), recipe.data.max_atoms
    return {
        "writer": writer,
        CONSTRAINT: build_network(descriptor, most, units=8, depth=2, name="formation_energy"),
        CRITIC: build_network(descriptor, most, units=8, name="score"),
        "generate": build_whole(writer, COMPOSITIONS),
    }
