"""Inputs of the networks that sources have, as they come up when structures are generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.sources import choices, compositions, slot_gan
from tfmat.ccdcgan.sources.contents import Contents

if TYPE_CHECKING:
    from tfmat.ccdcgan.codec import Codec

# A volume per atom in Å³ that most crystals have about.
_VOLUME = 18.0


def sources_inputs(codec: Codec, count: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Makes inputs: random compositions of one to three elements, half drawn; no prototypes.

    Args:
        codec: The package.
        count: Number of inputs for each part.
        seed: Seed of what is drawn.

    Returns:
        For each part that sources have an array ``(count, ...)``.
    """
    random = np.random.default_rng(seed)
    numbers, recipe = np.array(codec.layout.numbers), codec.recipe
    elements, most = len(numbers), recipe.data.max_atoms
    table = np.zeros((count, elements), np.int64)
    for row in range(count):
        kinds = random.choice(elements, min(elements, int(random.integers(1, 4))), replace=False)
        kinds = kinds[:most]
        table[row, kinds] = random.integers(1, most // len(kinds) + 1, len(kinds))
    chosen = np.zeros((count, elements))
    chosen[np.arange(count), random.integers(elements, size=count)] = 1
    contents = Contents.of_counts(table, numbers.tolist())
    layout = choices.Choices(most, choices.noise_length(recipe.prompted, most))
    row_of = np.zeros((count, layout.length), np.float32)
    part = layout.split(row_of)
    part["numbers"][:], part["counts"][:] = contents.numbers, contents.counts
    part["volume"][:] = _VOLUME * contents.sizes[:, None]
    part["temperature"][:] = recipe.pool.temperature
    part["noise"][:] = random.standard_normal((count, layout.noise))
    noise = random.standard_normal((count, recipe.slot_gan.noise))
    return {
        slot_gan.PART: np.concatenate([contents.counts, noise], axis=1, dtype=np.float32),
        compositions.PART: np.concatenate([table, chosen], axis=1).astype(np.float32),
        choices.PART: row_of,
    }
