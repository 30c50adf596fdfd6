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

from tfmat.ccdcgan.writer.atoms import AtomWriter, Known
from tfmat.ccdcgan.writer.layers import FORBIDDEN
from tfmat.ccdcgan.writer.masks import far_enough, in_order, lattices, possible
from tfmat.ccdcgan.writer.network import Writer
from tfmat.ccdcgan.writer.noise import noise_length
from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.ccdcgan.writer.tokens import BINS, CELL, LENGTH_STEP, SHORTEST, Vocabulary

# A uniform number must stay below 1 when it is scaled by the sum of the probabilities.
_BELOW_ONE = 1.0 - 1e-6


class AtomWriting(layers.Layer):
    """Draws cells and places of atoms from the probabilities of a writer.

    Args:
        writer: The trained layer.
        **options: Of any layer.
    """

    def __init__(self, writer: AtomWriter, **options: Any) -> None:
        super().__init__(**{"trainable": False, **options})
        self.writer = writer

    def build(self, shape: Any) -> None:
        """Makes the weights of a writer that has none: one that is about to be loaded."""
        del shape
        if not self.writer.built:
            row = self.writer.slots + len(self.writer.cell) + 3 * self.writer.max_atoms
            self.writer.build((None, row))

    def draw_cells(self, known: Known, uniform: Any, temperature: Any = None) -> tuple[Any, Any]:
        """Draws several cells for each crystal.

        Args:
            known: What is known of the crystals.
            uniform: Numbers in 0 to 1, shape ``(batch, cells, numbers)``.
            temperature: What logits are divided by, shape ``(batch, cells)``; 1 by default.

        Returns:
            Bins ``(batch, cells, numbers)``, and the vectors of composition and cell ``(batch,
            cells, width)``.
        """
        x = ops.repeat(ops.expand_dims(known.start, 1), uniform.shape[1], axis=1)
        bins = []
        for place in range(len(self.writer.cell)):
            logits = cooled(self.writer.cell_logits(place, x, known), temperature)
            chosen = draw(logits, uniform[:, :, place])
            x = x + self.writer.cell_vector(place, chosen)
            bins.append(chosen)
        return ops.stack(bins, axis=-1), x

    def draw_atoms(
        self,
        known: Known,
        start: Any,
        lattice: Any,
        limits: Any,
        uniform: Any,
        temperature: Any = None,
    ) -> tuple[Any, Any]:
        """Writes the atoms behind the first.

        Args:
            known: What is known of the crystals.
            start: Vectors of composition and cell, shape ``(batch, width)``.
            lattice: Cell vectors in Å, shape ``(batch, 3, 3)``.
            limits: Least distances between atoms in Å, shape ``(batch, atoms, atoms)``.
            uniform: Numbers in 0 to 1, shape ``(batch, atoms - 1, places, 3)``.
            temperature: What logits are divided by, shape ``(batch, places)``; 1 by default.

        Returns:
            Bins ``(batch, atoms, 3)``, and whether a place was found for every atom ``(batch,)``.
        """
        writer, atoms, slots = self.writer, self.writer.max_atoms, known.slots
        order = np.arange(atoms, dtype=np.int32)
        rows = ops.cumsum(ops.ones_like(slots[:, 0])) - 1
        empty = ops.repeat(ops.zeros_like(start)[:, None], atoms, axis=1)
        first = [empty] * (2 * len(writer.blocks))
        _, memory = self._read(start, first, self._here(rows, 0), _unseen(order > 0))

        def unfinished(place: Any, *_: Any) -> Any:
            return ops.any(ops.take(slots, place, axis=1) < writer.slots)

        def write(place: Any, places: Any, placed: Any, *memory: Any) -> tuple[Any, ...]:
            slot, before = ops.take(slots, place, axis=1), ops.take(slots, place - 1, axis=1)
            last = ops.take(places, place - 1, axis=1)
            x = writer.read(last, ops.take(known.steps, place - 1, axis=1)) + start
            x, kept = self._read(x, memory, self._here(rows, place), _unseen(order > place))
            hints = known.place_hints
            hint = None if hints is None else ops.take(hints, place - 1, axis=1)
            drawn = ops.take(uniform, place - 1, axis=1)
            chosen = self._draw(x, last, slot == before, drawn, hint, known.hinted, temperature)
            near = ops.where(order < place, ops.take(limits, place, axis=1), 0.0)
            fractions = ops.cast(places, "float32") / BINS
            clear = far_enough(ops.cast(chosen, "float32") / BINS, fractions, near, lattice)
            here = ops.expand_dims(take(chosen, first_of(clear)), 1)
            there = slot < writer.slots
            now = ops.logical_and((order == place)[:, None], there[:, None, None])
            places = ops.where(now, here, places)
            fine = ops.logical_or(ops.any(clear, axis=1), ops.logical_not(there))
            return (place + 1, places, ops.logical_and(placed, fine), *kept)

        places = ops.zeros_like(ops.repeat(ops.expand_dims(slots, -1), 3, axis=-1))
        placed = slots[:, 0] <= writer.slots
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

    @staticmethod
    def _here(rows: Any, place: Any) -> Any:
        """Returns pairs of each row of the batch and one place, shape ``(batch, 2)``."""
        return ops.stack([rows, ops.full_like(rows, place)], axis=1)

    def _read(self, x: Any, memory: Sequence[Any], here: Any, unseen: Any) -> tuple[Any, list[Any]]:
        """Lets all blocks read one more atom; returns its vector and what they remember."""
        kept = []
        for number, block in enumerate(self.writer.blocks):
            keys, values = memory[2 * number : 2 * number + 2]
            x, *own = block.step(x, keys, values, here, unseen)
            kept += own
        return x, kept

    def _draw(
        self, x: Any, last: Any, same: Any, uniform: Any, hint: Any, hinted: Any, temperature: Any
    ) -> Any:
        """Draws places ``(batch, places, 3)`` that keep the order, given the vector so far."""
        writer, tied, chosen = self.writer, ops.expand_dims(same, 1), []
        x = ops.expand_dims(x, 1)
        for axis in range(3):
            previous = last[:, None, axis]
            allowed = in_order(previous, tied, last=axis == 2)
            near = None if hint is None else hint[:, None, axis]
            logits = cooled(writer.place_logits(axis, x, near, hinted), temperature)
            logits = logits + FORBIDDEN * ops.cast(ops.logical_not(allowed), "float32")
            chosen.append(draw(logits, uniform[:, :, axis]))
            x = x + writer.place_vector(axis, chosen[-1])
            tied = ops.logical_and(tied, chosen[-1] == previous)
        return ops.stack(chosen, axis=-1)


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class Writing(AtomWriting):
    """Maps compositions and noise ``(batch, elements + noise)`` to crystals of one system.

    Args:
        writer: The trained layer.
        cells: Cells that are drawn at once.
        places: Places that are drawn at once for each atom.
        numbers: Atomic numbers of the elements.
        limits: Least distances between atoms in Å, shape ``(elements, elements)``.
        temperature: What logits are divided by.
        **options: Of any layer.
    """

    writer: Writer

    def __init__(
        self,
        writer: Writer,
        cells: int,
        places: int,
        numbers: Sequence[int],
        limits: ArrayLike,
        temperature: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(writer, **{"name": "writing", **options})
        self.temperature = temperature
        self.elements, self.cells, self.places = writer.elements, cells, places
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
            "temperature": self.temperature,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Writing:
        """Makes the layer of what :meth:`get_config` gave, without the writer's weights."""
        writer = keras.saving.deserialize_keras_object(config["writer"])
        return cls(**{**config, "writer": writer})

    def call(self, choices: Any) -> dict[str, Any]:
        """Returns what was written; see :func:`build_writing`."""
        elements, atoms, cells = self.elements, self.writer.max_atoms, self.cells
        # Clients may send anything: what no cell can hold is not written, and breaks nothing.
        asked = ops.round(choices[:, :elements])
        total = ops.sum(asked, axis=1)
        sensible = ops.logical_and(total > 0, total <= atoms)
        sensible = ops.logical_and(sensible, ops.all(asked >= 0, axis=1))
        counts = ops.cast(ops.minimum(ops.where(asked > 0, asked, 0.0), atoms), "int32")
        uniform = uniforms(choices[:, elements:])
        known = self.writer.known(counts)
        own = ops.take(np.diagonal(self.limits)[:elements], np.arange(elements), axis=0)
        least = ops.max(ops.where(counts > 0, own, 0.0), axis=1)
        of_cells = ops.reshape(uniform[:, : CELL * cells], (-1, cells, CELL))
        start, cell, lattice, found = self._cell(known, of_cells, least)
        drawn = ops.reshape(uniform[:, CELL * cells :], (-1, atoms - 1, self.places, 3))
        table = ops.take(self.limits, known.slots, axis=0)
        limits = ops.take_along_axis(table, ops.expand_dims(known.slots, 1), axis=2)
        heat = self._heat(drawn[:, 0, :, 0])
        places, placed = self.draw_atoms(known, start, lattice, limits, drawn, heat)
        row = [counts, cell, ops.reshape(places, (-1, 3 * atoms))]
        return {
            "tokens": ops.concatenate(row, axis=1),
            "lattice": lattice,
            "fractional": ops.cast(places, "float32") / BINS,
            "numbers": ops.take(self.numbers, known.slots, axis=0),
            "written": ops.logical_and(sensible, ops.logical_and(found, placed)),
        }

    def _heat(self, like: Any) -> Any:
        """Returns the temperature of draws, in the shape of some numbers; ``None`` for 1."""
        return None if self.temperature == 1 else ops.full_like(like, self.temperature)

    def _cell(self, known: Known, uniform: Any, least: Any) -> tuple[Any, Any, Any, Any]:
        """Draws cells and takes the first possible one.

        Returns:
            The vector of composition and cell ``(batch, width)``, bins ``(batch, 6)``, cell vectors
            in Å ``(batch, 3, 3)``, and whether any was possible ``(batch,)``.
        """
        cell, x = self.draw_cells(known, uniform, self._heat(uniform[:, :, 0]))
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


def _unseen(places: NDArray[np.bool_] | Any) -> Any:
    """Returns what is added to the logits of places: nothing, or so much that they do not count."""
    return FORBIDDEN * ops.cast(places, "float32")


def uniforms(normal: Any) -> Any:
    """Returns standard normal numbers as numbers in 0 to 1, of the same shape."""
    return ops.minimum(0.5 + 0.5 * ops.erf(normal * math.sqrt(0.5)), _BELOW_ONE)


def cooled(logits: Any, temperature: Any) -> Any:
    """Returns logits ``(batch, n, bins)`` divided by temperatures ``(batch, n)``, if any."""
    return logits if temperature is None else logits / ops.expand_dims(temperature, -1)


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
        recipe: How many cells and places are drawn at once, and at which temperature.
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
    writing = Writing(
        writer, recipe.cells, recipe.places, vocabulary.numbers, limits, recipe.temperature
    )
    return keras.Model(choices, writing(choices), name="writer")
