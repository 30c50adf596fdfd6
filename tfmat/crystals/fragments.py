"""Whether a crystal hangs together, or is chains, sheets or clusters with nothing between them."""

from __future__ import annotations

import numpy as np
from ase.data.vdw_alvarez import vdw_radii
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.neighbours import neighbours

# Atoms within this many sums of their van der Waals radii touch: layered and molecular crystals
# hang together by such contacts. Among 4,000 structures of the Materials Project the number that
# does not is 336 at 0.9, 197 at 1.1, 173 at 1.2 and 171 at 1.3: what is left has real gaps.
TOUCHING = 1.25
# Of elements without a radius (Pm, Po, At, Rn, Fr, Ra, beyond Es), Å: as large as any other.
_UNKNOWN = 3.5
_WORDS = {0: "clusters", 1: "chains", 2: "sheets"}


def pieces(crystal: Crystal, touching: float = TOUCHING) -> list[int]:
    """Returns in how many directions each piece of a crystal is without end.

    Radii: Alvarez, Dalton Trans. 42, 8617 (2013), from ASE.

    Args:
        crystal: Any crystal.
        touching: Longest contact, in sums of two van der Waals radii.

    Returns:
        For each piece 0 (a cluster of atoms) to 3; ``[3]`` for a crystal without gaps, ``[3, 3]``
        for two networks through each other that nowhere touch.
    """
    radii = np.nan_to_num(vdw_radii[crystal.numbers], nan=_UNKNOWN)
    first, second, images, distance = neighbours(crystal, 2 * touching * float(radii.max()))
    near = distance <= touching * (radii[first] + radii[second])
    first, second, images = first[near], second[near], images[near]
    starts = np.searchsorted(first, np.arange(len(crystal) + 1))
    # A tree through each piece puts every atom of it into one cell.
    piece, cell = np.full(len(crystal), -1), np.zeros((len(crystal), 3))
    count = 0
    for start in range(len(crystal)):
        if piece[start] >= 0:
            continue
        piece[start], waiting = count, [start]
        while waiting:
            atom = waiting.pop()
            bonds = slice(starts[atom], starts[atom + 1])
            others, place = np.unique(second[bonds], return_index=True)
            for other, bond in zip(others.tolist(), place, strict=True):
                if piece[other] < 0:
                    piece[other] = count
                    cell[other] = cell[atom] + images[bonds][bond]
                    waiting.append(other)
        count += 1
    # A bond that ends in another cell than the tree does: the piece goes on that way for ever.
    loops = cell[first] + images - cell[second]
    return [_directions(loops[piece[first] == number]) for number in range(count)]


def _directions(loops: NDArray[np.float64]) -> int:
    return int(np.linalg.matrix_rank(np.unique(loops, axis=0))) if len(loops) else 0


def gaps(crystal: Crystal) -> str:
    """Says that a crystal is made of pieces with vacuum between them.

    Args:
        crystal: Any crystal.

    Returns:
        What the pieces are, e.g. ``"2 chains"``; ``""`` where the crystal hangs together.
    """
    found = pieces(crystal)
    apart = [size for size in found if size < 3]
    if not apart:
        return ""
    counts = {size: found.count(size) for size in sorted(set(apart))}
    return " and ".join(
        f"{count} {_WORDS[size] if count > 1 else _WORDS[size][:-1]}"
        for size, count in counts.items()
    )
