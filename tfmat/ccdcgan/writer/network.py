"""The network that writes crystals, and the probability of what it writes.

The composition is given. The cell's six numbers are chosen one after the other; then each atom's x,
y, z, by a transformer that reads the atoms so far. All choices are of bins
(:mod:`tfmat.ccdcgan.writer.tokens`).
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.ccdcgan.writer.tokens import ANGLES, BINS, CELL, Vocabulary

# Periods of the waves by which a coordinate is read: those that symmetry knows.
_PERIODS = np.array([1, 2, 3, 4, 6, 8, 12])
_PHASES = 2 * np.pi / BINS * np.arange(BINS)[:, None] * _PERIODS
_WAVES = np.concatenate([np.cos(_PHASES), np.sin(_PHASES)], axis=1).astype(np.float32)
_FORBIDDEN = -1e9


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class Writer(layers.Layer):
    """Maps rows of tokens ``(batch, row)`` to logarithms of probabilities ``(batch, 2)``.

    The first is that of the cell, given the composition; the second that of the atoms' places,
    given also the cell. One atom at the origin is certain.

    Args:
        elements: Number of elements.
        max_atoms: Most atoms of a cell.
        lengths: Number of bins of a length.
        width: Length of the vectors.
        blocks: Number of blocks of attention.
        heads: Heads of a block.
        dropout: Share of activations that training leaves out.
        **options: Of any layer.
    """

    def __init__(
        self,
        elements: int,
        max_atoms: int,
        lengths: int,
        width: int,
        blocks: int,
        heads: int,
        dropout: float,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.elements, self.max_atoms, self.lengths = elements, max_atoms, lengths
        self.width, self.heads, self.dropout = width, heads, dropout
        self._counts = [
            _embedding(f"count_{slot}", max_atoms + 1, width) for slot in range(elements)
        ]
        self._cell = [_embedding(f"cell_{i}", self.choices(i), width) for i in range(CELL)]
        self._cell_heads = [
            _Head(f"cell_head_{i}", width, self.choices(i), dropout) for i in range(CELL)
        ]
        self._axes = [_embedding(f"axis_{axis}", BINS, width) for axis in range(3)]
        self._waves = [
            layers.Dense(width, use_bias=False, name=f"waves_{axis}") for axis in range(3)
        ]
        self._place_heads = [_Head(f"place_head_{axis}", width, BINS, dropout) for axis in range(3)]
        # Of the atom that is read, and of the one that is written; none stands behind the last.
        self._read = _embedding("read", elements + 1, width)
        self._written = _embedding("written", elements + 1, width)
        self._remaining = _embedding("remaining", max_atoms + 1, width)
        self.blocks = [_Block(f"block_{i}", width, heads, dropout) for i in range(blocks)]

    @classmethod
    def of(cls, recipe: WriterRecipe, vocabulary: Vocabulary) -> Writer:
        """Returns the untrained layer of a recipe."""
        return cls(
            vocabulary.elements,
            vocabulary.max_atoms,
            vocabulary.lengths,
            recipe.width,
            recipe.blocks,
            recipe.heads,
            recipe.dropout,
            name="writer",
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        own = ("elements", "max_atoms", "lengths", "width", "heads", "dropout")
        values = {name: getattr(self, name) for name in own} | {"blocks": len(self.blocks)}
        return {**super().get_config(), **values}

    def choices(self, place: int) -> int:
        """Returns the number of bins of the ``place``-th number of the cell."""
        return self.lengths if place < 3 else ANGLES

    def build(self, shape: Any) -> None:
        """Makes all weights; inside a loop none can be made."""
        del shape
        rows = (None, self.width)
        tables = [*self._counts, *self._cell, *self._axes]
        for table in (*tables, self._read, self._written, self._remaining):
            table.build(None)
        parts: list[layers.Layer] = [*self._cell_heads, *self._place_heads, *self.blocks]
        for part in parts:
            part.build(rows)
        for wave in self._waves:
            wave.build((None, _WAVES.shape[1]))

    def call(self, tokens: Any, training: bool | None = None) -> Any:
        """Returns the logarithms."""
        of_cell, of_places = self.logits(tokens, training)
        _, cell, places = self._split(tokens)
        slots, _ = self.order(tokens[:, : self.elements])
        chosen = [_log_probability(each, cell[:, i]) for i, each in enumerate(of_cell)]
        placed = [_log_probability(each, places[:, 1:, i]) for i, each in enumerate(of_places)]
        written = ops.cast(slots[:, 1:] < self.elements, placed[0].dtype)
        return ops.stack([sum(chosen), ops.sum(sum(placed) * written, axis=1)], axis=1)

    def logits(self, tokens: Any, training: bool | None = None) -> tuple[list[Any], list[Any]]:
        """Returns the logits of all choices of rows, each given the choices before it.

        Args:
            tokens: Shape ``(batch, row)``.
            training: Whether dropout is active.

        Returns:
            Logits of the six numbers of the cell, each ``(batch, bins)``; and of x, y, z of all
            atoms behind the first, each ``(batch, max_atoms - 1, bins)``.
        """
        counts, cell, places = self._split(tokens)
        of_cell, of_places = [], []
        start = self.start(counts)
        for place in range(CELL):
            of_cell.append(self.cell_logits(place, start, training))
            start = start + self.cell_vector(place, cell[:, place])
        slots, remaining = self.order(counts)
        x = self.read(places[:, :-1], slots[:, :-1], slots[:, 1:], remaining[:, 1:])
        x = ops.concatenate([ops.zeros_like(start)[:, None], x], axis=1) + start[:, None]
        causal = np.tril(np.ones((self.max_atoms, self.max_atoms), bool))
        for block in self.blocks:
            x = block(x, seen=causal, training=training)
        x = x[:, 1:]
        for axis in range(3):
            of_places.append(self.place_logits(axis, x, training))
            x = x + self.place_vector(axis, places[:, 1:, axis])
        return of_cell, of_places

    def _split(self, tokens: Any) -> tuple[Any, Any, Any]:
        """Returns counts ``(batch, elements)``, cells ``(batch, 6)``, places ``(batch, n, 3)``."""
        first, second = self.elements, self.elements + CELL
        places = ops.reshape(tokens[:, second:], (-1, self.max_atoms, 3))
        return tokens[:, :first], tokens[:, first:second], places

    def start(self, counts: Any) -> Any:
        """Returns vectors ``(batch, width)`` of compositions ``(batch, elements)``."""
        return sum(table(counts[:, slot]) for slot, table in enumerate(self._counts))

    def cell_logits(self, place: int, x: Any, training: bool | None = None) -> Any:
        """Returns logits of the ``place``-th number of the cell, given the vector so far."""
        return self._cell_heads[place](x, training=training)

    def cell_vector(self, place: int, chosen: Any) -> Any:
        """Returns the vectors of bins of the ``place``-th number of the cell."""
        return self._cell[place](chosen)

    def order(self, counts: Any) -> tuple[Any, Any]:
        """Returns which atoms there are.

        Args:
            counts: Atoms of each element, shape ``(batch, elements)``, int32.

        Returns:
            For each atom the slot of its element (``elements`` behind the last one), and how many
            of that element are to come, itself included; each ``(batch, max_atoms)``, int32.
        """
        places = np.arange(self.max_atoms, dtype=np.int32)
        ends = ops.cumsum(counts, axis=1)
        behind = ops.cast(places[:, None] >= ends[:, None, :], "int32")
        slots = ops.sum(behind, axis=2)
        here = ops.equal(ops.expand_dims(slots, -1), np.arange(self.elements, dtype=np.int32))
        end = ops.sum(ops.cast(here, "int32") * ends[:, None, :], axis=2)
        return slots, ops.clip(end - places, 0, self.max_atoms)

    def read(self, place: Any, slot: Any, following: Any, remaining: Any) -> Any:
        """Returns vectors ``(..., width)`` from which the next atom is written.

        Args:
            place: Bins of the last atom's coordinates, shape ``(..., 3)``.
            slot: Slot of its element, shape ``(...)``.
            following: Slot of the next atom's element, shape ``(...)``.
            remaining: How many of that element are to come, shape ``(...)``.
        """
        x = self._read(slot) + self._written(following) + self._remaining(remaining)
        for axis in range(3):
            x = x + self.place_vector(axis, place[..., axis])
        return x

    def place_logits(self, axis: int, x: Any, training: bool | None = None) -> Any:
        """Returns logits of a coordinate, given the vector so far."""
        return self._place_heads[axis](x, training=training)

    def place_vector(self, axis: int, chosen: Any) -> Any:
        """Returns the vectors of bins of a coordinate."""
        table = self._axes[axis].embeddings + self._waves[axis](_WAVES)
        return ops.take(table, chosen, axis=0)


class _Head(layers.Layer):
    """From vectors to logits."""

    def __init__(self, name: str, width: int, choices: int, dropout: float) -> None:
        super().__init__(name=name)
        self._norm = layers.LayerNormalization(epsilon=1e-5, name="norm")
        self._hidden = layers.Dense(width, "silu", name="hidden")
        self._dropout = layers.Dropout(dropout, name="dropout")
        self._logits = layers.Dense(choices, name="logits")

    def build(self, shape: Any) -> None:
        """Makes the weights for vectors of a width."""
        for layer in (self._norm, self._hidden, self._logits):
            layer.build(shape)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Returns the logits."""
        return self._logits(self._dropout(self._hidden(self._norm(x)), training=training))


