"""Prototypes as the prompted writer sees them; needs no TensorFlow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.store import KnownCrystals
from tfmat.ccdcgan.sources.tokens import Cells, variants


def prompt_part(known: KnownCrystals, cells: Cells, rows: NDArray[np.intp]) -> NDArray[np.int32]:
    """Returns elements and cells of prototypes, zeros for the row -1; shape ``(n, 12)``."""
    there = (rows >= 0)[:, None]
    return np.asarray(
        np.concatenate([known.prototypes.contents.numbers[rows], cells.bins(rows)], axis=1) * there,
        np.int32,
    )


def first_places(known: KnownCrystals, row: int) -> NDArray[np.uint8]:
    """Returns the first row of places of a prototype; none where atoms fall into one bin."""
    own = all_places(known, row)
    return own[0] if len(own) else np.zeros((0, 3), np.uint8)


def all_places(known: KnownCrystals, row: int) -> NDArray[np.uint8]:
    """Returns all rows of places of a prototype."""
    counts = known.prototypes.contents.counts[row]
    return variants(known.prototypes.places(row), counts[counts > 0])
