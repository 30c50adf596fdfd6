"""What all writers are made of: heads, blocks of attention, tables of vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

# Added to a logit, it leaves no chance.
FORBIDDEN = -1e9


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
        return flatly(x, lambda flat: self._of_each(flat, training))

    def _of_each(self, x: Any, training: bool | None) -> Any:
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

    def step(self, x: Any, keys: Any, values: Any, here: Any, unseen: Any) -> tuple[Any, Any, Any]:
        """Returns the vectors of one place, with keys and values that hold its own.

        It is what a writing network spends its time on. So vectors have no axis of places, which
        saves reshaping, and keys and values stay as they lie in memory: each head's query stands in
        a row of its own, zeros where the other heads have theirs.

        Args:
            x: Shape ``(batch, width)``.
            keys: Of all places so far, zeros behind; shape ``(batch, length, width)``.
            values: Like the keys.
            here: For each row of the batch its number and which place it is, ``(batch, 2)``.
            unseen: 0 for the places that it sees, itself included, and so low a number for the
                others that they do not count; shape ``(length,)``.
        """
        query, key, value = ops.split(self._triple(normalised(self._norms[0], x)), 3, axis=-1)
        keys, values = ops.scatter_update(keys, here, key), ops.scatter_update(values, here, value)
        own = np.repeat(np.eye(self.heads, dtype=np.float32), self.size, axis=1)
        scores = ops.matmul(query[:, None] * own, ops.transpose(keys, (0, 2, 1)))
        weights = ops.softmax(scores / math.sqrt(self.size) + unseen)
        attended = ops.sum(ops.matmul(weights, values) * own, axis=1)
        x = x + self._joined(attended)
        return x + self._down(self._up(normalised(self._norms[1], x))), keys, values

    def _attend(self, query: Any, keys: Any, values: Any, seen: Any) -> Any:
        query, keys, values = (self._apart(each) for each in (query, keys, values))
        scores = ops.matmul(query, ops.transpose(keys, (0, 1, 3, 2))) / math.sqrt(self.size)
        weights = ops.softmax(ops.where(seen, scores, FORBIDDEN))
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


def flatly(x: Any, layer: Callable[[Any], Any]) -> Any:
    """Applies to vectors what sees each by itself.

    An exported graph of it is short; of the same on vectors with more axes it is mostly about
    shapes, which takes longer than the products of a few vectors.

    Args:
        x: Shape ``(batch, ..., width)``, all axes but the first known.
        layer: From vectors ``(n, width)`` to others ``(n, size)``.

    Returns:
        Shape ``(batch, ..., size)``.
    """
    found = layer(ops.reshape(x, (-1, x.shape[-1])))
    return ops.reshape(found, (-1, *x.shape[1:-1], found.shape[-1]))


def normalised(layer: layers.LayerNormalization, x: Any) -> Any:
    """Does what a layer of normalisation does, in the operations that ONNX Runtime knows as one.

    Args:
        layer: The layer.
        x: Vectors ``(n, width)``.
    """
    off = x - ops.mean(x, axis=-1, keepdims=True)
    spread = ops.sqrt(ops.mean(ops.power(off, 2.0), axis=-1, keepdims=True) + layer.epsilon)
    return off / spread * layer.gamma + layer.beta


def embedding(name: str, entries: int, width: int) -> layers.Embedding:
    """Returns a table of vectors that starts small."""
    start = keras.initializers.RandomNormal(stddev=0.1)
    return layers.Embedding(entries, width, start, name=name)


def log_probability_of(logits: Any, chosen: Any) -> Any:
    """Returns the logarithm of the probability of a bin, from logits ``(..., bins)``."""
    logarithms = ops.log_softmax(logits)
    return ops.squeeze(ops.take_along_axis(logarithms, ops.expand_dims(chosen, -1), axis=-1), -1)
