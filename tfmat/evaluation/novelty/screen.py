"""Which known structures of one composition might match a given one: a lossless sieve.

After the lattices (:mod:`tfmat.evaluation.novelty.lattices`) come the atoms. For a basis that
resembles the known cell, StructureMatcher lays both structures on their average lattice, moves one
so that an atom falls on one of the other, pairs the atoms by the least sum of squares, moves the
pairs' mean onto zero, and accepts if no pair is then further apart than S = stol (V / N)^(1/3).

What follows from acceptance, whatever the pairing was: let v_i be the vectors between the atoms of
the pairs and m their mean, so |v_i - m| <= S. Take any one atom (the anchor) and lay it on its
partner: the other pairs are then at v_i - w, where w is the anchor's vector, and
|v_i - w| <= |v_i - m| + |m - w| <= 2 S. So a structure can be left out if there is no basis, and no
atom of the anchor's element to lay the anchor on, for which every atom has an atom of its element
within 2 S. Where every atom has exactly one, the pairing is known, and the structure can also be
left out if the pairing is not one to one, or a pair is further apart than S after the mean was
taken away. Everything else goes to pymatgen itself, which alone says that structures match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.matching import SITE_TOLERANCE
from tfmat.crystals.reduced_cells import Cell
from tfmat.evaluation.novelty.lattices import SLACK, LatticeTree, Mappings, unit_lattice

# Lattice mappings that are looked at together: few at first, as the nearest often match already.
_FIRST_BLOCK, _BLOCK = 128, 4096
# Distances computed at once.
_DISTANCES = 400_000


class Screen:
    """Known cells of one composition and one number of atoms, to be asked what might match.

    Args:
        cells: The cells; all hold the same atoms.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        numbers, counts = np.unique(cells[0].numbers, return_counts=True)
        # The rarest element first: its atoms are the anchors.
        rank = np.argsort(counts, kind="stable")
        self._place = {int(numbers[index]): place for place, index in enumerate(rank)}
        self._ends = np.cumsum(counts[rank])
        self._fractional = np.stack([self._sorted(cell) for cell in cells])
        self._tree = LatticeTree([unit_lattice(cell.lattice) for cell in cells])

    def __len__(self) -> int:
        return len(self._fractional)

    def candidates(self, cell: Cell, allowed: NDArray[np.bool_] | None = None) -> Iterator[int]:
        """Yields the known cells that might match, nearest lattices first.

        Args:
            cell: A cell with the same atoms as the known ones.
            allowed: Which known cells are asked for, shape ``(n,)``; all by default.
        """
        mappings = self._tree.mappings(unit_lattice(cell.lattice), allowed)
        # Determinants are 1 or -1: the inverse of a basis is whole.
        inverses = np.round(np.linalg.inv(mappings.bases))
        fractional = self._sorted(cell)
        start, size = 0, _FIRST_BLOCK
        while start < len(mappings):
            end = min(start + size, len(mappings))
            # All mappings onto a known cell belong to one block.
            while end < len(mappings) and mappings.known[end] == mappings.known[end - 1]:
                end += 1
            block = Mappings(
                mappings.known[start:end],
                mappings.bases[start:end],
                mappings.parameters[start:end],
            )
            yield from self._possible(block, fractional @ inverses[start:end])
            start, size = end, _BLOCK

    def _sorted(self, cell: Cell) -> NDArray[np.float64]:
        places = [self._place[int(number)] for number in cell.numbers]
        return cell.fractional[np.argsort(places, kind="stable")]

    def _possible(self, mappings: Mappings, turned: NDArray[np.float64]) -> list[int]:
        """Returns the known cells that stay.

        Args:
            mappings: A block of mappings.
            turned: Fractional positions of the given cell in the basis of each.
        """
        known = mappings.known
        average = (self._tree.parameters[known] + mappings.parameters) / 2
        metric = _metric(average)
        volume = np.sqrt(np.maximum(np.linalg.det(metric), 0))
        atoms = self._fractional.shape[1]
        limit = SITE_TOLERANCE * (volume / atoms) ** (1 / 3)
        # Planes of the average lattice are so far apart; a vector within 2 S is the one that
        # rounding finds if this is less than half of the distance, else neighbours count, too.
        spacing = 1 / np.linalg.norm(np.linalg.inv(np.linalg.cholesky(metric)), axis=1)
        reach = 2 * limit[:, None] * (1 + SLACK) / spacing
        pattern = reach >= 0.5
        stays = set(known[(reach >= 1.5).any(axis=1)].tolist())
        codes = pattern @ (1, 2, 4)
        for code in np.unique(codes):
            chosen = np.flatnonzero(codes == code)
            images = np.array(
                list(product(*((-1, 0, 1) if code >> axis & 1 else (0,) for axis in range(3)))),
                dtype=np.float64,
            )
            entries = max(1, _DISTANCES // (2 * self._ends[0] * atoms * len(images)))
            for start in range(0, len(chosen), entries):
                part = chosen[start : start + entries]
                part = part[~np.isin(known[part], list(stays))]
                if not len(part):
                    continue
                left = self._fits(known[part], turned[part], metric[part], limit[part], images)
                stays.update(known[part[left]].tolist())
        return [k for k in dict.fromkeys(known.tolist()) if k in stays]

    def _fits(
        self,
        known: NDArray[np.intp],
        turned: NDArray[np.float64],
        metric: NDArray[np.float64],
        limit: NDArray[np.float64],
        images: NDArray[np.float64],
    ) -> NDArray[np.intp]:
        """Returns the mappings under which every atom may have a partner.

        Args:
            known: Number of the known cell, shape ``(mappings,)``.
            turned: Positions of the given cell, shape ``(mappings, atoms, 3)``.
            metric: Metric tensors of the average lattice, shape ``(mappings, 3, 3)``.
            limit: S, shape ``(mappings,)``.
            images: Whole vectors that are tried beside the one that rounding finds.
        """
        anchors = int(self._ends[0])
        # A basis and its negative, and each move of the anchor.
        entry, sign, anchor = (
            grid.ravel()
            for grid in np.meshgrid(
                np.arange(len(known)), np.array([1.0, -1.0]), np.arange(anchors), indexing="ij"
            )
        )
        reach = (2 * limit * (1 + SLACK)) ** 2
        shift = sign[:, None] * turned[entry, anchor] - self._fractional[known[entry], 0]
        atoms = self._fractional.shape[1]
        vectors = np.zeros((len(entry), atoms, 3))
        partners = np.zeros((len(entry), atoms), dtype=np.intp)
        certain = np.ones(len(entry), dtype=bool)
        first = 0
        for end in self._ends:
            for atom in range(first, end):
                here = self._fractional[known[entry], atom] + shift
                delta = sign[:, None, None] * turned[entry, first:end] - here[:, None]
                delta -= np.round(delta)
                delta = (delta[:, :, None] + images).reshape(len(entry), -1, 3)
                square = ((delta @ metric[entry]) * delta).sum(axis=-1)
                near = square <= reach[entry][:, None]
                count = near.sum(axis=1)
                pick = near.argmax(axis=1)
                vectors[:, atom] = delta[np.arange(len(entry)), pick]
                partners[:, atom] = first + pick // len(images)
                certain &= count <= 1
                keep = count > 0
                if not keep.all():
                    entry, sign, shift = entry[keep], sign[keep], shift[keep]
                    vectors, partners, certain = vectors[keep], partners[keep], certain[keep]
                if not len(entry):
                    return np.asarray(entry)
            first = int(end)
        bijective = (np.sort(partners, axis=1) == np.arange(atoms)).all(axis=1)
        vectors -= vectors.mean(axis=1, keepdims=True)
        square = ((vectors @ metric[entry]) * vectors).sum(axis=-1).max(axis=1)
        within = square <= (limit[entry] * (1 + SLACK)) ** 2
        return np.unique(entry[~certain | (bijective & within)])


def _metric(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the metric tensors of lattices given by lengths and angles (degrees)."""
    lengths = parameters[:, :3]
    alpha, beta, gamma = np.cos(np.radians(parameters[:, 3:])).T
    one = np.ones_like(alpha)
    cosines = np.stack([one, gamma, beta, gamma, one, alpha, beta, alpha, one], axis=1)
    return cosines.reshape(-1, 3, 3) * lengths[:, :, None] * lengths[:, None]
