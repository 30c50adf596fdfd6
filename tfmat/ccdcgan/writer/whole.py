"""The writer from noise alone, as one graph for clients without tfmat: a single attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tfmat.ccdcgan.writer.writing import draw


def build_whole(writing: keras.Model, compositions: Sequence[Sequence[int]]) -> keras.Model:
    """Builds the network from noise alone: the first number draws the composition.

    Args:
        writing: From compositions and noise to crystals.
        compositions: Atoms of each element, and the number of structures that have so many.

    Returns:
        A model from ``noise`` ``(batch, 1 + numbers)`` to the outputs of ``writing``.
    """
    elements = len(compositions[0]) - 1
    noise = keras.Input((1 + writing.input_shape[1] - elements,), name="noise")
    counts = DrawComposition(compositions)(noise[:, 0])
    choices = ops.concatenate([counts, noise[:, 1:]], axis=1)
    inner: Any = keras.Model(writing.input, writing.output, name="writer")
    return keras.Model(noise, inner(choices), name="generate")


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class DrawComposition(layers.Layer):
    """Maps normal numbers ``(batch,)`` to the atoms of each element ``(batch, elements)``, float32.

    Args:
        table: Atoms of each element, and the weight, shape ``(compositions, elements + 1)``.
        **options: Of any layer.
    """

    def __init__(self, table: Sequence[Sequence[int]], **options: Any) -> None:
        super().__init__(**{"name": "composition", "trainable": False, **options})
        self.table = [list(row) for row in table]
        rows = np.asarray(table, np.float32)
        self._counts, self._logits = rows[:, :-1], np.log(rows[:, -1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {**super().get_config(), "table": self.table}

    def call(self, normal: Any) -> Any:
        """Returns the compositions."""
        uniform = 0.5 + 0.5 * ops.erf(normal * float(np.sqrt(0.5)))
        chosen = draw(self._logits[None], ops.minimum(uniform, 1.0 - 1e-6))
        return ops.take(self._counts, chosen, axis=0)
