"""The metrics of an autoencoder: atoms that come back, cells that come back.

The mean squared error says nothing: an output without any atom scores 2.9e-5 for each atom of a
64³ voxel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from tfmat.ccdcgan.voxels.cell import parameters
from tfmat.ccdcgan.voxels.decode import decode_channels, decoder
from tfmat.ccdcgan.voxels.frame import cell_positions
from tfmat.ccdcgan.voxels.lattice import decode_lattice
from tfmat.ccdcgan.voxels.reasons import DecodeError
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.metric import Judge, Metric, Tolerance, mean, share

# An atom counts as found if one is decoded at most this far away, in Å.
TOLERANCE = 0.5
# From so many atoms of one element on, channels are counted by themselves: they are lost first.
CROWDED = 9


@dataclass
class AtomCount:
    """Counts atoms over any number of channels.

    Args:
        true: Atoms that are there.
        decoded: Atoms that were decoded.
        matched: Pairs of both within the tolerance, each atom in one pair at most.
        square_distance: Sum of the squared distances of the pairs, in Å².
    """

    true: int = 0
    decoded: int = 0
    matched: int = 0
    square_distance: float = 0.0

    def add(
        self,
        true: NDArray[np.float64],
        decoded: NDArray[np.float64],
        tolerance: float = TOLERANCE,
        lattice: NDArray[np.float64] | None = None,
    ) -> bool:
        """Pairs the atoms of one channel so that most pairs lie within the tolerance.

        Args:
            true: Positions in Å, shape ``(n, 3)``.
            decoded: Positions in Å, shape ``(m, 3)``, with the same origin.
            tolerance: Largest distance of a pair, in Å.
            lattice: Cell vectors as rows, in Å, where atoms may come back in another cell.

        Returns:
            Whether all atoms came back, and no others.
        """
        self.true += len(true)
        self.decoded += len(decoded)
        if not len(true) or not len(decoded):
            return len(true) == len(decoded)
        distances = cdist(true, decoded) if lattice is None else _nearest(true, decoded, lattice)
        # A pair beyond the tolerance costs more than all good ones together: first as many pairs
        # as can be, then the nearest.
        useless = (len(true) + 1) * tolerance**2
        cost = np.where(distances <= tolerance, distances**2, useless)
        rows, columns = linear_sum_assignment(cost)
        pairs = distances[rows, columns]
        pairs = pairs[pairs <= tolerance]
        self.matched += len(pairs)
        self.square_distance += float(np.sum(pairs**2))
        return len(pairs) == len(true) == len(decoded)

    @property
    def recall(self) -> float:
        """Share of the true atoms that were decoded; NaN without atoms."""
        return self.matched / self.true if self.true else float("nan")

    @property
    def precision(self) -> float:
        """Share of the decoded atoms that are true; NaN if none was decoded."""
        return self.matched / self.decoded if self.decoded else float("nan")

    @property
    def rms(self) -> float:
        """Root mean square distance of the pairs, in Å; NaN without pairs."""
        return float(np.sqrt(self.square_distance / self.matched)) if self.matched else float("nan")

    def metrics(self, of: str, judge: Judge) -> list[Metric]:
        """Returns recall, precision and root mean square distance.

        Args:
            of: What the atoms are of, for the notes.
            judge: What decoded them.
        """
        more: dict[str, Any] = {"tolerance": Tolerance(TOLERANCE, "Å"), "judge": judge}
        note = f"{self.true} atoms of {of}, within {TOLERANCE} Å"
        return [
            share("atom_recall", self.matched, self.true, f"share of {note}", **more),
            share(
                "atom_precision",
                self.matched,
                self.decoded,
                f"share of {self.decoded} decoded atoms; {note}",
                **more,
            ),
            Metric(
                "atom_rms",
                self.rms,
                "Å",
                denominator=self.matched,
                note=f"of {self.matched} matched atoms; {note}",
                **more,
            ),
        ]


def _nearest(
    first: NDArray[np.float64], second: NDArray[np.float64], lattice: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns distances of the nearest images of two sets of atoms of a reduced cell, in Å."""
    apart = (first[:, None] - second) @ np.linalg.inv(lattice)
    return np.asarray(np.linalg.norm((apart - np.round(apart)) @ lattice, axis=-1))


def atom_metrics(
    true: list[NDArray[np.float64]],
    voxels: NDArray[np.float32],
    spec: VoxelSpec,
    lattices: list[NDArray[np.float64]],
) -> list[Metric]:
    """Measures reconstructed sites voxels by their atoms.

    Args:
        true: Positions relative to the middle of the voxel, shape ``(atoms, 3)`` each.
        voxels: Reconstructions, shape ``(n, grid, grid, grid)``.
        spec: Frame, grid and width.
        lattices: Cell vectors of the structures of these channels, in Å.

    Returns:
        Recall, precision and root mean square distance, share of channels of which all atoms came
        back and no others, and of those with many atoms.
    """
    count = AtomCount()
    exact = []
    for one, other, lattice in zip(true, decode_channels(voxels, spec), lattices, strict=True):
        pair = cell_positions(one, lattice, spec), cell_positions(other, lattice, spec)
        exact.append(count.add(*pair, lattice=None if spec.frame == "box" else lattice))
    what = f"{len(true)} held-out channels"
    crowded = [good for good, atoms in zip(exact, true, strict=True) if len(atoms) >= CROWDED]
    note = f"share of {what} of which all atoms came back and no others"
    more: dict[str, Any] = {"tolerance": Tolerance(TOLERANCE, "Å"), "judge": decoder()}
    return [
        *count.metrics(what, decoder()),
        share("channels_exact", sum(exact), len(exact), note, **more),
        share(
            "crowded_channels_exact",
            sum(crowded),
            len(crowded),
            f"the same of the {len(crowded)} with {CROWDED} atoms or more",
            **more,
        ),
    ]


def lattice_errors(
    true: list[NDArray[np.float64]], voxels: NDArray[np.float32], spec: VoxelSpec
) -> list[Metric]:
    """Measures reconstructed lattice voxels by the cells that they decode to.

    Args:
        true: Cell vectors as rows in Å, shape ``(3, 3)`` each.
        voxels: Reconstructions, shape ``(n, grid, grid, grid)``.
        spec: Grid and width.

    Returns:
        Share of cells decoded, mean relative error of the lengths and mean error of the angles.
    """
    lengths, angles = [], []
    for lattice, voxel in zip(true, voxels, strict=True):
        wanted = parameters(lattice)
        try:
            found = parameters(decode_lattice(voxel, spec))
        except DecodeError:
            continue
        lengths.append(np.abs(found[:3] / wanted[:3] - 1).mean())
        angles.append(np.abs(found[3:] - wanted[3:]).mean())
    note = f"{len(true)} held-out lattice voxels"
    judge = decoder()
    return [
        share("lattice_decoded", len(lengths), len(true), f"share of {note}", judge=judge),
        mean(
            "lattice_length_error",
            lengths,
            "1",
            f"mean relative error of a, b, c; {note}",
            judge=judge,
        ),
        mean(
            "lattice_angle_error",
            angles,
            "degree",
            f"mean error of the angles; {note}",
            judge=judge,
        ),
    ]
