"""From composition, prototype and noise to a crystal: the prompted writer as a map to export."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from ase.data import covalent_radii
from keras import ops

from tfmat.ccdcgan.element_descriptors import HEAVIEST
from tfmat.ccdcgan.sources.choices import Choices, noise_length
from tfmat.ccdcgan.sources.network import PromptedWriter
from tfmat.ccdcgan.sources.recipe import PromptedRecipe
from tfmat.ccdcgan.sources.tokens import NUMBERS, RATIO_STEP, VOLUME_STEP, VOLUME_ZERO
from tfmat.ccdcgan.writer.atoms import Known
from tfmat.ccdcgan.writer.masks import lattices, roomy
from tfmat.ccdcgan.writer.tokens import BINS
from tfmat.ccdcgan.writer.writing import AtomWriting, first_of, take, uniforms

# Least distance of two atoms over the sum of their covalent radii: 98% of the Materials Project's
# structures with at most 20 atoms have no shorter one.
CONTACT = 0.7
_RADII = covalent_radii[: HEAVIEST + 1].astype(np.float32)
# Atomic number 0 stands for no atom.
_RADII[0] = 0.0


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class PromptedWriting(AtomWriting):
    """Maps choices (:class:`~tfmat.ccdcgan.sources.choices.Choices`) to crystals.

    Args:
        writer: The trained layer.
        cells: Cells that are drawn at once.
        places: Places that are drawn at once for each atom.
        **options: Of any layer.
    """

    writer: PromptedWriter

    def __init__(self, writer: PromptedWriter, cells: int, places: int, **options: Any) -> None:
        super().__init__(writer, **options)
        self.cells, self.places = cells, places
        drawing = PromptedRecipe(cells=cells, places=places)
        self.layout = Choices(writer.max_atoms, noise_length(drawing, writer.max_atoms))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, the writer as Keras writes layers."""
        writer = keras.saving.serialize_keras_object(self.writer)
        own = {"writer": writer, "cells": self.cells, "places": self.places}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PromptedWriting:
        """Makes the layer of what :meth:`get_config` gave, without the writer's weights."""
        writer = keras.saving.deserialize_keras_object(config["writer"])
        return cls(**{**config, "writer": writer})

    def call(self, choices: Any) -> dict[str, Any]:
        """Returns what was written; see :func:`build_writing`."""
        atoms, part = self.writer.max_atoms, self.layout.split(choices)
        whole = {
            name: ops.cast(ops.round(part[name]), "int32")
            for name in ("numbers", "counts", "prompt", "cell", "places")
        }
        # What random inputs say must not lead beyond the tables.
        numbers, prompt = (ops.clip(whole[name], 0, HEAVIEST) for name in ("numbers", "prompt"))
        counts = ops.clip(whole["counts"], 0, atoms)
        places = ops.clip(ops.reshape(whole["places"], (-1, atoms, 3)), 0, BINS - 1)
        cell = ops.clip(whole["cell"], 0, np.array(self.writer.cell, np.int32) - 1)
        known = self.writer.known(numbers, counts, prompt, cell, places)
        uniform = uniforms(part["noise"])
        middle = NUMBERS * self.cells
        cells = ops.reshape(uniform[:, :middle], (-1, self.cells, NUMBERS))
        drawn = ops.reshape(uniform[:, middle:], (-1, atoms - 1, self.places, 3))
        radii = ops.take(_RADII, self._numbers(known, numbers), axis=0)
        start, lattice, found = self._cell(
            known, cells, part["volume"], 2 * CONTACT * ops.max(radii, axis=1), part["temperature"]
        )
        limits = CONTACT * (radii[:, None] + radii[:, :, None])
        heat = _heat(part["temperature"], self.places)
        bins, placed = self.draw_atoms(known, start, lattice, limits, drawn, heat)
        return {
            "lattice": lattice,
            "fractional": ops.cast(bins, "float32") / BINS,
            "numbers": self._numbers(known, numbers),
            "written": ops.logical_and(found, placed),
        }

    def _numbers(self, known: Known, numbers: Any) -> Any:
        """Returns the atomic number of each atom, 0 behind the last, ``(batch, atoms)``."""
        return ops.take_along_axis(ops.pad(numbers, ((0, 0), (0, 1))), known.slots, axis=1)

    def _cell(
        self, known: Known, uniform: Any, volume: Any, least: Any, temperature: Any
    ) -> tuple[Any, Any, Any]:
        """Draws cells and takes the first possible one.

        Returns:
            The vector of composition and cell ``(batch, width)``, cell vectors in Å ``(batch, 3,
            3)``, and whether any was possible ``(batch,)``.
        """
        bins, x = self.draw_cells(known, uniform, _heat(temperature, uniform.shape[1]))
        values = ops.cast(bins, "float32")
        unit, square = lattices(ops.ones_like(values[..., :3]), bins[..., 4:])
        size = ops.maximum(volume, 1e-3) * ops.exp(VOLUME_STEP * (values[..., 1] - VOLUME_ZERO))
        second = ops.exp(RATIO_STEP * values[..., 2])
        third = second * ops.exp(RATIO_STEP * values[..., 3])
        flat = ops.sqrt(ops.maximum(square, 1e-6))
        first = ops.power(size / (second * third * flat), 1 / 3)
        lengths = ops.stack([first, first * second, first * third], axis=-1)
        lattice = unit * ops.expand_dims(lengths, -1)
        good = roomy(lattice, square, ops.expand_dims(least, 1))
        chosen = first_of(good)
        return take(x, chosen), take(lattice, chosen), ops.any(good, axis=1)


def _heat(temperature: Any, count: int) -> Any:
    """Returns the temperature of each of several draws ``(batch, count)``: first, and others."""
    others = ops.repeat(temperature[:, 1:], count - 1, axis=1) if count > 1 else temperature[:, :0]
    return ops.maximum(ops.concatenate([temperature[:, :1], others], axis=1), 1e-3)


def build_writing(likelihood: keras.Model, recipe: PromptedRecipe) -> keras.Model:
    """Builds the network that writes crystals out of a trained one of probabilities.

    Args:
        likelihood: From :func:`~tfmat.ccdcgan.sources.network.build_likelihood`.
        recipe: How many cells and places are drawn at once.

    Returns:
        A model from ``choices`` to a dict of ``lattice`` ``(batch, 3, 3)``, cell vectors in Å;
        ``fractional`` ``(batch, max_atoms, 3)``; ``numbers`` ``(batch, max_atoms)``, atomic
        numbers, int32, 0 behind the last atom; and ``written`` ``(batch,)``, bool: whether cell and
        a place for every atom were found.
    """
    writing = PromptedWriting(
        likelihood.get_layer("prompted_writer"),
        recipe.cells,
        recipe.places,
        name="prompted_writing",
    )
    choices = keras.Input((writing.layout.length,), name="choices")
    return keras.Model(choices, writing(choices), name="prompted_writer")
