"""What all writers are made of: heads, blocks of attention, tables of vectors."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

_FORBIDDEN = -1e9


class Head(layers.Layer):
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


class Block(layers.Layer):
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


def embedding(name: str, entries: int, width: int) -> layers.Embedding:
    """Returns a table of vectors that starts small."""
    start = keras.initializers.RandomNormal(stddev=0.1)
    return layers.Embedding(entries, width, start, name=name)


def log_probability_of(logits: Any, chosen: Any) -> Any:
    """Returns the logarithm of the probability of a bin, from logits ``(..., bins)``."""
    logarithms = ops.log_softmax(logits)
    return ops.squeeze(ops.take_along_axis(logarithms, ops.expand_dims(chosen, -1), axis=-1), -1)
