"""The space groups of known crystals: those that the data say, else those that are found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.symmetry import space_group
from tfmat.progress import Progress

_LAST = 230


def space_groups(
    crystals: Sequence[Crystal], given: ArrayLike | None, symprec: float
) -> NDArray[np.uint8]:
    """Returns the numbers of the space groups of crystals.

    Args:
        crystals: The crystals.
        given: Numbers that the data say, NaN where unknown; ``None`` where they say none.
        symprec: Tolerance of those that are found, in Å.

    Returns:
        Shape ``(n,)``; 1 where no symmetry is found.
    """
    found = np.zeros(len(crystals))
    if given is not None:
        found = np.nan_to_num(np.array(given, np.float64))
    missing = np.flatnonzero((found < 1) | (found > _LAST))
    with Progress("finding space groups", len(missing), "structure") as progress:
        for place in missing.tolist():
            found[place] = max(1, space_group(crystals[place], symprec)[1])
            progress.update()
    return found.astype(np.uint8)
