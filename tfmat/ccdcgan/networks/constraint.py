"""The constraint: predicts a property of a structure from its crystal graph."""

from __future__ import annotations

import keras
from keras import layers

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.trunk import SLOPE, convolution_trunk, dense_trunk
from tfmat.ccdcgan.recipe import ConstraintRecipe


def build_constraint(recipe: ConstraintRecipe, layout: GraphLayout) -> keras.Model:
    """Builds the constraint (paper 004, Methods; filters and units from the released code).

    The reference form is the discriminator's convolutions followed by dense layers, each with a
    leaky ReLU, also after the last one: 4,995,457 parameters for 28 x 28.

    Args:
        recipe: Form and sizes.
        layout: Layout of the crystal graph.

    Returns:
        A model from crystal graphs ``(batch, height, width, 1)`` to the property ``(batch, 1)``, in
        the property's unit (eV/atom for formation energies).
    """
    graph = keras.Input((layout.height, layout.width, 1), name="crystal_graph")
    x = layers.GaussianNoise(recipe.latent_noise, name="latent_noise")(graph)
    if recipe.form == "dense":
        x = dense_trunk(x, recipe.units, recipe.dropout)
        output = layers.Dense(1, name="property")(x)
        return keras.Model(graph, output, name="constraint")
    x = convolution_trunk(x, recipe.filters, recipe.dropout)
    for i, units in enumerate((*recipe.units, 1), start=1):
        x = layers.Dense(units, name=f"dense_{i}")(x)
        x = layers.LeakyReLU(SLOPE, name=f"dense_activation_{i}")(x)
    return keras.Model(graph, x, name="constraint")
