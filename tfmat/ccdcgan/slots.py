"""Crystals as slots: the latents of the elements that are there, and of the cell, nothing else.

A crystal graph of the whole periodic table has a slot for each of 118 elements, of which a crystal
fills two or three. Here only these are kept: as much as 1.3 kB for a crystal, where its 160 x 160
graph takes 100 kB. The graph is packed when it is asked for
(:meth:`tfmat.ccdcgan.graph.GraphLayout.pack_slots`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmat import files
from tfmat.ccdcgan.voxels.frame import electronegativities
from tfmat.reading import load_array

SLOTS, LATTICES = "slots.npy", "lattices.npy"
# Half precision is two hundred times finer than the noise that the decoders learn with.
STORED = "<f2"


def slot_type(latent: int, precision: str = "<f4") -> np.dtype[np.void]:
    """Returns what one slot is: row of the crystal, atomic number, atoms, latents.

    Args:
        latent: Length of a sites latent.
        precision: Type of the latents, :data:`STORED` on disk.
    """
    return np.dtype(
        [("row", "<i4"), ("element", "u1"), ("count", "u1"), ("latent", precision, (latent,))]
    )


@dataclass(frozen=True)
class Slots:
    """The latents of any number of crystals.

    Args:
        lattice: Lattice latents, shape ``(n, lattice_latent)``, float32.
        slots: The elements of all crystals, crystal by crystal, shape ``(m,)``, of
            :func:`slot_type`; of each crystal in the order of :func:`ordered`. A ``count`` of 0
            is one that is not known.
    """

    lattice: NDArray[np.float32]
    slots: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.lattice)

    @classmethod
    def open(cls, folder: Path) -> Slots:
        """Opens slots that :meth:`save` wrote, without reading them: their arrays are mapped.

        Args:
            folder: Where they lie.

        Raises:
            InputError: A file is missing or damaged.
        """
        return cls(
            load_array(folder / LATTICES, mapped=True), load_array(folder / SLOTS, mapped=True)
        )

    def save(self, folder: Path) -> list[Path]:
        """Writes both arrays into a folder; returns their paths.

        Args:
            folder: Where to write.
        """
        paths = []
        stored = self.slots.astype(slot_type(self.sites_latent, STORED))
        for name, array in ((LATTICES, self.lattice), (SLOTS, stored)):
            with files.replacing(folder / name) as temporary, temporary.open("wb") as stream:
                np.save(stream, array, allow_pickle=False)
            paths.append(folder / name)
        return paths

    @property
    def sites_latent(self) -> int:
        """Length of a sites latent."""
        return int(self.slots.dtype["latent"].shape[0])

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Where the slots of each crystal begin, and the end, shape ``(n + 1,)``."""
        return np.searchsorted(self.slots["row"], np.arange(len(self) + 1))

    def most(self) -> int:
        """Returns the largest number of elements in one crystal."""
        return int(np.diff(self.starts).max(initial=0))

    def of(self, rows: ArrayLike) -> Slots:
        """Returns some of the crystals, numbered anew in the order that is given.

        Args:
            rows: Their numbers, in any order, shape ``(k,)``.
        """
        wanted = np.asarray(rows, dtype=np.intp)
        starts = self.starts[wanted]
        lengths = self.starts[wanted + 1] - starts
        places = np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
        chosen = np.array(self.slots[places + np.arange(len(places))])
        chosen["row"] = np.repeat(np.arange(len(wanted)), lengths)
        return Slots(np.array(self.lattice[wanted]), chosen)

    def without_counts(self) -> Slots:
        """Returns the same as a crystal graph would tell it, which holds no counts."""
        slots = np.array(self.slots)
        slots["count"] = 0
        return Slots(self.lattice, slots)

    def counts(self) -> Iterator[dict[int, int] | None]:
        """Yields the atoms of each crystal by atomic number; ``None`` where one is not known."""
        for first, last in pairwise(self.starts):
            own = self.slots[first:last]
            pairs = zip(own["element"].tolist(), own["count"].tolist(), strict=True)
            yield dict(pairs) if own["count"].all() else None

    def table(self, most: int) -> NDArray[np.float32]:
        """Lays crystals out as a network reads them.

        Args:
            most: Elements for which there is room.

        Returns:
            Shape ``(n, 1 + most, 2 + sites_latent)``. The first row of a crystal is its lattice
            latent, each further one atomic number, count and latents of an element; all zeros
            beyond. A lattice latent is no longer than such a row.

        Raises:
            ValueError: A crystal has more elements.
        """
        starts = self.starts
        place = np.arange(len(self.slots)) - starts[self.slots["row"]]
        if place.max(initial=0) >= most:
            raise ValueError(f"a crystal has {place.max() + 1} elements, there is room for {most}")
        rows = np.zeros((len(self), 1 + most, 2 + self.sites_latent), dtype=np.float32)
        rows[:, 0, : self.lattice.shape[1]] = self.lattice
        owner = self.slots["row"]
        rows[owner, 1 + place, 0] = self.slots["element"]
        rows[owner, 1 + place, 1] = self.slots["count"]
        rows[owner, 1 + place, 2:] = self.slots["latent"]
        return rows


def new_slots(
    owners: Sequence[tuple[int, int]],
    channels: Sequence[NDArray[np.float64]],
    elements: Sequence[int],
    latent: int,
) -> NDArray[np.void]:
    """Makes slots for channels, with latents of zero.

    Args:
        owners: Row of each channel's crystal and place of its element.
        channels: Positions of its atoms, shape ``(atoms, 3)`` each.
        elements: Atomic numbers of the places.
        latent: Length of a sites latent.
    """
    slots = np.zeros(len(owners), dtype=slot_type(latent))
    rows, places = np.reshape(owners, (-1, 2)).T
    slots["row"], slots["element"] = rows, np.asarray(elements)[places]
    slots["count"] = [len(channel) for channel in channels]
    return slots


def ordered(slots: NDArray[np.void]) -> NDArray[np.void]:
    """Puts the slots of each crystal in their order: by count, electronegativity, atomic number.

    So the slots of one structure type lie alike whatever its elements are.

    Args:
        slots: Slots of any number of crystals, in any order.
    """
    numbers = slots["element"]
    keys = (numbers, electronegativities()[numbers], slots["count"], slots["row"])
    return np.asarray(slots[np.lexsort(keys)])


def joined(parts: Sequence[Slots]) -> Slots:
    """Puts crystals after one another.

    Args:
        parts: At least one.
    """
    slots = np.concatenate([part.slots for part in parts])
    shifts = np.cumsum([0, *(len(part) for part in parts[:-1])])
    slots["row"] += np.repeat(shifts, [len(part.slots) for part in parts]).astype(np.int32)
    return Slots(np.concatenate([part.lattice for part in parts]), slots)
