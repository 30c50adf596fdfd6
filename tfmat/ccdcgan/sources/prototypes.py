"""Known crystals as prototypes: the nearest chemistry with the same counts, elements exchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.element_descriptors import unlikeness
from tfmat.ccdcgan.sources.contents import SLOTS, Contents, contents_of
from tfmat.crystals.crystal import Crystal

# Prototypes and cells that are compared at once.
_AT_ONCE = 4_000_000
# Far less than two elements' unlikeness; it decides between equals.
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Crystals whose atoms lie in the order of their contents' slots.

    Args:
        ids: Identifiers in the data that they come from.
        contents: Their contents.
        lattices: Cell vectors in Å, shape ``(n, 3, 3)``, float32.
        fractional: Fractional coordinates of all atoms, shape ``(atoms, 3)``, float32.
        offsets: Where each crystal's atoms begin, shape ``(n + 1,)``.
    """

    ids: Sequence[str]
    contents: Contents
    lattices: NDArray[np.float32]
    fractional: NDArray[np.float32]
    offsets: NDArray[np.int64]
    _groups: dict[int, NDArray[np.intp]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        patterns = self.contents.patterns()
        order = np.argsort(patterns, kind="stable")
        kinds, starts = np.unique(patterns[order], return_index=True)
        for kind, rows in zip(kinds.tolist(), np.split(order, starts[1:]), strict=True):
            self._groups[kind] = rows

    def __len__(self) -> int:
        return len(self.contents)

    @classmethod
    def of(cls, ids: Sequence[str], crystals: Sequence[Crystal]) -> Prototypes:
        """Takes crystals of at most :data:`~tfmat.ccdcgan.sources.contents.SLOTS` elements.

        Args:
            ids: Their identifiers.
            crystals: Crystals in reduced cells.
        """
        contents = contents_of(crystals)
        slot_of = np.zeros((len(crystals), 256), np.uint8)
        rows = np.arange(len(crystals))
        for slot in reversed(range(SLOTS)):
            slot_of[rows, contents.numbers[:, slot]] = slot
        places = []
        for row, crystal in enumerate(crystals):
            order = np.argsort(slot_of[row][crystal.numbers], kind="stable")
            fractional = np.linalg.solve(crystal.lattice.T, crystal.positions.T).T[order]
            places.append(fractional - np.floor(fractional))
        return cls(
            list(ids),
            contents,
            np.array([crystal.lattice for crystal in crystals], np.float32).reshape(-1, 3, 3),
            np.concatenate(places).astype(np.float32) if places else np.zeros((0, 3), np.float32),
            np.concatenate([[0], np.cumsum(contents.sizes)]).astype(np.int64),
        )

    def places(self, row: int) -> NDArray[np.float64]:
        """Returns the fractional coordinates of a prototype's atoms, slot by slot."""
        return self.fractional[self.offsets[row] : self.offsets[row + 1]].astype(np.float64)

    def volumes(self) -> NDArray[np.float64]:
        """Returns the volume per atom of each, in Å³, shape ``(n,)``."""
        cells = np.abs(np.linalg.det(self.lattices.astype(np.float64)))
        return np.asarray(cells / self.contents.sizes)

    def nearest(
        self,
        wanted: Contents,
        count: int,
        barred: NDArray[np.int64] | None = None,
        labels: NDArray[np.int64] | None = None,
    ) -> NDArray[np.intp]:
        """Finds the prototypes of the same counts whose elements are most alike.

        Unlike are elements by the squared distance of their descriptors, slot by slot.

        Args:
            wanted: Contents that a prototype is wanted for.
            count: How many for each.
            barred: For each content a label whose prototypes are left out, shape ``(n,)``.
            labels: Labels of the prototypes, shape ``(len(self),)``.

        Returns:
            Rows, the nearest first, shape ``(n, count)``; -1 behind the last that there is.
        """
        table = unlikeness()
        found = np.full((len(wanted), count), -1, np.intp)
        patterns = wanted.patterns()
        for pattern in np.unique(patterns).tolist():
            known = self._groups.get(pattern)
            asking = np.flatnonzero(patterns == pattern)
            if known is None:
                continue
            slots = np.flatnonzero(wanted.counts[asking[0]])
            step = max(1, _AT_ONCE // len(known))
            for start in range(0, len(asking), step):
                some = asking[start : start + step]
                far = np.zeros((len(some), len(known)), np.float32)
                for slot in slots:
                    mine, theirs = wanted.numbers[some, slot], self.contents.numbers[known, slot]
                    far += table[mine][:, theirs]
                if barred is not None and labels is not None:
                    far[labels[known][None] == barred[some, None]] = np.inf
                first = _smallest(far, count)
                rows = np.where(
                    np.isfinite(np.take_along_axis(far, first, axis=1)), known[first], -1
                )
                found[some, : rows.shape[1]] = rows
        return found

    def crystal(self, row: int, numbers: NDArray[np.uint8], volume: float) -> Crystal:
        """Returns a prototype with other elements, its cell scaled.

        Args:
            row: Which prototype.
            numbers: Atomic numbers of the atoms, slot by slot.
            volume: Volume per atom, in Å³.
        """
        lattice = self.lattices[row].astype(np.float64)
        factor = (volume * len(numbers) / abs(np.linalg.det(lattice))) ** (1 / 3)
        lattice = lattice * factor
        return Crystal(lattice, self.places(row) @ lattice, numbers)


def _smallest(values: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Returns the places of the smallest values of each row, ascending; of equal ones the first."""
    values = values + _TIE * np.arange(values.shape[1])
    if count < values.shape[1]:
        some = np.sort(np.argpartition(values, count - 1, axis=1)[:, :count], axis=1)
    else:
        some = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    order = np.argsort(np.take_along_axis(values, some, axis=1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(some, order, axis=1))
