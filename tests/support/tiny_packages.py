"""Tiny untrained packages of both families with their end-to-end graphs; need TensorFlow."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tiny

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.autoencoders import build_decoder, build_encoder
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.networks.end_to_end import build_generate
from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator
from tfmat.ccdcgan.parts import exported, package_tensors
from tfmat.ccdcgan.presence import Presence
from tfmat.ccdcgan.recipe import load_recipe
from tfmat.export.package import Formats, Provenance, write_package
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.networks import end_to_end
from tfmat.matgan.networks import gan as matgan
from tfmat.matgan.parts import PARTS
from tfmat.matgan.recipe import CriticGanRecipe, MatganRecipe
from tfmat.recipes.loader import to_mapping

PRESENCE = [0.1, 0.1]


def structures(out: Path, formats: Formats) -> Path:
    """Writes a CCDCGAN package with all parts."""
    keras.utils.set_random_seed(1)
    recipe = load_recipe(str(tiny.write_recipe(out.parent / "tiny.toml")))
    layout, voxels = GraphLayout.from_recipe(recipe, recipe.data.elements), recipe.voxels
    models = exported(
        {
            "generator": build_generator(recipe.gan, layout),
            "discriminator": build_discriminator(recipe.gan, layout),
            "constraint": build_constraint(recipe.constraint, layout),
            "lattice_encoder": build_encoder(recipe.lattice_autoencoder, voxels.lattice_grid),
            "lattice_decoder": build_decoder(recipe.lattice_autoencoder, voxels.lattice_grid),
            "sites_encoder": build_encoder(recipe.sites_autoencoder, voxels.sites_grid),
            "sites_decoder": build_decoder(recipe.sites_autoencoder, voxels.sites_grid),
        }
    )
    constraints = {"constraint": "formation_energy"}
    models["generate"] = build_generate(
        models, layout, voxels, Presence(np.array(PRESENCE)), constraints
    )
    tensors = package_tensors(models, recipe)
    details = {"presence_threshold": PRESENCE}
    provenance = Provenance(out.name, recipe, recipe.data.elements, details=details)
    return write_package(out, models, tensors, provenance, formats)


def formulas(out: Path, formats: Formats) -> Path:
    """Writes a MatGAN package with generator, critic and end-to-end graph."""
    keras.utils.set_random_seed(2)
    gan = CriticGanRecipe(form="dense", latent=8, generator_units=(16,), critic_units=(8,))
    recipe = MatganRecipe(out.name, gan=gan)
    generator = matgan.build_generator(gan)
    models = {
        "generator": generator,
        "critic": matgan.build_critic(gan),
        "generate": end_to_end.build_generate(generator, recipe.decoding),
    }
    details = {"decoding": to_mapping(recipe.decoding)}
    provenance = Provenance(out.name, recipe, ELEMENTS, details=details)
    return write_package(out, models, PARTS, provenance, formats)
