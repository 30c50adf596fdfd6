"""The networks of a trained writer, as a model package holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from ase.data import atomic_numbers
from keras import layers, ops
from numpy.typing import NDArray

from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.writer.sampling import Write
from tfmat.ccdcgan.writer.training import LIKELIHOOD, WrittenFrom, vocabulary
from tfmat.ccdcgan.writer.writing import build_writing, draw

if TYPE_CHECKING:
    from tfmat.training.run import Run


def writes(network: keras.Model, batch_size: int) -> Write:
    """Returns a writing network as a function for :func:`tfmat.ccdcgan.writer.sampling.sample`.

    Args:
        network: From :func:`tfmat.ccdcgan.writer.writing.build_writing`.
        batch_size: Most rows of a call.
    """

    def write(choices: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        # Rows are repeated to full batches, since each new shape is compiled.
        made = network.predict_on_batch(np.resize(choices, (batch_size, choices.shape[1])))
        return {name: np.asarray(values)[: len(choices)] for name, values in made.items()}

    return write


def writing_network(
    run: Run, recipe: CcdcganRecipe, part: str = LIKELIHOOD
) -> tuple[keras.Model, list[list[int]]]:
    """Builds the network that writes crystals, of a run whose writer is trained.

    Args:
        run: The run.
        recipe: Its recipe.
        part: Which of its networks of probabilities.

    Returns:
        The network of :func:`tfmat.ccdcgan.writer.writing.build_writing`, and the compositions that
        go into the package's metadata.
    """
    known = WrittenFrom.open(run)
    numbers = tuple(atomic_numbers[symbol] for symbol in recipe.data.elements)
    network = build_writing(
        run.network(part), recipe.writer, vocabulary(recipe, numbers), known.limits
    )
    return network, known.compositions.tolist()


def build_whole(writing: keras.Model, compositions: Sequence[Sequence[int]]) -> keras.Model:
    """Builds the network from noise alone: the first number draws the composition.

    Args:
        writing: From compositions and noise to crystals.
        compositions: Atoms of each element, and the number of structures that have so many.

    Returns:
        A model from ``noise`` ``(batch, 1 + numbers)`` to the outputs of ``writing``.
    """
    table = np.asarray(compositions, np.int32)
    elements = table.shape[1] - 1
    noise = keras.Input((1 + writing.input_shape[1] - elements,), name="noise")
    counts = DrawComposition(table)(noise[:, 0])
    choices = ops.concatenate([counts, noise[:, 1:]], axis=1)
    inner: Any = keras.Model(writing.input, writing.output, name="writer")
    return keras.Model(noise, inner(choices), name="generate")


class DrawComposition(layers.Layer):
    """Maps normal numbers ``(batch,)`` to the atoms of each element ``(batch, elements)``, float32.

    Args:
        table: Atoms of each element, and the weight, shape ``(compositions, elements + 1)``.
    """

    def __init__(self, table: Any) -> None:
        super().__init__(name="composition", trainable=False)
        self._counts = table[:, :-1].astype(np.float32)
        self._logits = np.log(table[:, -1]).astype(np.float32)

    def call(self, normal: Any) -> Any:
        """Returns the compositions."""
        uniform = 0.5 + 0.5 * ops.erf(normal * float(np.sqrt(0.5)))
        chosen = draw(self._logits[None], ops.minimum(uniform, 1.0 - 1e-6))
        return ops.take(self._counts, chosen, axis=0)
