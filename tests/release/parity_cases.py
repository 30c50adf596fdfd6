"""Tiny packages of every form of both families, with weights as after training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tiny
import tiny_sources
import tiny_writer
from oracle import CRYSTALS

from tfmat.ccdcgan import parts as structures
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks import autoencoders, constraint, gan
from tfmat.ccdcgan.recipe import AutoencoderRecipe, CcdcganRecipe, load_recipe
from tfmat.ccdcgan.voxels.frame import box_positions
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_channels
from tfmat.export import package
from tfmat.matgan import parts as compositions
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.networks import autoencoder, autoregressive
from tfmat.matgan.networks import gan as networks
from tfmat.matgan.recipe import CompositionAutoencoderRecipe, CriticGanRecipe, MatganRecipe
from tfmat.matgan.recipe_autoregressive import AutoregressiveRecipe
from tfmat.recipes.loader import to_mapping

# What the reference decoders know, so that there are atoms to be found.
REMEMBERED = CRYSTALS[:2]
CASES = (
    "compact",
    "reference",
    "writer",
    "sources",
    "dense",
    "matgan-4",
    "matgan-7",
    "autoregressive",
)


def write(case: str, folder: Path) -> tuple[Path, Mapping[str, keras.Model]]:
    """Writes the package of a case in all formats; returns it and the networks behind it."""
    keras.utils.set_random_seed(3)
    formats = package.Formats(saved_model=True, keras=True)
    if case == "sources":
        models = tiny_sources.networks(tiny_sources.recipe_of())
        for part in set(models) - {"prompted_writer"}:
            _shaken(models[part])
        return tiny_sources.write(folder / case, models, formats), models
    if case in ("compact", "reference"):
        recipe: Any = _structure_recipe(case, folder / "tiny.toml")
        models = structures.exported(_structure_networks(recipe))
        tensors = structures.package_tensors(models, recipe)
        elements, details = recipe.data.elements, {"presence_threshold": [0.1, 0.1]}
    elif case == "writer":
        recipe = tiny_writer.recipe_of(folder / "tiny.toml")
        models = tiny_writer.networks(recipe)
        for part, network in models.items():
            if part.startswith("environment_"):
                _shaken(network)
        tensors = structures.package_tensors(models, recipe)
        elements = recipe.data.elements
        details = {"presence_threshold": [], "compositions": tiny_writer.COMPOSITIONS}
    else:
        recipe, models = _composition_networks(case)
        tensors, elements = compositions.PARTS, ELEMENTS
        details = {"decoding": to_mapping(recipe.decoding)}
    provenance = package.Provenance(case, recipe, elements, details=details)
    return package.write_package(folder / case, models, tensors, provenance, formats), models


def _structure_recipe(case: str, file: Path) -> CcdcganRecipe:
    recipe = load_recipe(str(tiny.write_recipe(file)))
    if case == "reference":
        form = AutoencoderRecipe(filters=(8,), latent=6)
        sites = replace(form, latent=10)
        return replace(recipe, lattice_autoencoder=form, sites_autoencoder=sites)
    return replace(
        recipe,
        constraint=replace(recipe.constraint, form="dense", units=(8, 4)),
        gan=replace(recipe.gan, form="dense", generator_filters=(8,), discriminator_filters=(8, 4)),
    )


def _structure_networks(recipe: CcdcganRecipe) -> dict[str, keras.Model]:
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    lattice, sites = recipe.lattice_autoencoder, recipe.sites_autoencoder
    grids = recipe.voxels.lattice_grid, recipe.voxels.sites_grid
    made = {
        "generator": _shaken(gan.build_generator(recipe.gan, layout)),
        "discriminator": _shaken(gan.build_discriminator(recipe.gan, layout)),
        "constraint": _shaken(constraint.build_constraint(recipe.constraint, layout)),
        "lattice_encoder": _shaken(autoencoders.build_encoder(lattice, grids[0])),
        "lattice_decoder": _shaken(autoencoders.build_decoder(lattice, grids[0])),
        "sites_encoder": _shaken(autoencoders.build_encoder(sites, grids[1])),
        "sites_decoder": _shaken(autoencoders.build_decoder(sites, grids[1])),
    }
    if sites.form == "reference":
        channels = [box_positions(crystal) for crystal in REMEMBERED]
        _remember(made["sites_decoder"], encode_channels(channels, recipe.voxels)[..., 0])
        cells = [encode_lattice(crystal.lattice, recipe.voxels) for crystal in REMEMBERED]
        _remember(made["lattice_decoder"], np.stack(cells))
    return made


def _remember(decoder: keras.Model, voxels: np.ndarray) -> None:
    """Makes a reference decoder give voxels ``(n, grid, grid, grid)`` for unit vectors.

    The first deconvolution holds their logits, the second puts its eight filters side by side.
    """
    first, second = (decoder.get_layer(f"deconvolution_{i}") for i in (1, 2))
    gain = autoencoders.THRESHOLD_GAIN / 4  # of the threshold on the logit
    logits = np.where(voxels > 0, voxels / gain, -0.05)
    kernel, half = first.get_weights()[0], voxels.shape[1] // 2
    blocks = logits.reshape(-1, half, 2, half, 2, half, 2).transpose(1, 3, 5, 2, 4, 6, 0)
    kernel[..., : len(voxels)] = blocks.reshape(half, half, half, 8, -1)
    first.set_weights([kernel])
    taps = np.zeros_like(second.get_weights()[0])
    for number, (i, j, k) in enumerate(np.ndindex(2, 2, 2)):
        taps[1 + i, 1 + j, 1 + k, 0, number] = 1.0
    second.set_weights([taps])


def _composition_networks(case: str) -> tuple[MatganRecipe, dict[str, keras.Model]]:
    if case == "autoregressive":
        sizes = AutoregressiveRecipe(slots=3, width=8, units=(8,))
        recipe = CriticGanRecipe(form="autoregressive", latent=6, critic_units=(8,))
        made = {
            # Not shaken: its vectors start at the size that they keep.
            "generator": autoregressive.AutoregressiveNetworks(sizes).generator,
            "critic": _shaken(autoregressive.build_critic(sizes, recipe.critic_units)),
        }
        return MatganRecipe(case, gan=recipe, autoregressive=sizes), made
    units = {"generator_units": (16, 8), "critic_units": (16,)} if case == "dense" else {}
    recipe = CriticGanRecipe(form=case, initializer="glorot", latent=16, **units)
    made = {
        "generator": _shaken(networks.build_generator(recipe)),
        "critic": _shaken(networks.build_critic(recipe)),
    }
    if case == "matgan-4":
        return MatganRecipe(case, gan=recipe), made
    form = CompositionAutoencoderRecipe(form=case, latent=12, units=(16,))
    made["composition_encoder"] = _shaken(autoencoder.build_encoder(form))
    made["composition_decoder"] = _shaken(autoencoder.build_decoder(form))
    return MatganRecipe(case, gan=recipe, autoencoder=form), made


def _shaken(network: keras.Model) -> keras.Model:
    """Moves biases and statistics; as they are at the start they would hide defects."""
    random = np.random.default_rng(1)
    for weight in network.weights:
        value = weight.numpy()
        if value.ndim == 1 and value.dtype.kind == "f":
            moved = value + 0.1 * random.normal(size=value.shape)
            weight.assign(np.abs(moved) if "variance" in weight.name else moved)
    return network