class _Block(layers.Layer):
    """Attention and a dense part, each behind a normalisation and added to what comes in."""

    def __init__(self, name: str, width: int, heads: int, dropout: float) -> None:
        super().__init__(name=name)
        self.heads, self.size = heads, width // heads
        self._norms = [layers.LayerNormalization(epsilon=1e-5, name=f"norm_{i}") for i in range(2)]
        self._triple = layers.Dense(3 * width, name="query_key_value")
        self._joined = layers.Dense(width, name="joined")
        self._up = layers.Dense(4 * width, "silu", name="up")
        self._down = layers.Dense(width, name="down")
        self._dropout = [layers.Dropout(dropout, name=f"dropout_{i}") for i in range(2)]

    def build(self, shape: Any) -> None:
        """Makes the weights for vectors of a width."""
        width = shape[-1]
        for layer in (*self._norms, self._triple, self._joined, self._up):
            layer.build(shape)
        self._down.build((None, 4 * width))

    def call(self, x: Any, seen: Any, training: bool | None = None) -> Any:
        """Returns the vectors of a whole sequence.

        Args:
            x: Shape ``(batch, length, width)``.
            seen: Which places each place sees, shape ``(length, length)``.
            training: Whether dropout is active.
        """
        query, key, value = ops.split(self._triple(self._norms[0](x)), 3, axis=-1)
        return self._finish(x, self._attend(query, key, value, seen), training)

    def step(self, x: Any, keys: Any, values: Any, here: Any, seen: Any) -> tuple[Any, Any, Any]:
        """Returns the vector of one place, with keys and values that hold its own.

        Args:
            x: Shape ``(batch, 1, width)``.
            keys: Of all places so far, anything behind; shape ``(batch, length, width)``.
            values: Like the keys.
            here: Which place it is, shape ``(length, 1)``, bool.
            seen: Which places it sees, itself included, shape ``(length,)``, bool.
        """
        query, key, value = ops.split(self._triple(self._norms[0](x)), 3, axis=-1)
        keys, values = ops.where(here, key, keys), ops.where(here, value, values)
        return self._finish(x, self._attend(query, keys, values, seen), None), keys, values

    def _attend(self, query: Any, keys: Any, values: Any, seen: Any) -> Any:
        query, keys, values = (self._apart(each) for each in (query, keys, values))
        scores = ops.matmul(query, ops.transpose(keys, (0, 1, 3, 2))) / math.sqrt(self.size)
        weights = ops.softmax(ops.where(seen, scores, _FORBIDDEN))
        joined = ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3))
        return ops.reshape(joined, (-1, joined.shape[1], self.heads * self.size))

    def _apart(self, x: Any) -> Any:
        """Returns vectors ``(batch, length, width)`` as ``(batch, heads, length, size)``."""
        apart = ops.reshape(x, (-1, x.shape[1], self.heads, self.size))
        return ops.transpose(apart, (0, 2, 1, 3))

    def _finish(self, x: Any, attended: Any, training: bool | None) -> Any:
        x = x + self._dropout[0](self._joined(attended), training=training)
        dense = self._down(self._up(self._norms[1](x)))
        return x + self._dropout[1](dense, training=training)


