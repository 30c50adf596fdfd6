"""What differs between the Keras backends when a network is trained or called."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def compiled_steps() -> bool:
    """Tells whether training steps are compiled by XLA (``jit_compile``): on JAX alone.

    JAX without it runs, and compiles, one operation after the other: many times slower. On
    TensorFlow and PyTorch the steps run as they are.
    """
    return bool(keras.backend.backend() == "jax")


def call(model: keras.Model, batch: NDArray[Any], rows: int) -> NDArray[np.float32]:
    """Calls a network outside of training.

    Args:
        model: A network with one input and one output.
        batch: Its input, at most ``rows`` rows.
        rows: Rows of all but the last batch. JAX compiles anew for every shape, so there a shorter
            batch is filled up.

    Returns:
        The network's output, as many rows as the batch.
    """
    if not compiled_steps():
        result: NDArray[np.float32] = keras.ops.convert_to_numpy(model(batch, training=False))
        return result
    full = np.zeros((rows, *batch.shape[1:]), batch.dtype)
    full[: len(batch)] = batch
    outputs: NDArray[np.float32] = np.asarray(model.predict_on_batch(full))
    return outputs[: len(batch)]
