"""Batches and noise shared out to the replicas of a tf.distribute strategy."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from numpy.typing import NDArray


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
    context = tf.distribute.get_replica_context()
    noise = tf.random.stateless_normal((context.num_replicas_in_sync * batch, latent), key)
    first = context.replica_id_in_sync_group * batch
    return noise[first : first + batch]
