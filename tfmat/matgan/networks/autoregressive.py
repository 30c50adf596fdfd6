"""A generator that writes a formula element by element, and the probability of what it writes.

A formula is a row of slots (element, number of atoms), its elements ordered by electronegativity:
anions come last, when the charge that they must balance is known. Each decision is drawn from a
softmax by one number of the noise, through the inverse of the cumulative distribution. So the
generator is a map from noise to composition matrices like any other, and can be exported. Since a
formula has one order only, its probability is the product of the probabilities of its decisions.

"Place" is an element's position in the order, "column" its column in the matrix.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions
from tfmat.matgan.elements import ELEMENTS, MAX_COUNT, MIN_ELEMENTS, NUMBERS
from tfmat.matgan.recipe_autoregressive import AutoregressiveRecipe

N = len(ELEMENTS)
# The choice that ends a formula; behind all places.
STOP = N
_PLACES = np.arange(N + 1, dtype=np.int32)
# A uniform number must stay below 1 when it is scaled by the sum of the probabilities: then the
# first option where the cumulative sum exceeds it has a probability above 0.
_BELOW_ONE = 1.0 - 1e-6
_FORBIDDEN = -1e9


class AutoregressiveNetworks:
    """Generator and likelihood of one set of weights.

    The state of an unfinished formula is the sum of the vectors of its slots; a vector has a part
    for the element, one in proportion to the atoms (charges add up like that) and one of its own.
    The state decides the next element; with that element it decides the number of atoms.

    Args:
        recipe: Sizes and dropout.

    Attributes:
        generator: From noise ``(batch, 2 slots)`` to composition matrices ``(batch, 8, 85, 1)`` of
            zeros and ones, all of 2 to ``slots`` elements.
        likelihood: From atoms of each element ``(batch, 85)``, float32, to natural logarithms
            ``(batch, 2)``: of the probability of the elements, each given the slots before it, and
            of the atom counts, each given also its element. For formulas of 2 to ``slots``
            elements with at most 8 atoms of each.
    """

    def __init__(self, recipe: AutoregressiveRecipe) -> None:
        self.recipe = recipe
        self._element = _embedding("element", N, recipe.width, 0.3)
        self._atom = _embedding("atom", N, recipe.width, 0.1)
        self._slot = _embedding("slot", N * MAX_COUNT, recipe.width, 0.05)
        self._query = _embedding("query", N, recipe.width, 0.3)
        self._element_head = _Head("element", recipe, N + 1)
        self._count_head = _Head("count", recipe, MAX_COUNT)
        # First, so that it alone settles the order of the weights.
        self.generator = self._build_generator()
        self.likelihood = self._build_likelihood()

    def slot_vectors(self) -> NDArray[np.float32]:
        """Returns the vectors of all slots ``(680, width)``, ordered as a flattened matrix."""
        place = np.tile(place_of_column(), MAX_COUNT).astype(np.int32)
        count = np.repeat(np.arange(1, MAX_COUNT + 1, dtype=np.float32), N)
        vectors: NDArray[np.float32] = ops.convert_to_numpy(self._vectors(place, count))
        return vectors

    def _vectors(self, place: Any, count: Any) -> Any:
        """Returns the vectors of slots, from places below ``STOP`` and counts of 1 to 8."""
        own = self._slot(place * MAX_COUNT + ops.cast(count, "int32") - 1)
        return self._element(place) + self._atom(place) * ops.expand_dims(count, -1) + own

    def _build_generator(self) -> keras.Model:
        slots = self.recipe.slots
        noise = keras.Input((2 * slots,), name="noise")
        uniform = ops.minimum(0.5 + 0.5 * ops.erf(noise * math.sqrt(0.5)), _BELOW_ONE)
        zero = ops.zeros_like(noise[:, :1])
        state = ops.repeat(zero, self.recipe.width, axis=1)
        place = ops.cast(zero[:, 0], "int32") - 1
        counts, active = zero, zero[:, 0] + 1.0
        for slot in range(slots):
            logits = _allowed(self._element_head(state), place, slot)
            place = _draw(logits, uniform[:, 2 * slot])
            active = active * ops.cast(ops.less(place, STOP), "float32")
            # Behind the end everything is still computed, and counts nothing.
            known = ops.minimum(place, STOP - 1)
            logits = self._count_head(_with(state, self._query(known)))
            count = ops.cast(_draw(logits, uniform[:, 2 * slot + 1]) + 1, "float32")
            here = ops.cast(ops.equal(ops.expand_dims(known, -1), _PLACES[:N]), "float32")
            counts = counts + here * ops.expand_dims(active * count, -1)
            state = state + self._vectors(known, count) * ops.expand_dims(active, -1)
        columns = ops.take(counts, place_of_column(), axis=1)
        rows = np.arange(1, MAX_COUNT + 1, dtype=np.float32)[:, None]
        cells = ops.cast(ops.equal(ops.expand_dims(columns, 1), rows), "float32")
        return keras.Model(noise, ops.expand_dims(cells, -1), name="generator")

    def _build_likelihood(self) -> keras.Model:
        slots = self.recipe.slots
        counts = keras.Input((N,), name="counts")
        ordered = ops.take(counts, column_of_place(), axis=1)
        # The first places are the largest of these numbers; 0 where there is no further element.
        rank = ops.cast(ops.greater(ordered, 0), "int32") * (N - _PLACES[:N])
        rank, _ = ops.top_k(rank, slots)
        used = ops.greater(rank, 0)
        place = ops.where(used, N - rank, 0)
        count = ops.where(used, ops.take_along_axis(ordered, place, axis=1), 1.0)
        written = ops.cast(used, "float32")
        vectors = self._vectors(place, count) * ops.expand_dims(written, -1)
        state = ops.cumsum(vectors, axis=1) - vectors  # of the slots before
        chosen = ops.where(used, place, STOP)
        last = ops.pad(chosen[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
        logits = _allowed(self._element_head(state, dropout=True), last, np.arange(slots))
        # Behind the end there is no decision.
        decided = ops.cast(ops.less(last, STOP), "float32")
        elements = ops.sum(decided * _log_probability(logits, chosen), axis=1)
        logits = self._count_head(_with(state, self._query(place)), dropout=True)
        given = _log_probability(logits, ops.cast(count, "int32") - 1)
        atoms = ops.sum(written * given, axis=1)
        return keras.Model(counts, ops.stack([elements, atoms], axis=1), name="likelihood")


class _Head:
    """Dense layers from a state to logits, the same with dropout and without."""

    def __init__(self, name: str, recipe: AutoregressiveRecipe, options: int) -> None:
        self._hidden = [
            layers.Dense(units, "silu", kernel_initializer="he_normal", name=f"{name}_dense_{i}")
            for i, units in enumerate(recipe.units, start=1)
        ]
        self._dropout = [
            layers.Dropout(recipe.dropout, name=f"{name}_dropout_{i}")
            for i, _ in enumerate(recipe.units, start=1)
        ]
        self._logits = layers.Dense(options, name=f"{name}_logits")

    def __call__(self, x: Any, dropout: bool = False) -> Any:
        for dense, drop in zip(self._hidden, self._dropout, strict=True):
            x = drop(dense(x)) if dropout else dense(x)
        return self._logits(x)


@functools.cache
def column_of_place() -> NDArray[np.int32]:
    """Returns the columns of the elements by electronegativity, ``(85,)``."""
    everything = Compositions(NUMBERS[None], np.ones((1, N), np.uint16))
    return np.asarray(everything.formula_order()[0], dtype=np.int32)


@functools.cache
def place_of_column() -> NDArray[np.int32]:
    """Returns the place of each column in the order of electronegativity, ``(85,)``."""
    return np.argsort(column_of_place()).astype(np.int32)


def build_critic(recipe: AutoregressiveRecipe, units: tuple[int, ...]) -> keras.Model:
    """Builds a critic that sees a formula as the generator does: as a sum of vectors of slots.

    Args:
        recipe: Width of the vectors.
        units: Units of the hidden layers behind the sum.

    Returns:
        A model from composition matrices ``(batch, 8, 85, 1)`` to a score ``(batch, 1)``. Its layer
        ``slots`` has no bias; :meth:`AutoregressiveNetworks.slot_vectors` fits its kernel.
    """
    matrix = keras.Input((MAX_COUNT, N, 1), name="composition_matrix")
    x = layers.Flatten(name="flatten")(matrix)
    x = layers.Dense(recipe.width, use_bias=False, name="slots")(x)
    for i, count in enumerate(units, start=1):
        x = layers.Dense(count, "silu", kernel_initializer="he_normal", name=f"dense_{i}")(x)
    return keras.Model(matrix, layers.Dense(1, name="score")(x), name="critic")


def _embedding(name: str, entries: int, width: int, deviation: float) -> layers.Embedding:
    start = keras.initializers.RandomNormal(stddev=deviation)
    return layers.Embedding(entries, width, start, name=f"{name}_vectors")


def _with(state: Any, query: Any) -> Any:
    return ops.concatenate([state, query], axis=-1)


def _allowed(logits: Any, last: Any, slot: Any) -> Any:
    """Forbids places up to the last one, and to stop before there are enough elements.

    Args:
        logits: Of all places and of ``STOP`` ``(..., 86)``.
        last: Place of the last element, -1 before the first ``(...)``.
        slot: Number of the slot; a number, or an array for the last axis of ``last``.
    """
    missing = np.maximum(MIN_ELEMENTS - np.asarray(slot, np.int32), 0)[..., None]
    # So many elements must still fit behind this one. STOP counts as the place behind them all.
    enough = STOP - missing >= _PLACES
    later = ops.greater(_PLACES, ops.expand_dims(last, -1))
    return ops.where(ops.logical_and(later, enough), logits, _FORBIDDEN)


def _draw(logits: Any, uniform: Any) -> Any:
    """Draws options ``(batch,)`` by numbers uniform in 0 to 1 ``(batch,)``."""
    cumulative = ops.cumsum(ops.softmax(logits), axis=-1)
    height = ops.expand_dims(uniform, -1) * cumulative[:, -1:]
    return ops.sum(ops.cast(ops.less_equal(cumulative, height), "int32"), axis=-1)


def _log_probability(logits: Any, option: Any) -> Any:
    """Returns the logarithm of the probability of an option, from logits ``(..., options)``."""
    logarithms = ops.log_softmax(logits)
    return ops.squeeze(ops.take_along_axis(logarithms, ops.expand_dims(option, -1), axis=-1), -1)
