"""Neighbours of many crystals at once, gathered by pairs of atoms: what SevenNet's layers need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.neighbours import neighbours


@dataclass(frozen=True, eq=False)
class PairGraph:
    """Crystals as one graph; atoms are numbered through.

    A crystal of ``k`` atoms has ``k * k`` pairs, row by row: ``(receiver, sender)``. An edge is a
    neighbour within the cutoff, and belongs to the pair of its atoms; many images of an atom are
    many edges of one pair. Each edge stands for its reverse as well, which is not listed.

    Attributes:
        numbers: Atomic numbers, shape ``(atoms,)``.
        owners: Crystal of every atom, shape ``(atoms,)``.
        sizes: Atoms of every crystal, shape ``(crystals,)``.
        vectors: From the receiver of every edge to its sender, Å, shape ``(edges, 3)``.
        receivers: Atoms that receive, shape ``(edges,)``.
        senders: Atoms that send, shape ``(edges,)``.
        pairs: Pair of every edge, shape ``(edges,)``.
        reversed_pairs: Pair of its reverse, shape ``(edges,)``.
    """

    numbers: NDArray[np.int64]
    owners: NDArray[np.int64]
    sizes: NDArray[np.int64]
    vectors: NDArray[np.float64]
    receivers: NDArray[np.int64]
    senders: NDArray[np.int64]
    pairs: NDArray[np.int64]
    reversed_pairs: NDArray[np.int64]


def build_pairs(crystals: Sequence[Crystal], cutoff: float) -> PairGraph:
    """Finds the neighbours of crystals.

    Args:
        crystals: At least one.
        cutoff: Longest edge, Å.
    """
    sizes = np.array([len(crystal) for crystal in crystals], dtype=np.int64)
    first_atoms = np.cumsum(sizes) - sizes
    first_pairs = np.cumsum(sizes**2) - sizes**2
    parts = [_half(crystal, cutoff) for crystal in crystals]
    owners = np.repeat(np.arange(len(crystals)), [len(part[0]) for part in parts])
    receivers = np.concatenate([part[0] for part in parts])
    senders = np.concatenate([part[1] for part in parts])
    size = sizes[owners]
    return PairGraph(
        numbers=np.concatenate([crystal.numbers for crystal in crystals]).astype(np.int64),
        owners=np.repeat(np.arange(len(crystals)), sizes),
        sizes=sizes,
        vectors=np.concatenate([part[2] for part in parts]),
        receivers=receivers + first_atoms[owners],
        senders=senders + first_atoms[owners],
        pairs=first_pairs[owners] + receivers * size + senders,
        reversed_pairs=first_pairs[owners] + senders * size + receivers,
    )


def _half(
    crystal: Crystal, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Returns every edge in one of its two directions: receivers, senders and vectors."""
    first, second, images, _ = neighbours(crystal, cutoff)
    # From an atom to its own image: the one whose image is positive in its first component that
    # is not zero.
    leading = np.sign(images @ np.array([1e6, 1e3, 1.0]))
    one = (first < second) | ((first == second) & (leading > 0))
    first, second, images = first[one], second[one], images[one]
    vectors = crystal.positions[second] - crystal.positions[first] + images @ crystal.lattice
    return first, second, vectors
