"""One network from noise to atoms of each element, so that 85 bytes leave it for 680 numbers."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfmat.matgan.elements import MAX_COUNT
from tfmat.matgan.recipe import DecodingRecipe


def build_generate(generator: keras.Model, decoding: DecodingRecipe) -> keras.Model:
    """Builds the end-to-end network.

    Args:
        generator: From :func:`~tfmat.matgan.networks.gan.build_generator`, or
            an autoregressive one.
        decoding: Rule and threshold, as :func:`tfmat.matgan.matrix.decode` has them.

    Returns:
        A model from noise ``(batch, latent)`` to atoms of each element ``(batch, 85)``, uint8, not
        yet reduced, whatever their number of elements.
    """
    # As one layer: operations of a loaded generator may have the names that new ones get.
    noise = keras.Input(generator.input_shape[1:], name="noise")
    cells = ops.squeeze(generator(noise), axis=-1)
    # A NumPy array: what a Keras operation made here would become an input of the ONNX graph.
    counts = np.arange(1, MAX_COUNT + 1, dtype=np.float32)[:, None]
    if decoding.rule == "original":
        # Of all cells that reach the threshold, the largest count wins.
        found = ops.cast(ops.greater_equal(cells, decoding.threshold), "float32")
        decoded = ops.max(found * counts, axis=1)
    else:
        # Of equal cells the lowest count wins. Not argmax: Keras's has no ONNX form.
        highest = ops.max(cells, axis=1, keepdims=True)
        found = ops.cast(ops.equal(cells, highest), "float32")
        lowest = MAX_COUNT + 1 - ops.max(found * (MAX_COUNT + 1 - counts), axis=1)
        there = ops.greater_equal(highest[:, 0], decoding.threshold)
        decoded = lowest * ops.cast(there, "float32")
    return keras.Model(noise, ops.cast(decoded, "uint8"), name="generate")
