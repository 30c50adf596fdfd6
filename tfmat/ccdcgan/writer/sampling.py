"""Crystals from compositions and noise, with any form of the writing network.

Where no place is left for an atom, the crystal is begun again with the same composition and further
noise, so that what is hard to write is not rarer than among the training structures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.writer.tokens import Tokens
from tfmat.crystals.crystal import Crystal

# From compositions and noise to what the writing network gives, by name.
Write = Callable[[NDArray[np.float32]], dict[str, NDArray[Any]]]
# Outputs of the network that say what a crystal is.
ARRAYS = ("lattice", "fractional", "numbers")
# Crystals that are written at once.
BATCH = 64


def sample(
    noise: NDArray[np.float32], counts: NDArray[np.int32], write: Write, batch_size: int = BATCH
) -> tuple[Tokens, list[Crystal | None]]:
    """Writes crystals.

    Args:
        noise: Standard normal numbers, shape ``(n, attempts, numbers)``.
        counts: Atoms of each element, shape ``(n, elements)``.
        write: The network of :func:`tfmat.ccdcgan.writer.writing.build_writing`, or its ONNX form.
        batch_size: Crystals that are written at once; those of like size are together.

    Returns:
        Rows of tokens ``(n, row)``, and the crystals; ``None``, and zeros behind the composition,
        where no attempt found a place for every atom.
    """
    crystals: list[Crystal | None] = [None] * len(counts)
    tokens: Tokens | None = None
    waiting = np.argsort(counts.sum(axis=1), kind="stable")
    for attempt in range(noise.shape[1]):
        missing = []
        for start in range(0, len(waiting), batch_size):
            rows = waiting[start : start + batch_size]
            made = write(np.concatenate([counts[rows], noise[rows, attempt]], axis=1, dtype="f4"))
            if tokens is None:
                tokens = np.zeros((len(counts), made["tokens"].shape[1]), np.int32)
                tokens[:, : counts.shape[1]] = counts
            good = np.asarray(made["written"])
            tokens[rows[good]] = np.asarray(made["tokens"])[good]
            for place in np.flatnonzero(good):
                arrays = (made[name][place] for name in ARRAYS)
                crystals[rows[place]] = crystal_of(*arrays)
            missing.append(rows[~good])
        waiting = np.concatenate(missing)
        if not len(waiting):
            break
    assert tokens is not None  # noqa: S101
    return tokens, crystals


def crystal_of(lattice: Any, fractional: Any, numbers: Any) -> Crystal:
    """Returns the crystal that one row of the network's outputs describes.

    Args:
        lattice: Cell vectors in Å, shape ``(3, 3)``.
        fractional: Fractional coordinates, shape ``(max_atoms, 3)``.
        numbers: Atomic numbers, 0 behind the last atom, shape ``(max_atoms,)``.
    """
    kinds = np.asarray(numbers)
    cell = np.asarray(lattice, np.float64)
    places = np.asarray(fractional, np.float64)[kinds > 0]
    return Crystal(cell, places @ cell, kinds[kinds > 0].astype(np.uint8))
