"""Batches and noise shared out to the replicas of a tf.distribute strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray


def of_all_replicas(
    update: Callable[..., Any], strategy: tf.distribute.Strategy
) -> Callable[..., Any]:
    """Makes a compiled step of all replicas from the step of one.

    Args:
        update: Takes this replica's part of the batch, updates the weights, and returns tensors:
            means over its part, divided by the number of replicas.
        strategy: The strategy in whose scope the weights were made.

    Returns:
        Takes what :func:`share` gives; returns the sums over the replicas.
    """

    def step(*parts: Any) -> Any:
        values = strategy.run(update, args=parts)
        return tf.nest.map_structure(
            lambda value: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None), values
        )

    compiled: Callable[..., Any] = tf.function(step)
    return compiled


def share(batch: NDArray[Any], strategy: tf.distribute.Strategy | None) -> Any:
    """Gives every replica its part of a batch.

    Args:
        batch: The global batch, its length a multiple of the number of replicas.
        strategy: The strategy; ``None`` for one device.

    Returns:
        A tensor, or the per-replica values of the strategy.
    """
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return tf.constant(batch)
    part = len(batch) // strategy.num_replicas_in_sync

    def of_replica(context: Any) -> Any:
        first = context.replica_id_in_sync_group * part
        return tf.constant(batch[first : first + part])

    return strategy.experimental_distribute_values_from_function(of_replica)


def replica_noise(batch: tf.Tensor, latent: int, key: tf.Tensor) -> tf.Tensor:
    """Returns this replica's rows of the normal noise of the global batch.

    The noise of the global batch is drawn as one and shared out, so that it does not depend on the
    number of replicas.

    Args:
        batch: Rows of this replica.
        latent: Length of a noise vector.
        key: Seed of the draw ``(2,)``, int64.

    Returns:
        Shape ``(batch, latent)``.
    """
    rows, first = _global_rows(batch)
    return tf.random.stateless_normal((rows, latent), key)[first : first + batch]


def replica_uniform(batch: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Returns this replica's numbers of the uniform draw in 0 to 1 of the global batch.

    Args:
        batch: Rows of this replica.
        key: Seed of the draw ``(2,)``, int64.

    Returns:
        Shape ``(batch,)``.
    """
    rows, first = _global_rows(batch)
    return tf.random.stateless_uniform((rows,), key)[first : first + batch]


def _global_rows(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the rows of the global batch and the first of this replica."""
    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync * batch, context.replica_id_in_sync_group * batch
