"""Networks of recipes with random weights, and what a package would say about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def recipe_networks(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Builds the networks of a recipe: metadata as of a package, and networks by part."""
    import keras

    from tfmat.ccdcgan.recipe import load_recipe as ccdcgan_recipe
    from tfmat.errors import InputError
    from tfmat.matgan.elements import ELEMENTS
    from tfmat.matgan.recipe import load_recipe as matgan_recipe
    from tfmat.recipes.loader import to_mapping

    keras.utils.set_random_seed(1)
    recipe: Any
    try:
        recipe = ccdcgan_recipe(name)
    except InputError:
        # With weights of standard deviation 1 all cells are 0 or 1.
        recipe = matgan_recipe(name, ['gan.initializer="glorot"'] if "-ae" not in name else [])
        networks, elements = compositions(recipe), list(ELEMENTS)
    else:
        if not recipe.data.elements:
            # The data would settle them: those of `bi-se`.
            recipe = ccdcgan_recipe(name, ['data.elements=["Bi", "Se"]'])
        networks, elements = structures_networks(recipe), list(recipe.data.elements)
    metadata = {
        "name": name,
        "family": recipe.family,
        "recipe": to_mapping(recipe),
        "elements": elements,
        "presence_threshold": [0.0] * len(elements),
    }
    return with_parts(metadata, networks), networks


def structures_networks(recipe: Any) -> dict[str, Any]:
    """Builds the networks of a CCDCGAN recipe."""
    from tfmat.ccdcgan.graph import GraphLayout
    from tfmat.ccdcgan.networks import autoencoders, constraint, gan
    from tfmat.ccdcgan.parts import exported

    layout, spec = GraphLayout.from_recipe(recipe, recipe.data.elements), recipe.voxels
    lattice, sites = recipe.lattice_autoencoder, recipe.sites_autoencoder
    return exported(
        {
            "generator": gan.build_generator(recipe.gan, layout),
            "discriminator": gan.build_discriminator(recipe.gan, layout),
            "constraint": constraint.build_constraint(recipe.constraint, layout),
            "lattice_encoder": autoencoders.build_encoder(lattice, spec.lattice_grid),
            "lattice_decoder": autoencoders.build_decoder(lattice, spec.lattice_grid),
            "sites_encoder": autoencoders.build_encoder(sites, spec.sites_grid),
            "sites_decoder": autoencoders.build_decoder(sites, spec.sites_grid),
        }
    )


def compositions(recipe: Any) -> dict[str, Any]:
    """Builds the networks of a MatGAN or composition autoencoder recipe."""
    from tfmat.matgan.networks import autoencoder, autoregressive
    from tfmat.matgan.networks import gan as networks

    if recipe.name.startswith("composition-ae"):
        return {
            "composition_encoder": autoencoder.build_encoder(recipe.autoencoder),
            "composition_decoder": autoencoder.build_decoder(recipe.autoencoder),
        }
    if recipe.gan.form == "autoregressive":
        made = autoregressive.AutoregressiveNetworks(recipe.autoregressive)
        critic = autoregressive.build_critic(recipe.autoregressive, recipe.gan.critic_units)
        return {"generator": made.generator, "critic": critic}
    return {
        "generator": networks.build_generator(recipe.gan),
        "critic": networks.build_critic(recipe.gan),
    }


def with_parts(metadata: dict[str, Any], networks: Mapping[str, Any]) -> dict[str, Any]:
    """Adds what a package says about its parts, as far as it is read here."""
    parts: dict[str, Any] = {
        part: {
            "inputs": {"input": {"shape": ["batch", *network.inputs[0].shape[1:]]}},
            "outputs": {
                str(number): {"shape": ["batch", *output.shape[1:]]}
                for number, output in enumerate(network.outputs)
            },
        }
        for part, network in networks.items()
    }
    if "constraint" in parts:
        parts["constraint"]["property"] = "formation_energy_per_atom"
    return {**metadata, "parts": parts}
