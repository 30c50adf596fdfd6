"""The volume of a crystal from its composition alone: what cells are scaled to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from tfmat.ccdcgan.element_descriptors import HEAVIEST, properties
from tfmat.ccdcgan.sources.contents import Contents

_RIDGE = 5.0


@dataclass(frozen=True, eq=False)
class VolumeModel:
    """A ridge regression of the logarithm of the volume per atom.

    It sees the share of each element, mean and variance of the elements' properties, and the radius
    of a sphere of the atoms' mean covalent volume.

    Args:
        middle: Mean of each number that it sees, shape ``(features,)``.
        spread: Standard deviation of each.
        weights: Of each, and a constant, shape ``(features + 1,)``.
    """

    middle: NDArray[np.float64]
    spread: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def fit(cls, contents: Contents, volumes: NDArray[np.float64]) -> VolumeModel:
        """Fits the regression.

        Args:
            contents: Contents of cells.
            volumes: Volume per atom of each, in Å³, shape ``(n,)``.
        """
        seen = _features(contents)
        middle, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
        rows = np.column_stack([(seen - middle) / spread, np.ones(len(seen))])
        penalty = np.full(rows.shape[1], _RIDGE)
        penalty[-1] = 0  # the mean is free
        square = rows.T @ rows + np.diag(penalty)
        return cls(middle, spread, np.linalg.solve(square, rows.T @ np.log(volumes)))

    def predict(self, contents: Contents) -> NDArray[np.float64]:
        """Returns the volume per atom of cells, in Å³, shape ``(n,)``."""
        seen = (_features(contents) - self.middle) / self.spread
        return np.asarray(np.exp(seen @ self.weights[:-1] + self.weights[-1]))


def _features(contents: Contents) -> NDArray[np.float64]:
    shares = contents.fractions()
    table = properties()
    mean = shares @ table
    variance = np.maximum(shares @ table**2 - mean**2, 0)
    sphere = np.cbrt(shares @ covalent_radii[: HEAVIEST + 1] ** 3)
    more = [sphere, mean[:, 0] * mean[:, 1], np.sqrt(variance[:, 0]), mean[:, 1] ** 3]
    return np.column_stack([shares, mean, variance, *more])
