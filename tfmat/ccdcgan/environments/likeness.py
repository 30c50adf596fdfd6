"""Structures compared with those of like composition.

Energies of formation and scores differ more between compositions than between structures of one, so
that the best of all would be those of one composition. What has few peers is compared with its
neighbours in composition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal

# Share of atoms to be exchanged at which another composition counts 0.6 of a peer.
_WIDTH = 0.05


class LikeCompositions:
    """How much some structures are peers by composition.

    Two structures count as peers by exp(-½(d/0.05)²), where d is the share of atoms by which their
    compositions differ.

    Args:
        crystals: The structures.
        numbers: Atomic numbers of the system's elements.
    """

    def __init__(self, crystals: Sequence[Crystal], numbers: Sequence[int]) -> None:
        counts = np.array(
            [[np.count_nonzero(crystal.numbers == z) for z in numbers] for crystal in crystals],
            dtype=np.float64,
        ).reshape(len(crystals), len(numbers))
        shares = np.round(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), 9)
        kinds, self._kind = np.unique(shares, axis=0, return_inverse=True)
        apart = np.abs(kinds[:, None] - kinds[None]).sum(axis=2) / 2
        self._weights = np.exp(-0.5 * (apart / _WIDTH) ** 2)

    def mean(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the mean over the peers of each structure, itself included.

        Args:
            values: One for each structure, shape ``(n,)``.
        """
        kinds = len(self._weights)
        sums = self._weights @ np.bincount(self._kind, values, kinds)
        counts = self._weights @ np.bincount(self._kind, minlength=kinds)
        return np.asarray((sums / counts)[self._kind], dtype=np.float64)

    def ranks(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the share of its peers that each structure lies above, in 0 to 1.

        Args:
            values: One for each structure, shape ``(n,)``; of equal ones the earlier is lower.
        """
        order = np.argsort(values, kind="stable")
        kind = self._kind[order]
        ranks = np.empty(len(order))
        for number, weights in enumerate(self._weights):
            own = kind == number
            below = np.cumsum(weights[kind])
            # Half of itself is below: the middle of n peers has the rank 1/2.
            ranks[order[own]] = (below[own] - 0.5) / below[-1]
        return ranks
