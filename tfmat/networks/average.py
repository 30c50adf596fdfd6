"""The moving average of a network's weights, which generates better than the last weights do."""

from __future__ import annotations

import keras
import tensorflow as tf


class WeightAverage:
    """An exponential moving average of all weights of a model, batch statistics included.

    Make it in the scope of the strategy.

    Args:
        model: The model that is trained.
        decay: Share of the average that a step keeps; 0 keeps none, and the model itself is its
            average.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        self._model = model
        self._decay = decay
        self._strategy = tf.distribute.get_strategy()
        self.variables: list[keras.Variable] = []
        if decay:
            self.variables = [
                keras.Variable(weight, trainable=False, name=f"average_{i}")
                for i, weight in enumerate(model.weights)
            ]

    def update(self, step_index: tf.Tensor) -> None:
        """Moves the average towards the weights; called in the cross-replica context.

        Args:
            step_index: Number of the step, from 0.
        """
        # Early steps average over fewer, else the random first weights linger.
        count = tf.cast(step_index, tf.float32)
        decay = tf.minimum(self._decay, (1.0 + count) / (10.0 + count))

        def towards(average: tf.Variable, weight: tf.Tensor) -> None:
            average.assign_sub((1.0 - decay) * (average - weight))

        for average, weight in zip(self.variables, self._model.weights, strict=False):
            self._strategy.extended.update(average.value, towards, args=(weight.value,))

    def model(self) -> keras.Model:
        """Returns what to keep: a copy with averaged weights; the model itself without them."""
        if not self.variables:
            return self._model
        copy = keras.models.clone_model(self._model)
        copy.set_weights([average.numpy() for average in self.variables])
        return copy
