"""The networks of a trained writer, as a model package holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.writer.sampling import Write
from tfmat.ccdcgan.writer.training import LIKELIHOOD, WrittenFrom, vocabulary
from tfmat.ccdcgan.writer.writing import build_writing

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
