"""Tiny untrained packages of both families with their end-to-end graphs; need TensorFlow."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

import keras
import numpy as np
import tiny
import tiny_writer

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.autoencoders import build_decoder, build_encoder
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.networks.end_to_end import build_generate
from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator
from tfmat.ccdcgan.parts import exported, package_tensors
from tfmat.ccdcgan.presence import Presence
from tfmat.ccdcgan.recipe import CcdcganRecipe, load_recipe
from tfmat.checksums import write_sealed
from tfmat.export.package import Formats, Provenance, write_package
from tfmat.inference.metadata import read_metadata
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.networks import end_to_end
from tfmat.matgan.networks import gan as matgan
from tfmat.matgan.parts import PARTS
from tfmat.matgan.recipe import CriticGanRecipe, MatganRecipe
from tfmat.recipes.loader import to_mapping

PRESENCE = [0.1, 0.1]
FORMS = ("onnx", "keras", "saved_model")
# Parts of the package of crystals.
WRITTEN = ("writer", "environment_constraint", "environment_critic", "generate")
GRAPHS = ("discriminator", "constraint", "lattice_encoder", "lattice_decoder", "sites_encoder",
          "sites_decoder")  # fmt: skip


def structures(out: Path, formats: Formats) -> Path:
    """Writes a CCDCGAN package with all parts."""
    keras.utils.set_random_seed(1)
    recipe = load_recipe(str(tiny.write_recipe(out.parent / "tiny.toml")))
    layout, voxels = GraphLayout.from_recipe(recipe, recipe.data.elements), recipe.voxels
    made = {"generator": build_generator(recipe.gan, layout), **graph_networks(recipe)}
    models = exported(made)
    constraints = {"constraint": "formation_energy"}
    models["generate"] = build_generate(
        models, layout, voxels, Presence(np.array(PRESENCE)), constraints
    )
    tensors = package_tensors(models, recipe)
    details = {"presence_threshold": PRESENCE}
    provenance = Provenance(out.name, recipe, recipe.data.elements, details=details)
    return write_package(out, models, tensors, provenance, formats)


def crystals(out: Path, formats: Formats) -> Path:
    """Writes the package of a generator that writes crystals, with all that knows their graphs."""
    keras.utils.set_random_seed(3)
    recipe = tiny_writer.recipe_of(out.parent / "writer.toml")
    models = {**tiny_writer.networks(recipe), **exported(graph_networks(recipe))}
    details = {"compositions": tiny_writer.COMPOSITIONS, "presence_threshold": PRESENCE}
    tensors = package_tensors(models, recipe)
    provenance = Provenance(out.name, recipe, recipe.data.elements, details=details)
    return write_package(out, models, tensors, provenance, formats)


def lesser(package: Path, out: Path, parts: Collection[str], formats: Collection[str]) -> Path:
    """Copies a package with some of its parts, in some of its forms (``onnx`` and others)."""
    shutil.copytree(package, out)
    metadata = read_metadata(out)
    metadata["parts"] = {
        part: {key: value for key, value in entry.items() if key not in FORMS or key in formats}
        for part, entry in metadata["parts"].items()
        if part in parts
    }
    if "lattice_encoder" not in parts:
        metadata["presence_threshold"] = []
    write_sealed(out / "metadata.json", metadata)
    return out


def graph_networks(recipe: CcdcganRecipe) -> dict[str, keras.Model]:
    """Returns autoencoders, discriminator and constraint of crystal graphs."""
    layout, voxels = GraphLayout.from_recipe(recipe, recipe.data.elements), recipe.voxels
    return {
        "discriminator": build_discriminator(recipe.gan, layout),
        "constraint": build_constraint(recipe.constraint, layout),
        "lattice_encoder": build_encoder(recipe.lattice_autoencoder, voxels.lattice_grid),
        "lattice_decoder": build_decoder(recipe.lattice_autoencoder, voxels.lattice_grid),
        "sites_encoder": build_encoder(recipe.sites_autoencoder, voxels.sites_grid),
        "sites_decoder": build_decoder(recipe.sites_autoencoder, voxels.sites_grid),
    }


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
