"""Steps of a compiled model that several workers do together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmat.networks.batches import Batches
from tfmat.training.strategy import Devices


class Steps:
    """What Keras's ``fit`` does in one epoch, by ``strategy.run``.

    Args:
        model: A compiled model, built in the scope of the devices.
        devices: Those of all workers.
    """

    def __init__(self, model: keras.Model, devices: Devices) -> None:
        self._model = model
        self._strategy = devices.strategy
        self._step = tf.function(self._all_replicas)

    def __call__(self, batches: Batches, tick: Callable[[int, str], None]) -> dict[str, float]:
        """Does one step for each batch.

        Args:
            batches: Batches of (input, target), the same on every worker.
            tick: Told of every step, with its loss.

        Returns:
            The mean ``loss``.
        """
        losses = []
        for index in range(len(batches)):
            losses.append(float(self._step(*self._shared(batches, index))))
            tick(1, f"loss {losses[-1]:.4g}")
        return {"loss": float(np.mean(losses))}

    def _shared(self, batches: Batches, index: int) -> tuple[Any, Any]:
        """Returns input and target of this worker's replicas; those of others are not made."""
        made: dict[int, tuple[Any, Any]] = {}

        def of(context: Any, place: int) -> Any:
            number = context.replica_id_in_sync_group
            if number not in made:
                made[number] = batches.part(index, number, context.num_replicas_in_sync)
            return tf.constant(made[number][place])

        spread = self._strategy.experimental_distribute_values_from_function
        return spread(lambda context: of(context, 0)), spread(lambda context: of(context, 1))

    def _all_replicas(self, inputs: Any, targets: Any) -> Any:
        losses = self._strategy.run(self._one_replica, args=(inputs, targets))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _one_replica(self, inputs: Any, targets: Any) -> Any:
        model = self._model
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            # Keras divides it by the number of replicas.
            loss = model.compute_loss(x=inputs, y=targets, y_pred=outputs, training=True)
            scaled = model.optimizer.scale_loss(loss)
        weights = [variable.value for variable in model.trainable_variables]
        model.optimizer.apply_gradients(
            zip(tape.gradient(scaled, weights), model.trainable_variables, strict=True)
        )
        return loss
