"""From noise to crystals: the writer as a map that can be exported.

Each choice is drawn by one number of the noise through the inverse of the cumulative distribution,
so the same noise gives the same crystal. Several cells, and several places for each atom, are drawn
at once, and the first that the masks allow is taken: that is a draw from the writer's own
distribution, given that no atoms come too near.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import ArrayLike, NDArray

from tfmat.ccdcgan.writer.masks import far_enough, in_order, lattices, possible
from tfmat.ccdcgan.writer.network import Writer
from tfmat.ccdcgan.writer.noise import noise_length
from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.ccdcgan.writer.tokens import BINS, CELL, LENGTH_STEP, SHORTEST, Vocabulary

# A uniform number must stay below 1 when it is scaled by the sum of the probabilities.
_BELOW_ONE = 1.0 - 1e-6
_FORBIDDEN = -1e9


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class Writing(layers.Layer):
    """Maps compositions and noise ``(batch, elements + noise)`` to crystals.

    Args:
        writer: The trained layer.
        cells: Cells that are drawn at once.
        places: Places that are drawn at once for each atom.
        numbers: Atomic numbers of the elements.
        limits: Least distances between atoms in Å, shape ``(elements, elements)``.
        **options: Of any layer.
    """

    def __init__(
        self,
        writer: Writer,
        cells: int,
        places: int,
        numbers: Sequence[int],
        limits: ArrayLike,
        **options: Any,
    ) -> None:
        super().__init__(**{"name": "writing", "trainable": False, **options})
        self.writer, self.cells, self.places = writer, cells, places
        self.numbers = np.array([*numbers, 0], np.int32)
        # Nothing is too near to an atom that is not there.
        self.limits = np.pad(np.asarray(limits, np.float32), ((0, 1), (0, 1)))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, the writer as Keras writes layers."""
        return {
            **super().get_config(),
            "writer": keras.saving.serialize_keras_object(self.writer),
            "cells": self.cells,
            "places": self.places,
            "numbers": self.numbers[:-1].tolist(),
            "limits": self.limits[:-1, :-1].tolist(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Writing:
        """Makes the layer of what :meth:`get_config` gave, without the writer's weights."""
        writer = keras.saving.deserialize_keras_object(config["writer"])
        return cls(**{**config, "writer": writer})

    def build(self, shape: Any) -> None:
        """Makes the weights of a writer that has none: one that is about to be loaded."""
        del shape
        if not self.writer.built:
            row = self.writer.elements + CELL + 3 * self.writer.max_atoms
            self.writer.build((None, row))

    def call(self, choices: Any) -> dict[str, Any]:
        """Returns what was written; see :func:`build_writing`."""
        elements, atoms = self.writer.elements, self.writer.max_atoms
        # Clients may send anything: what no cell can hold is not written, and breaks nothing.
        asked = ops.round(choices[:, :elements])
        total = ops.sum(asked, axis=1)
        sensible = ops.logical_and(total > 0, total <= atoms)
        sensible = ops.logical_and(sensible, ops.all(asked >= 0, axis=1))
        counts = ops.cast(ops.minimum(ops.where(asked > 0, asked, 0.0), atoms), "int32")
        uniform = 0.5 + 0.5 * ops.erf(choices[:, elements:] * math.sqrt(0.5))
        uniform = ops.minimum(uniform, _BELOW_ONE)
        first = CELL * self.cells
        slots, remaining = self.writer.order(counts)
        own = ops.take(np.diagonal(self.limits)[:elements], np.arange(elements), axis=0)
        least = ops.max(ops.where(counts > 0, own, 0.0), axis=1)
        start, cell, lattice, found = self._cell(
            self.writer.start(counts),
            ops.reshape(uniform[:, :first], (-1, self.cells, CELL)),
            least,
        )
        drawn = ops.reshape(uniform[:, first:], (-1, atoms - 1, self.places, 3))
        places, placed = self._atoms(start, lattice, slots, remaining, drawn)
        written = ops.logical_and(sensible, ops.logical_and(found, placed))
        row = [counts, cell, ops.reshape(places, (-1, 3 * atoms))]
        return {
            "tokens": ops.concatenate(row, axis=1),
            "lattice": lattice,
            "fractional": ops.cast(places, "float32") / BINS,
            "numbers": ops.take(self.numbers, slots, axis=0),
            "written": written,
        }

    def _cell(self, start: Any, uniform: Any, least: Any) -> tuple[Any, Any, Any, Any]:
        """Draws cells and takes the first possible one.

        Returns:
            The vector of composition and cell ``(batch, width)``, bins ``(batch, 6)``, cell vectors
            in Å ``(batch, 3, 3)``, and whether any was possible ``(batch,)``.
        """
        x = ops.repeat(ops.expand_dims(start, 1), self.cells, axis=1)
        bins = []
        for place in range(CELL):
            chosen = draw(self.writer.cell_logits(place, x), uniform[:, :, place])
            x = x + self.writer.cell_vector(place, chosen)
            bins.append(chosen)
        cell = ops.stack(bins, axis=-1)
        lengths = SHORTEST + LENGTH_STEP * (ops.cast(cell[..., :3], "float32") + 0.5)
        lattice, square = lattices(lengths, cell[..., 3:])
        good = possible(cell, lattice, square, ops.expand_dims(least, 1))
        chosen = first_of(good)
        return (
            take(x, chosen),
            take(cell, chosen),
            take(lattice, chosen),
            ops.any(good, axis=1),
        )

    def _atoms(
        self, start: Any, lattice: Any, slots: Any, remaining: Any, uniform: Any
    ) -> tuple[Any, Any]:
        """Writes the atoms behind the first; returns bins ``(batch, atoms, 3)`` and success."""
        writer, atoms = self.writer, self.writer.max_atoms
        order = np.arange(atoms, dtype=np.int32)
        none = ops.zeros_like(start)[:, None]
        empty = [ops.repeat(none, atoms, axis=1) for _ in range(2 * len(writer.blocks))]
        _, memory = self._read(start[:, None], empty, order == 0, order <= 0)

        def unfinished(place: Any, *_: Any) -> Any:
            return ops.any(ops.take(slots, place, axis=1) < writer.elements)

        def write(place: Any, places: Any, placed: Any, *memory: Any) -> tuple[Any, ...]:
            slot, before = ops.take(slots, place, axis=1), ops.take(slots, place - 1, axis=1)
            last = ops.take(places, place - 1, axis=1)
            x = writer.read(last, before, slot, ops.take(remaining, place, axis=1)) + start
            x, kept = self._read(x[:, None], memory, order == place, order <= place)
            chosen = self._draw(x, last, slot == before, ops.take(uniform, place - 1, axis=1))
            limits = ops.take_along_axis(ops.take(self.limits, slot, axis=0), slots, axis=1)
            limits = ops.where(order < place, limits, 0.0)
            fractions = ops.cast(places, "float32") / BINS
            clear = far_enough(ops.cast(chosen, "float32") / BINS, fractions, limits, lattice)
            here = ops.expand_dims(take(chosen, first_of(clear)), 1)
            there = slot < writer.elements
            now = ops.logical_and((order == place)[:, None], there[:, None, None])
            places = ops.where(now, here, places)
            fine = ops.logical_or(ops.any(clear, axis=1), ops.logical_not(there))
            return (place + 1, places, ops.logical_and(placed, fine), *kept)

        places = ops.zeros_like(ops.repeat(ops.expand_dims(slots, -1), 3, axis=-1))
        placed = slots[:, 0] <= writer.elements
        state = (ops.convert_to_tensor(1, "int32"), places, placed, *memory)
        _, places, placed, *_ = ops.while_loop(
            lambda place, *_: ops.logical_and(
                place < atoms, unfinished(ops.minimum(place, atoms - 1))
            ),
            write,
            state,
            maximum_iterations=atoms - 1,
        )
        return places, placed

    def _read(self, x: Any, memory: Sequence[Any], here: Any, seen: Any) -> tuple[Any, list[Any]]:
        """Lets all blocks read one more atom; returns its vector and what they remember."""
        kept = []
        here = ops.expand_dims(here, -1)
        for number, block in enumerate(self.writer.blocks):
            x, keys, values = block.step(x, memory[2 * number], memory[2 * number + 1], here, seen)
            kept += [keys, values]
        return x, kept

    def _draw(self, x: Any, last: Any, same: Any, uniform: Any) -> Any:
        """Draws places ``(batch, places, 3)`` that keep the order, given the vector so far."""
        writer, tied, chosen = self.writer, ops.expand_dims(same, 1), []
        for axis in range(3):
            previous = last[:, None, axis]
            allowed = in_order(previous, tied, last=axis == 2)
            logits = ops.where(allowed, writer.place_logits(axis, x), _FORBIDDEN)
            chosen.append(draw(logits, uniform[:, :, axis]))
            x = x + writer.place_vector(axis, chosen[-1])
            tied = ops.logical_and(tied, chosen[-1] == previous)
        return ops.stack(chosen, axis=-1)


def draw(logits: Any, uniform: Any) -> Any:
    """Draws bins by the inverse of the cumulative distribution.

    Args:
        logits: Shape ``(..., bins)``; the leading axes may be 1 where those of ``uniform`` are not.
        uniform: Numbers in 0 to 1, shape ``(...)``.

    Returns:
        Shape ``(...)``, int32.
    """
    cumulative = ops.cumsum(ops.softmax(logits), axis=-1)
    height = ops.expand_dims(uniform, -1) * cumulative[..., -1:]
    return ops.sum(ops.cast(cumulative <= height, "int32"), axis=-1)


def first_of(good: Any) -> Any:
    """Returns the number of the first that is good, 0 where none is, from ``(batch, n)``."""
    return ops.argmax(ops.cast(good, "int32"), axis=1)


def take(values: Any, chosen: Any) -> Any:
    """Returns one of each row of candidates ``(batch, n, ...)``: that of a number ``(batch,)``."""
    index = ops.reshape(ops.cast(chosen, "int32"), (-1, *[1] * (len(values.shape) - 1)))
    return ops.squeeze(ops.take_along_axis(values, index, axis=1), 1)


def build_writing(
    likelihood: keras.Model,
    recipe: WriterRecipe,
    vocabulary: Vocabulary,
    limits: NDArray[np.float64],
) -> keras.Model:
    """Builds the network that writes crystals out of a trained one of probabilities.

    Args:
        likelihood: From :func:`~tfmat.ccdcgan.writer.network.build_likelihood`; its weights are
            shared, so what trains it trains this one.
        recipe: How many cells and places are drawn at once.
        vocabulary: What rows can say.
        limits: Least distances between atoms in Å, shape ``(elements, elements)``.

    Returns:
        A model from ``choices`` ``(batch, elements + noise)`` (the number of atoms of each element,
        then standard normal numbers) to a dict of ``tokens`` ``(batch, row)``, int32; ``lattice``
        ``(batch, 3, 3)``, cell vectors in Å; ``fractional`` ``(batch, max_atoms, 3)``; ``numbers``
        ``(batch, max_atoms)``, atomic numbers, int32, 0 behind the last atom; and ``written``
        ``(batch,)``, bool: whether a place was found for every atom.
    """
    length = vocabulary.elements + noise_length(recipe, vocabulary.max_atoms)
    choices = keras.Input((length,), name="choices")
    writer = likelihood.get_layer("writer")
    writing = Writing(writer, recipe.cells, recipe.places, vocabulary.numbers, limits)
    return keras.Model(choices, writing(choices), name="writer")
