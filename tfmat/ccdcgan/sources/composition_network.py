"""The network of compositions: which element comes next, and how many atoms of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.compositions import PART
from tfmat.ccdcgan.sources.recipe import CompositionsRecipe
from tfmat.metric import Metric
from tfmat.networks.backend import call, compiled_steps
from tfmat.networks.batches import Batches, BatchSampler, spread
from tfmat.networks.likelihood import likelihood_optimizer

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# Atoms of an element are seen as shares of so many.
_MANY = 4.0
_SAMPLE = 4096


def build_compositions(recipe: CompositionsRecipe, elements: int, max_atoms: int) -> keras.Model:
    """Builds the network.

    Args:
        recipe: Sizes and dropout.
        elements: Number of elements.
        max_atoms: Most atoms of a cell.

    Returns:
        A model from the atoms of each element so far, and a 1 at the element that comes next,
        ``(batch, 2 elements)``, to a dict of logits: ``next`` ``(batch, elements + 1)``, the last
        for the end, which do not depend on the second half of the input; and ``count`` ``(batch,
        max_atoms)``, of 1 atom and more of that element.
    """
    given = keras.Input((2 * elements,), name="so_far")
    counts, chosen = given[:, :elements], given[:, elements:]
    units = recipe.units
    x = layers.Concatenate()(
        [
            layers.Dense(units, "silu", name="counts")(counts / _MANY),
            layers.Dense(units, "silu", name="present")(ops.minimum(counts, 1.0)),
        ]
    )
    x = layers.Dense(units, "silu", name="both")(layers.Dropout(recipe.dropout)(x))
    of_next = layers.Dense(units // 4, "silu", name="chosen")(chosen)
    y = layers.Dense(units // 2, "silu", name="with_chosen")(layers.Concatenate()([x, of_next]))
    outputs = {
        "next": layers.Dense(elements + 1, name="next")(x),
        "count": layers.Dense(max_atoms, name="count")(y),
    }
    return keras.Model(given, outputs, name=PART)


def decisions(counts: NDArray[np.integer]) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Returns all choices that make compositions.

    Args:
        counts: Atoms of each element, shape ``(n, elements)``.

    Returns:
        What the network is given, shape ``(m, 2 elements)``, and the right choices, ``(m, 2)``: the
        element or the end, and the number of atoms less one, -1 at the end.
    """
    given, right = [], []
    elements = counts.shape[1]
    there = counts > 0
    rank = np.where(there, there.cumsum(axis=1), 0)
    for slot in range(int(rank.max(initial=0)) + 1):
        rows = np.flatnonzero(rank.max(axis=1) >= slot)
        so_far = np.where((rank[rows] > 0) & (rank[rows] <= slot), counts[rows], 0)
        chosen = rank[rows] == slot + 1
        last = ~chosen.any(axis=1)
        element = np.where(last, elements, chosen.argmax(axis=1))
        amount = (counts[rows] * chosen).sum(axis=1) - 1
        given.append(np.concatenate([so_far, chosen], axis=1).astype(np.int8))
        right.append(np.column_stack([element, amount]).astype(np.int32))
    return np.concatenate(given), np.concatenate(right)


def train_compositions(
    stage: Stage,
    recipe: CompositionsRecipe,
    train: NDArray[np.integer],
    held_out: NDArray[np.integer],
    max_atoms: int,
) -> None:
    """Maximises the likelihood of compositions and writes the network.

    Args:
        stage: Where to train and log.
        recipe: Sizes and training.
        train: Atoms of each element of the cells to learn from, shape ``(n, elements)``.
        held_out: Likewise, to judge by.
        max_atoms: Most atoms of a cell.
    """
    stage.devices.check_batch(recipe.batch_size, "compositions.batch_size")
    given, right = decisions(train)
    test, wanted = decisions(held_out) if len(held_out) else (given[:0], right[:0])
    keras.utils.set_random_seed(stage.seed)
    with stage.devices.scope():
        network = build_compositions(recipe, train.shape[1], max_atoms)
        joined = layers.Concatenate(name="logits")(
            [network.output[key] for key in ("next", "count")]
        )
        whole = keras.Model(network.input, joined, name="both_logits")
        whole.compile(
            likelihood_optimizer(recipe.learning_rate, recipe.steps, recipe.weight_decay, 0.999),
            _Decided(train.shape[1] + 1),
            jit_compile=compiled_steps(),
        )
    sampler = BatchSampler(len(given), recipe.batch_size, stage.seed)
    loss = _Decided(train.shape[1] + 1)

    def draw(rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        return given[rows].astype(np.float32), right[rows]

    def judged(rows: NDArray[np.intp]) -> float:
        total = 0.0
        for start in range(0, len(rows), _SAMPLE):
            some = rows[start : start + _SAMPLE]
            logits = call(whole, test[some].astype(np.float32), _SAMPLE)
            total += float(ops.sum(loss.call(wanted[some], logits)))
        return total

    def validate(_: int) -> Mapping[str, float]:
        rows = spread(np.arange(len(test)), _SAMPLE)
        return {"test_loss": judged(rows) / len(rows)} if len(rows) else {}

    stage.fit(
        whole,
        lambda first, count: Batches(draw, sampler, first, count),
        recipe.steps,
        validate,
    )
    metrics = []
    if count := len(held_out):
        note = f"mean negative log-likelihood of the compositions of {count} held-out structures"
        value = judged(np.arange(len(test))) / count
        metrics.append(
            Metric("test_negative_log_likelihood", value, "nat", denominator=count, note=note)
        )
    stage.finish({PART: network}, metrics)


class _Decided(keras.losses.Loss):
    """The negative logarithm of the probability of the right choices."""

    def __init__(self, split: int) -> None:
        super().__init__(name="decided")
        self.split = split

    def call(self, right: Any, logits: Any) -> Any:
        """Returns it for each decision."""
        right = ops.cast(right, "int32")
        element, amount = right[:, 0], right[:, 1]
        cross = keras.losses.sparse_categorical_crossentropy
        of_element = cross(element, logits[:, : self.split], from_logits=True)
        of_amount = cross(ops.maximum(amount, 0), logits[:, self.split :], from_logits=True)
        return of_element + of_amount * ops.cast(amount >= 0, of_amount.dtype)
