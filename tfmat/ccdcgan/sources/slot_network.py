"""The networks of the slot GAN: dense layers on slots in their order, as the paper's on graphs.

Both are told how many atoms each slot holds, and not of which elements: a composition occurs once
in the data, so a generator that is told it has no need of its noise.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.trunk import batch_normalisation
from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.ccdcgan.sources.recipe import SlotGanRecipe

_LEAK = 0.2
_MOMENTUM = 0.9


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class SlotCounts(layers.Layer):
    """Writes the atoms of slots, the first numbers of a row, as ones among zeros.

    Args:
        most: Most atoms of a slot.
        **options: Of any layer.
    """

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.most = most

    def call(self, rows: Any) -> Any:
        """Returns rows ``(batch, SLOTS * (most + 1) + rest)`` of rows ``(batch, SLOTS + rest)``."""
        counts = ops.cast(ops.round(ops.clip(rows[:, :SLOTS], 0, self.most)), "int32")
        told = ops.one_hot(counts, self.most + 1)
        flat = ops.reshape(told, (-1, SLOTS * (self.most + 1)))
        return ops.concatenate([flat, rows[:, SLOTS:]], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Returns what makes an equal layer."""
        return {**super().get_config(), "most": self.most}


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class FilledSlots(layers.Layer):
    """Lays latents out as slots, zeros in those that hold no atom."""

    def call(self, inputs: Any) -> Any:
        """Returns latents ``(batch, SLOTS, latent)`` of ``(batch, SLOTS * latent)`` and rows."""
        latents, rows = inputs
        apart = ops.reshape(latents, (-1, SLOTS, latents.shape[1] // SLOTS))
        return apart * ops.cast(rows[:, :SLOTS, None] > 0.5, latents.dtype)


def build_generator(recipe: SlotGanRecipe, layout: GraphLayout, most: int) -> keras.Model:
    """Builds the untrained generator.

    Args:
        recipe: Sizes.
        layout: Lengths of the latents.
        most: Most atoms of a slot.

    Returns:
        A model from ``choices`` ``(batch, SLOTS + noise)``, the atoms of each slot and standard
        normal numbers, to a dict of ``lattice_latent`` ``(batch, lattice_latent)`` and
        ``sites_latents`` ``(batch, SLOTS, sites_latent)``, all within -1 to 1.
    """
    choices = keras.Input((SLOTS + recipe.noise,), name="choices")
    x = SlotCounts(most, name="counts")(choices)
    for number, units in enumerate(recipe.units):
        x = layers.Dense(units, name=f"dense_{number}")(x)
        x = batch_normalisation(f"normalisation_{number}", _MOMENTUM)(x)
        x = layers.LeakyReLU(_LEAK, name=f"activation_{number}")(x)
    lattice = layers.Dense(layout.lattice_latent, "tanh", name="lattice")(x)
    sites = layers.Dense(SLOTS * layout.sites_latent, "tanh", name="sites")(x)
    sites = FilledSlots(name="slots")([sites, choices])
    return keras.Model(
        choices, {"lattice_latent": lattice, "sites_latents": sites}, name="slot_generator"
    )


def build_discriminator(recipe: SlotGanRecipe, layout: GraphLayout, most: int) -> keras.Model:
    """Builds the untrained discriminator.

    Args:
        recipe: Sizes.
        layout: Lengths of the latents.
        most: Most atoms of a slot.

    Returns:
        A model from rows of the atoms of each slot, the lattice latent and the sites latents to a
        logit ``(batch, 1)``, high for real ones.
    """
    length = SLOTS + layout.lattice_latent + SLOTS * layout.sites_latent
    rows = keras.Input((length,), name="rows")
    x = SlotCounts(most, name="counts")(rows)
    for number, units in enumerate(recipe.discriminator_units):
        x = layers.Dense(units, name=f"dense_{number}")(x)
        x = layers.LeakyReLU(_LEAK, name=f"activation_{number}")(x)
    return keras.Model(rows, layers.Dense(1, name="logit")(x), name="slot_discriminator")
