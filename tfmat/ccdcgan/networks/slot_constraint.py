"""A constraint that reads slots: composition, lattice latent and sites latents of one crystal."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tfmat.ccdcgan.element_descriptors import DESCRIPTORS, PROPERTIES, descriptors
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import ConstraintRecipe

# Columns of a slot before its latents: atomic number and count.
HEAD = 2
# The lattice is read more exactly than the sites, so it bears less noise.
LATTICE_NOISE = 1 / 3
# What no property of an element is, for the places where there is none.
_NEVER = 100.0
_TINY = 1e-12
_ELEMENTS = 119


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class Composition(layers.Layer):
    """Describes the composition of slots, ``(batch, 1 + most, 2 + latent)``.

    Mean, standard deviation, largest and smallest of the elements' properties, roots of the
    fractions of all elements, and for each slot its element's descriptors, fraction and count.
    """

    def build(self, input_shape: Any) -> None:
        """Takes the elements' descriptors along as a weight, so that a file of it has them."""
        known = descriptors()
        table = np.zeros((_ELEMENTS, DESCRIPTORS + _ELEMENTS), np.float32)
        table[: len(known), :DESCRIPTORS] = known
        table[1:, DESCRIPTORS:] = np.eye(_ELEMENTS)[1:]
        self.table = self.add_weight(
            name="elements",
            shape=table.shape,
            initializer=keras.initializers.Constant(0.0),
            trainable=False,
        )
        self.table.assign(table)
        super().build(input_shape)

    def call(self, slots: Any) -> Any:
        """Returns the description, ``(batch, size)``."""
        head = slots[:, 1:, :HEAD]
        most = head.shape[1]
        counts = head[:, :, 1]
        rows = ops.take(self.table, ops.cast(head[:, :, 0], "int32"), axis=0)
        there = ops.cast(head[:, :, :1] > 0.5, slots.dtype)
        atoms = ops.maximum(ops.sum(counts, axis=1, keepdims=True), 1.0)
        shares = (counts / atoms)[:, :, None]
        values, known = rows[:, :, :PROPERTIES], rows[:, :, :DESCRIPTORS]
        mean = ops.sum(shares * values, axis=1)
        spread = ops.sum(shares * ops.square(values - mean[:, None]), axis=1)
        fractions = ops.sum(shares * rows[:, :, DESCRIPTORS:], axis=1)
        return ops.concatenate(
            [
                mean,
                ops.sqrt(ops.maximum(spread, _TINY)),
                ops.max(values * there - _NEVER * (1 - there), axis=1),
                ops.min(values * there + _NEVER * (1 - there), axis=1),
                ops.sqrt(ops.maximum(fractions, _TINY)),
                ops.reshape(known, (-1, most * DESCRIPTORS)),
                shares[:, :, 0],
                ops.log(1.0 + counts),
                ops.log(atoms),
            ],
            axis=1,
        )


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class LatticeOfSlots(layers.Layer):
    """Takes the lattice latent from slots.

    Args:
        latent: Its length.
        **kwargs: As for every layer.
    """

    def __init__(self, latent: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.latent = latent

    def call(self, slots: Any) -> Any:
        """Returns the latents, ``(batch, latent)``."""
        return slots[:, 0, : self.latent]

    def get_config(self) -> dict[str, Any]:
        """Returns what makes an equal layer."""
        return {**super().get_config(), "latent": self.latent}


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class SitesOfSlots(layers.Layer):
    """Takes the sites latents from slots, ``(batch, most, latent)``."""

    def call(self, slots: Any) -> Any:
        """Returns the latents."""
        return slots[:, 1:, HEAD:]


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class WhereElements(layers.Layer):
    """Clears what noise has put where there is no element."""

    def call(self, inputs: Any) -> Any:
        """Returns the latents of the elements that are there, and zeros."""
        latents, slots = inputs
        return latents * ops.cast(slots[:, 1:, :1] > 0.5, latents.dtype)


def build_slot_constraint(
    recipe: ConstraintRecipe, layout: GraphLayout, most: int, *, structure: bool = True
) -> keras.Model:
    """Builds the network: three dense layers whose sum goes through residual blocks.

    Their order by count and electronegativity lets the slots of a structure type lie alike, so
    that dense layers can read them.

    Args:
        recipe: ``units``: of the layers, once for each block, the last of the layer before the
            output; dropout, noise.
        layout: Lengths of the latents.
        most: Elements of a structure at most.
        structure: Read the latents; without them the network knows the composition alone, the
            baseline of all that is said of structures.

    Returns:
        A model from slots ``(batch, 1 + most, 2 + sites_latent)`` (:meth:`Slots.table`) to the
        property ``(batch, 1)``.
    """
    *blocks, last = recipe.units
    width = blocks[0]
    slots = keras.Input((1 + most, HEAD + layout.sites_latent), name="slots")
    x = layers.Dense(width, name="composition")(Composition(name="description")(slots))
    if structure:
        lattice = LatticeOfSlots(layout.lattice_latent, name="lattice_latent")(slots)
        noise = recipe.latent_noise * LATTICE_NOISE
        lattice = layers.GaussianNoise(noise, name="lattice_noise")(lattice)
        lattice = layers.Dense(width // 2, activation="silu", name="lattice_hidden")(lattice)
        sites = SitesOfSlots(name="sites_latents")(slots)
        sites = layers.GaussianNoise(recipe.latent_noise, name="sites_noise")(sites)
        sites = WhereElements(name="there")([sites, slots])
        sites = layers.Flatten(name="flatten")(sites)
        lattice = layers.Dense(width, name="lattice")(lattice)
        x = layers.Add(name="crystal")([x, lattice, layers.Dense(width, name="sites")(sites)])
    for number, units in enumerate(blocks, start=1):
        y = layers.LayerNormalization(name=f"normalisation_{number}")(x)
        y = layers.Dense(units, activation="silu", name=f"hidden_{number}")(y)
        y = layers.Dropout(recipe.dropout, name=f"dropout_{number}")(y)
        # Nearly nothing at the start: a deep network learns as soon as a shallow one.
        start = keras.initializers.RandomNormal(stddev=0.01)
        y = layers.Dense(width, kernel_initializer=start, name=f"change_{number}")(y)
        x = layers.Add(name=f"block_{number}")([x, y])
    x = layers.LayerNormalization(name="normalisation")(x)
    x = layers.Dense(last, activation="silu", name="last")(x)
    return keras.Model(slots, layers.Dense(1, name="property")(x), name="constraint")
