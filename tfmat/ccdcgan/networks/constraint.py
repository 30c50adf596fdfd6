"""The constraint: predicts a property of a structure from its crystal graph."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.slot_constraint import build_slot_constraint
from tfmat.ccdcgan.networks.trunk import SLOPE, convolution_trunk, dense_trunk
from tfmat.ccdcgan.recipe import ConstraintRecipe


def build_constraint(recipe: ConstraintRecipe, layout: GraphLayout, most: int = 0) -> keras.Model:
    """Builds the constraint (paper 004, Methods; filters and units from the released code).

    The reference form is the discriminator's convolutions followed by dense layers, each with a
    leaky ReLU, also after the last one: 4,995,457 parameters for 28 x 28. The multicomponent form
    (the code of paper 002; 1,381,599 parameters for 160 x 160) has convolutions of 4 x 4 and gives
    values in 0 to 1, to which the property is scaled.

    Args:
        recipe: Form and sizes.
        layout: Layout of the crystal graph.
        most: Elements of a structure at most, for the form that reads slots.

    Returns:
        A model from crystal graphs ``(batch, height, width, 1)``, or slots, to the property
        ``(batch, 1)``, as it is scaled for training.
    """
    if recipe.form == "slots":
        return build_slot_constraint(recipe, layout, most)
    graph = keras.Input((layout.height, layout.width, 1), name="crystal_graph")
    x = layers.GaussianNoise(recipe.latent_noise, name="latent_noise")(graph)
    if recipe.form == "dense":
        x = dense_trunk(x, recipe.units, recipe.dropout)
        output = layers.Dense(1, name="property")(x)
        return keras.Model(graph, output, name="constraint")
    if recipe.form == "multicomponent":
        return keras.Model(graph, _multicomponent(x, recipe), name="constraint")
    x = convolution_trunk(x, recipe.filters, recipe.dropout)
    for i, units in enumerate((*recipe.units, 1), start=1):
        x = layers.Dense(units, name=f"dense_{i}")(x)
        x = layers.LeakyReLU(SLOPE, name=f"dense_activation_{i}")(x)
    return keras.Model(graph, x, name="constraint")


def _multicomponent(x: Any, recipe: ConstraintRecipe) -> Any:
    for i, filters in enumerate(recipe.filters, start=1):
        x = layers.Conv2D(filters, 4, 2, "same", name=f"convolution_{i}")(x)
        if i < len(recipe.filters):
            x = layers.LeakyReLU(SLOPE, name=f"activation_{i}")(x)
    x = layers.Dropout(recipe.dropout, name="dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    for i, units in enumerate(recipe.units, start=1):
        x = layers.Dense(units, activation="relu", name=f"dense_{i}")(x)
    x = layers.Dense(1, activation="tanh", name=f"dense_{len(recipe.units) + 1}")(x)
    return layers.ReLU(name="share_of_range")(x)
