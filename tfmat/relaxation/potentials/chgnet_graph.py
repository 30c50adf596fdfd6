"""Bonds and angles of many crystals at once, as index arrays: what CHGNet's layers work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.neighbours import neighbours

# Images are packed into one integer with their bond; no cell needs more of them than this.
_IMAGES = 1 << 10


@dataclass(frozen=True, eq=False)
class Graph:
    """Crystals as one graph; atoms are numbered through.

    A bond joins two atoms, in both directions; an angle lies between two bonds that leave one
    atom, both shorter than a second cutoff.

    Attributes:
        numbers: Atomic numbers, shape ``(atoms,)``.
        owners: Crystal of every atom, shape ``(atoms,)``.
        vectors: From the second atom of every bond to its first, Å, shape ``(bonds, 3)``.
        first: Atom at which the vector ends, shape ``(bonds,)``.
        second: Atom at which the vector starts, shape ``(bonds,)``.
        centres: Atom that a directed bond leaves, ascending, shape ``(directed,)``.
        neighbours: Atom that it reaches, shape ``(directed,)``.
        bonds: Bond of every directed bond, shape ``(directed,)``.
        short: Bonds below the second cutoff, shape ``(short,)``.
        corners: Atom of every angle, shape ``(angles,)``.
        left: Short bond (its number in ``short``) whose features the angle changes, likewise.
        right: The other short bond, likewise.
        left_sign: 1 where the left bond's vector ends at the corner, -1 where it starts there.
        right_sign: The same for the right bond.
    """

    numbers: NDArray[np.int64]
    owners: NDArray[np.int64]
    vectors: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    centres: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    bonds: NDArray[np.int64]
    short: NDArray[np.int64]
    corners: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    left_sign: NDArray[np.float32]
    right_sign: NDArray[np.float32]


def build_graph(crystals: Sequence[Crystal], cutoff: float, short_cutoff: float) -> Graph:
    """Finds the bonds and angles of crystals.

    Source: the graphs of CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023), Methods).

    Args:
        crystals: At least one.
        cutoff: Longest bond, Å.
        short_cutoff: Longest bond that makes angles, Å.
    """
    sizes = np.array([len(crystal) for crystal in crystals])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    parts = [neighbours(crystal, cutoff) for crystal in crystals]
    pairs = [len(part[0]) for part in parts]
    centres = np.concatenate([part[0] + start for part, start in zip(parts, offsets, strict=False)])
    reached = np.concatenate([part[1] + start for part, start in zip(parts, offsets, strict=False)])
    images = np.concatenate([part[2] for part in parts]).astype(np.int64)
    positions = np.concatenate([crystal.positions for crystal in crystals])
    lattices = np.stack([crystal.lattice for crystal in crystals])

    # Both directions of a bond get one key: the one from the lower atom; from an atom to its own
    # image, the one whose image is positive in its first component that is not zero.
    leading = np.sign(images @ np.array([_IMAGES**2, _IMAGES, 1]))
    forward = (centres < reached) | ((centres == reached) & (leading > 0))
    sign = np.where(forward, 1, -1)
    low = np.where(forward, centres, reached)
    high = np.where(forward, reached, centres)
    code = (images * sign[:, None] + _IMAGES // 2) @ np.array([_IMAGES**2, _IMAGES, 1])
    key = (low * offsets[-1] + high) * _IMAGES**3 + code
    _, representatives, bonds = np.unique(key, return_index=True, return_inverse=True)
    first, second = low[representatives], high[representatives]
    shifts = images[representatives] * sign[representatives, None]
    owners = np.repeat(np.arange(len(crystals)), sizes)
    crystal_of_bond = np.repeat(np.arange(len(crystals)), pairs)[representatives]
    vectors = (
        positions[first]
        - positions[second]
        - np.einsum("bi,bij->bj", shifts.astype(np.float64), lattices[crystal_of_bond])
    )
    lengths = np.linalg.norm(vectors, axis=1)
    short = np.flatnonzero(lengths < short_cutoff)
    number_in_short = np.full(len(lengths), -1)
    number_in_short[short] = np.arange(len(short))

    leaving = np.flatnonzero(number_in_short[bonds] >= 0)
    one, other = _pairs(centres[leaving])
    one, other = leaving[one], leaving[other]
    return Graph(
        numbers=np.concatenate([crystal.numbers for crystal in crystals]).astype(np.int64),
        owners=owners,
        vectors=vectors,
        first=first,
        second=second,
        centres=centres,
        neighbours=reached,
        bonds=bonds,
        short=short,
        corners=centres[one],
        left=number_in_short[bonds[one]],
        right=number_in_short[bonds[other]],
        left_sign=sign[one].astype(np.float32),
        right_sign=sign[other].astype(np.float32),
    )


def _pairs(groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns all ordered pairs of different places with the same number.

    Args:
        groups: Ascending numbers.
    """
    _, starts, counts = np.unique(groups, return_index=True, return_counts=True)
    partners = np.repeat(counts, counts)
    one = np.repeat(np.arange(len(groups)), partners)
    begin = np.repeat(starts, counts)
    ends = np.cumsum(partners)
    other = np.arange(len(one)) - np.repeat(ends - partners, partners) + np.repeat(begin, partners)
    different = one != other
    return one[different], other[different]
