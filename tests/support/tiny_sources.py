"""A package of sources, untrained and tiny: compositions, prototypes, writer, constraint."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from oracle import CRYSTALS

from tfmat.ccdcgan.environments.network import build_network
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.environments.stages import numbers_of
from tfmat.ccdcgan.parts import package_tensors
from tfmat.ccdcgan.recipe import CcdcganRecipe, load_recipe
from tfmat.ccdcgan.sources import choices, compositions
from tfmat.ccdcgan.sources.composition_network import build_compositions
from tfmat.ccdcgan.sources.network import build_likelihood
from tfmat.ccdcgan.sources.prototypes import Prototypes
from tfmat.ccdcgan.sources.store import FILE, KnownCrystals
from tfmat.ccdcgan.sources.volume import VolumeModel
from tfmat.ccdcgan.sources.writing import build_writing
from tfmat.export.package import Formats, Provenance, write_package

SETTINGS = ["data.elements=Bi,Se", "data.max_atoms=4", "compositions.units=16", "pool.prototypes=2"]
SETTINGS += ["pool.written=2", "prompted.width=8", "prompted.blocks=1", "prompted.heads=2"]
SETTINGS += ["prompted.cells=4", "prompted.places=8", "prompted.attempts=2"]
SETTINGS += ["prompted.element_width=8", "energies.units=8"]


def recipe_of() -> CcdcganRecipe:
    """Returns the recipe."""
    return load_recipe("mp-writer", SETTINGS)


def networks(recipe: CcdcganRecipe) -> dict[str, keras.Model]:
    """Returns the networks of compositions, writer and constraint."""
    most = recipe.data.max_atoms
    likelihood = build_likelihood(recipe.prompted, most)
    random = np.random.default_rng(4)
    for weight in likelihood.weights:
        # As after training: what is chosen depends on what was chosen before.
        if "kernel" in weight.path or "embeddings" in weight.path:
            weight.assign(random.normal(size=weight.shape) * 0.2)
    descriptor = recipe.descriptor.descriptor(numbers_of(recipe))
    return {
        compositions.PART: build_compositions(recipe.compositions, len(recipe.data.elements), most),
        choices.PART: build_writing(likelihood, recipe.prompted),
        CONSTRAINT: build_network(descriptor, most, units=8, depth=2, name="formation_energy"),
    }


def known_crystals() -> KnownCrystals:
    """Returns a few crystals of Bi and Se as prototypes."""
    crystals = [crystal for crystal in CRYSTALS if len(crystal) <= 4]
    prototypes = Prototypes.of([f"known-{number}" for number in range(len(crystals))], crystals)
    law = VolumeModel.fit(prototypes.contents, prototypes.volumes())
    return KnownCrystals(prototypes, np.ones(len(crystals), np.uint8), law, 0.6)


def write(out: Path, models: dict[str, keras.Model], formats: Formats) -> Path:
    """Writes the package.

    Args:
        out: Its folder.
        models: From :func:`networks`.
        formats: What to write beside ONNX.
    """
    recipe = recipe_of()
    file = out.parent / FILE
    known_crystals().save(file)
    provenance = Provenance(
        out.name,
        recipe,
        recipe.data.elements,
        details={"presence_threshold": []},
        files={FILE: file},
    )
    return write_package(out, models, package_tensors(models, recipe), provenance, formats)