def build_likelihood(recipe: WriterRecipe, vocabulary: Vocabulary) -> keras.Model:
    """Builds the untrained network of probabilities.

    Args:
        recipe: Sizes and dropout.
        vocabulary: What rows of tokens can say.

    Returns:
        A model from rows ``(batch, row)``, int32, to logarithms ``(batch, 2)`` as :class:`Writer`
        gives them.
    """
    tokens = keras.Input((vocabulary.row,), dtype="int32", name="tokens")
    return keras.Model(tokens, Writer.of(recipe, vocabulary)(tokens), name="likelihood")


def log_probability(likelihood: keras.Model, tokens: Any, training: bool = False) -> Any:
    """Returns the logarithm of the probability of crystals, given their compositions.

    Args:
        likelihood: From :func:`build_likelihood`.
        tokens: Rows of tokens, shape ``(batch, row)``, int32.
        training: Whether dropout is active.

    Returns:
        Shape ``(batch,)``, in nat; it has a derivative by the weights.
    """
    return ops.sum(likelihood(tokens, training=training), axis=1)


def _embedding(name: str, entries: int, width: int) -> layers.Embedding:
    start = keras.initializers.RandomNormal(stddev=0.1)
    return layers.Embedding(entries, width, start, name=name)


def _log_probability(logits: Any, chosen: Any) -> Any:
    """Returns the logarithm of the probability of a bin, from logits ``(..., bins)``."""
    logarithms = ops.log_softmax(logits)
    return ops.squeeze(ops.take_along_axis(logarithms, ops.expand_dims(chosen, -1), axis=-1), -1)
