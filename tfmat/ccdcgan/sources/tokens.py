"""Crystals of any elements as rows of whole numbers, beside the prototype that they are like.

A row holds which elements there are, how many atoms of each, the cell, and the places of the atoms;
then the same of a prototype with the same counts, zeros where there is none::

    numbers (5) | counts (5) | cell (7) | x y z of each atom
    | numbers (5) | cell (7) | x y z of each atom

The cell is space group, volume against the predicted one, b/a, c/b and the angles. One atom of the
first slot is the origin; the atoms are ordered by slot, x, y, z. So each atom of that slot, with
the crystal or its inverted image, gives a row of equal right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.ccdcgan.writer.tokens import ANGLE_STEP, ANGLES, BINS, SMALLEST

# Logarithm of the volume over the predicted one: its bins' width, and the bin of 0.
VOLUME_STEP, VOLUME_ZERO, VOLUMES = 0.03, 40, 81
# Logarithm of b/a and of c/b, which are not negative in a reduced cell.
RATIO_STEP, RATIOS = 0.0125, 128
SPACE_GROUPS = 231
CELL_BINS = (SPACE_GROUPS, VOLUMES, RATIOS, RATIOS, ANGLES, ANGLES, ANGLES)
NUMBERS = len(CELL_BINS)
# Of the part of a row before the atoms, and between them and those of the prototype.
BEFORE, BETWEEN = 2 * SLOTS + NUMBERS, SLOTS + NUMBERS


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells as the writer's tokens see them.

    Args:
        groups: Space groups, shape ``(n,)``.
        logarithms: Of volume over predicted volume, of b/a, of c/b; shape ``(n, 3)``.
        angles: In degrees, shape ``(n, 3)``.
    """

    groups: NDArray[np.uint8]
    logarithms: NDArray[np.float64]
    angles: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        lattices: NDArray[np.float32],
        groups: NDArray[np.uint8],
        volumes: NDArray[np.float64],
    ) -> Cells:
        """Describes reduced cells.

        Args:
            lattices: Cell vectors in Å, shape ``(n, 3, 3)``.
            groups: Space groups, shape ``(n,)``.
            volumes: Predicted volumes of the cells in Å³, shape ``(n,)``.
        """
        cells = lattices.astype(np.float64)
        metric = cells @ cells.transpose(0, 2, 1)
        lengths = np.sqrt(np.diagonal(metric, axis1=1, axis2=2))
        pairs = np.array([[1, 2], [0, 2], [0, 1]])
        cosines = metric[:, pairs[:, 0], pairs[:, 1]] / lengths[:, pairs].prod(axis=2)
        ratios = lengths[:, 1:] / lengths[:, :-1]
        sizes = np.abs(np.linalg.det(cells)) / volumes
        logarithms = np.log(np.column_stack([sizes, ratios]))
        return cls(groups, logarithms, np.degrees(np.arccos(np.clip(cosines, -1, 1))))

    def bins(
        self, rows: NDArray[np.intp] | slice, shift: NDArray[np.float64] | float = 0.0
    ) -> NDArray[np.int32]:
        """Returns the bins of some cells, shape ``(n, 7)``; the nearest there are.

        Args:
            rows: Which cells.
            shift: Added to the logarithm of the volume.
        """
        logs, angles = self.logarithms[rows], self.angles[rows]
        found = np.column_stack(
            [
                self.groups[rows],
                np.rint((logs[:, 0] + shift) / VOLUME_STEP) + VOLUME_ZERO,
                np.rint(logs[:, 1:] / RATIO_STEP),
                np.rint((angles - SMALLEST) / ANGLE_STEP),
            ]
        )
        return np.asarray(np.clip(found, 0, np.array(CELL_BINS) - 1), np.int32)


def cell_values(bins: NDArray[np.integer]) -> NDArray[np.float64]:
    """Returns the middle of bins: the three logarithms and the angles in degrees, ``(n, 6)``."""
    logs = np.column_stack([(bins[:, 1:2] - VOLUME_ZERO) * VOLUME_STEP, bins[:, 2:4] * RATIO_STEP])
    return np.column_stack([logs, SMALLEST + ANGLE_STEP * bins[:, 4:]])


def variants(fractional: NDArray[np.float64], counts: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Returns all rows of places of one crystal, each once.

    Args:
        fractional: Fractional coordinates, slot by slot, shape ``(atoms, 3)``.
        counts: Atoms of each slot.

    Returns:
        Bins, shape ``(variants, atoms, 3)``, in the order of their bytes; none where two atoms fall
        into one bin.
    """
    slots = np.repeat(np.arange(len(counts)), counts)
    moved = fractional[None] - fractional[: int(counts[0]), None]
    moved = np.concatenate([moved, -moved])
    bins = np.rint(moved * BINS).astype(np.int64) % BINS
    key = ((slots * BINS + bins[..., 0]) * BINS + bins[..., 1]) * BINS + bins[..., 2]
    order = np.argsort(key, axis=1, kind="stable")
    key = np.take_along_axis(key, order, axis=1)
    distinct = (np.diff(key, axis=1) > 0).all(axis=1)
    rows = np.take_along_axis(bins, order[..., None], axis=1)[distinct].astype(np.uint8)
    return np.unique(rows, axis=0) if len(rows) else rows


def nearest_variant(rows: NDArray[np.uint8], like: NDArray[np.uint8]) -> int:
    """Returns which of a crystal's rows of places is nearest to one of another crystal.

    Args:
        rows: Shape ``(variants, atoms, 3)``.
        like: Shape ``(atoms, 3)``.
    """
    apart = np.abs(rows.astype(np.int16) - like)
    return int(np.minimum(apart, BINS - apart).sum(axis=(1, 2)).argmin())


def padded(places: Sequence[NDArray[np.uint8]], atoms: int) -> NDArray[np.int32]:
    """Returns rows of places with zeros behind the last atom, shape ``(n, 3 * atoms)``.

    Args:
        places: Bins of each crystal, shape ``(own atoms, 3)``; may be none.
        atoms: How many atoms a row has room for.
    """
    found = np.zeros((len(places), 3 * atoms), np.int32)
    for row, place in enumerate(places):
        found[row, : place.size] = place.reshape(-1)
    return found
