"""Generator and discriminator of crystal graphs."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.trunk import SLOPE, batch_normalisation, convolution_trunk, dense_trunk
from tfmat.ccdcgan.recipe import GanRecipe
from tfmat.errors import InputError


def build_generator(recipe: GanRecipe, layout: GraphLayout) -> keras.Model:
    """Builds the generator.

    ``reference`` (paper 004, Methods; the code of paper 002): a dense layer makes the first map,
    then every further filter count doubles its edges by upsampling and convolving; 1,483,393
    parameters for 28 x 28 (recipe ``bi-se``), 2,809,889 for 160 x 160 (recipe ``mp``).
    ``dense``: fully connected, with one output for each cell that the layout uses; the other cells
    are exactly zero.

    Args:
        recipe: Form and sizes.
        layout: Layout of the crystal graph.

    Returns:
        A model from noise ``(batch, latent)`` to crystal graphs ``(batch, height, width, 1)`` in
        -1 to 1.

    Raises:
        InputError: The graph's edges cannot be halved as often as the filters ask.
    """
    noise = keras.Input((recipe.latent,), name="noise")
    if recipe.form == "dense":
        graph = _dense_generator(noise, recipe, layout)
    else:
        graph = _reference_generator(noise, recipe, layout)
    return keras.Model(noise, graph, name="generator")


def build_discriminator(recipe: GanRecipe, layout: GraphLayout) -> keras.Model:
    """Builds the discriminator (paper 004, Methods: 393,729 parameters; paper 002: 3,935,425).

    The layer before the sigmoid is called ``logit``; training reads it, since the cross-entropy of
    a saturated sigmoid has no gradient.

    Args:
        recipe: Form and sizes.
        layout: Layout of the crystal graph.

    Returns:
        A model from crystal graphs ``(batch, height, width, 1)`` to the probability ``(batch, 1)``
        that they are real.
    """
    graph = keras.Input((layout.height, layout.width, 1), name="crystal_graph")
    filters, dropout = recipe.discriminator_filters, recipe.dropout
    if recipe.form == "dense":
        x = dense_trunk(graph, filters, dropout)
    else:
        normalised = recipe.discriminator_normalisation
        x = convolution_trunk(graph, filters, dropout, normalised=normalised)
    logit = layers.Dense(1, name="logit")(x)
    probability = layers.Activation("sigmoid", name="probability")(logit)
    return keras.Model(graph, probability, name="discriminator")


def _reference_generator(noise: Any, recipe: GanRecipe, layout: GraphLayout) -> Any:
    first, *filters = recipe.generator_filters
    factor = 2 ** len(filters)
    if layout.height % factor or layout.width % factor:
        raise InputError(
            f"gan.generator_filters: {len(filters)} upsamplings need a crystal graph whose edges "
            f"are multiples of {factor}, not {layout.height} x {layout.width}"
        )
    shape = (layout.height // factor, layout.width // factor, first)
    x = layers.Dense(shape[0] * shape[1] * first, activation="relu", name="dense")(noise)
    x = layers.Reshape(shape, name="map")(x)
    for i, count in enumerate(filters, start=1):
        x = layers.UpSampling2D(name=f"upsampling_{i}")(x)
        x = layers.Conv2D(count, 3, padding="same", name=f"convolution_{i}")(x)
        x = batch_normalisation(f"normalisation_{i}", recipe.generator_momentum)(x)
        x = layers.ReLU(name=f"activation_{i}")(x)
    return layers.Conv2D(1, 3, padding="same", activation="tanh", name="crystal_graph")(x)


def _dense_generator(noise: Any, recipe: GanRecipe, layout: GraphLayout) -> Any:
    x = noise
    for i, units in enumerate(recipe.generator_filters, start=1):
        x = layers.Dense(units, name=f"dense_{i}")(x)
        x = batch_normalisation(f"normalisation_{i}", recipe.generator_momentum)(x)
        x = layers.LeakyReLU(SLOPE, name=f"activation_{i}")(x)
    lattice = layers.Dense(layout.lattice_latent, activation="tanh", name="lattice")(x)
    sites_cells = layout.used_cells - layout.lattice_slot
    sites = layers.Dense(sites_cells, activation="tanh", name="sites")(x)
    # Zero padding, not a mask: unused cells need neither weights nor a layer of our own.
    lattice = layers.Reshape((layout.lattice_latent, 1), name="lattice_cells")(lattice)
    gap = layout.lattice_slot - layout.lattice_latent
    lattice = layers.ZeroPadding1D((0, gap), name="lattice_slot")(lattice)
    sites = layers.Reshape((sites_cells, 1), name="sites_cells")(sites)
    tail = layout.height * layout.width - layout.used_cells
    sites = layers.ZeroPadding1D((0, tail), name="sites_slots")(sites)
    cells = layers.Concatenate(axis=1, name="cells")([lattice, sites])
    return layers.Reshape((layout.height, layout.width, 1), name="crystal_graph")(cells)
