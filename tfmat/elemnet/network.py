"""ElemNet's network: dense layers with ReLU, dropout where the width changes (Jha et al. 2018)."""

from __future__ import annotations

import itertools

import keras
from keras import layers

from tfmat.elemnet.fractions import ELEMENTS
from tfmat.elemnet.parts import ENERGY, NETWORK
from tfmat.elemnet.recipe import NetworkRecipe


def build_network(recipe: NetworkRecipe) -> keras.Model:
    """Builds the network.

    Args:
        recipe: Its sizes.

    Returns:
        A model from element fractions ``(batch, 86)`` to energies ``(batch, 1)``, in eV/atom unless
        they are standardised.
    """
    fractions = keras.Input((len(ELEMENTS),), name="element_fractions")
    x = fractions
    runs = [(width, len(list(run))) for width, run in itertools.groupby(recipe.units)]
    rates = itertools.chain(recipe.dropout, itertools.repeat(0.0))
    for number, ((width, count), rate) in enumerate(zip(runs, rates, strict=False), start=1):
        for layer in range(1, count + 1):
            x = layers.Dense(width, activation="relu", name=f"dense_{number}_{layer}")(x)
        if rate:
            x = layers.Dropout(rate, name=f"dropout_{number}")(x)
    energy = layers.Dense(1, name=ENERGY)(x)
    return keras.Model(fractions, energy, name=NETWORK)


def in_energies(model: keras.Model, mean: float, scale: float) -> keras.Model:
    """Returns the network with its output in eV/atom, without an optimiser.

    Args:
        model: From :func:`build_network`.
        mean: Energy that the network calls 0, eV/atom.
        scale: Its unit, eV/atom.
    """
    output = model.output
    if (mean, scale) != (0.0, 1.0):
        output = layers.Rescaling(scale, mean, name="unit")(output)
    return keras.Model(model.input, output, name=NETWORK)
