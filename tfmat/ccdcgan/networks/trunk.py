"""The convolutions that the reference discriminator and the reference constraint share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

SLOPE = 0.2
# The released code's value for 28 x 28 graphs; Keras's own default is 0.99.
MOMENTUM = 0.8


def batch_normalisation(name: str, momentum: float = MOMENTUM) -> layers.BatchNormalization:
    """Returns batch normalisation over the global batch of all replicas."""
    # Only TensorFlow's Keras can synchronise; the others refuse, and have no replicas here.
    synchronized = keras.backend.backend() == "tensorflow"
    return layers.BatchNormalization(momentum=momentum, synchronized=synchronized, name=name)


def convolution_trunk(
    graph: Any, filters: Sequence[int], dropout: float, *, normalised: bool = True
) -> Any:
    """Applies the strided 3 x 3 convolutions of the papers' discriminators.

    Every convolution but the last has stride 2. Normalised (paper 004), every one but the first
    has batch normalisation, and an edge that is odd before a strided convolution is padded to an
    even one (28, 14, 7 to 8, 4, 4 for Bi-Se); else (paper 002) neither.

    Args:
        graph: Keras tensor of shape ``(batch, height, width, 1)``.
        filters: Filters of the convolutions.
        dropout: Share of activations dropped after each.
        normalised: As above.

    Returns:
        Keras tensor of shape ``(batch, cells)``.
    """
    x = graph
    last = len(filters)
    for i, count in enumerate(filters, start=1):
        stride = 1 if i == last else 2
        x = layers.Conv2D(count, 3, stride, "same", name=f"convolution_{i}")(x)
        odd = (x.shape[1] % 2, x.shape[2] % 2)
        if normalised and i < last - 1 and any(odd):
            x = layers.ZeroPadding2D(((0, odd[0]), (0, odd[1])), name=f"pad_{i}")(x)
        if normalised and i > 1:
            x = batch_normalisation(f"normalisation_{i}")(x)
        x = layers.LeakyReLU(SLOPE, name=f"activation_{i}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{i}")(x)
    return layers.Flatten(name="flatten")(x)


def dense_trunk(graph: Any, units: Sequence[int], dropout: float) -> Any:
    """Applies dense layers to all cells of a crystal graph.

    Args:
        graph: Keras tensor of shape ``(batch, height, width, 1)``.
        units: Units of the layers.
        dropout: Share of activations dropped after each.

    Returns:
        Keras tensor of shape ``(batch, units[-1])``.
    """
    x = layers.Flatten(name="flatten")(graph)
    for i, count in enumerate(units, start=1):
        x = layers.Dense(count, name=f"dense_{i}")(x)
        x = layers.LeakyReLU(SLOPE, name=f"activation_{i}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{i}")(x)
    return x
