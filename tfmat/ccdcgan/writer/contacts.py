"""How near atoms come to each other in real crystals, by pairs of elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from tfmat.ccdcgan.writer.masks import SHIFTS
from tfmat.crystals.crystal import Crystal

# Share of the crystals whose shortest contact lies below the limit: those of wrong data do.
QUANTILE = 0.005


def contact_limits(
    crystals: Sequence[Crystal], numbers: Sequence[int], quantile: float = QUANTILE
) -> NDArray[np.float64]:
    """Returns the least distance that atoms of two elements may have.

    Args:
        crystals: Real crystals in reduced cells.
        numbers: Atomic numbers of the elements.
        quantile: Of the shortest contacts of the crystals that hold a pair.

    Returns:
        Distances in Å, shape ``(elements, elements)``, symmetric. For pairs that no crystal holds,
        the sum of the covalent radii in the smallest proportion of those that some do.
    """
    shortest = np.array([shortest_contacts(crystal, numbers) for crystal in crystals])
    seen = np.isfinite(shortest)
    limits = np.full(shortest.shape[1:], np.inf)
    for first, second in np.argwhere(seen.any(axis=0)):
        limits[first, second] = np.quantile(
            shortest[seen[:, first, second], first, second], quantile
        )
    radii = covalent_radii[list(numbers)]
    sums = radii[:, None] + radii
    return np.where(np.isfinite(limits), limits, sums * (limits / sums).min())


def shortest_contacts(crystal: Crystal, numbers: Sequence[int]) -> NDArray[np.float64]:
    """Returns the shortest distance between atoms of each two elements, images included.

    Args:
        crystal: A crystal in a reduced cell.
        numbers: Atomic numbers of the elements.

    Returns:
        Distances in Å, shape ``(elements, elements)``; infinite where an element is missing.
    """
    fractional = np.linalg.solve(crystal.lattice.T, crystal.positions.T).T
    difference = fractional[:, None] - fractional
    difference -= np.round(difference)
    images = (difference[:, :, None] + SHIFTS) @ crystal.lattice
    distances = np.linalg.norm(images, axis=-1)
    itself = np.flatnonzero((SHIFTS == 0).all(axis=1))
    distances[np.arange(len(crystal)), np.arange(len(crystal)), itself] = np.inf
    nearest = distances.min(axis=-1)
    found = np.full((len(numbers), len(numbers)), np.inf)
    for first, one in enumerate(numbers):
        for second, other in enumerate(numbers):
            pairs = nearest[crystal.numbers == one][:, crystal.numbers == other]
            if pairs.size:
                found[first, second] = pairs.min()
    return found
