"""The slot GAN as a source: latents of a cell and of its elements at once, decoded as real ones.

A generator knows how many atoms each slot holds, not which element it is: that is put in
afterwards, as with prototypes. Between real latents it loses atoms, so each slot's latents are
replaced by the nearest real ones of the same number of atoms, from a table in the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.ccdcgan.slots import Slots, slot_type
from tfmat.ccdcgan.sources.source import Candidate, Source, Wanted
from tfmat.ccdcgan.voxels.reasons import DecodeError
from tfmat.crystals.crystal import Crystal
from tfmat.reading import reading

if TYPE_CHECKING:
    from tfmat.ccdcgan.codec import Codec

PART = "slot_generator"
FILE = "latents.npz"
SLOT_GAN: Literal["slot-gan"] = "slot-gan"
_ADVICE = "export or copy the package again"


@dataclass(frozen=True, eq=False)
class KnownLatents:
    """Latents of real slots.

    Args:
        counts: Atoms of each, shape ``(n,)``.
        latents: Shape ``(n, sites_latent)``, float16.
    """

    counts: NDArray[np.uint8]
    latents: NDArray[np.float16]

    @classmethod
    def of(cls, slots: NDArray[np.void], most: int, seed: int) -> KnownLatents:
        """Takes latents by chance.

        Args:
            slots: Of :func:`~tfmat.ccdcgan.slots.slot_type`.
            most: How many of each number of atoms.
            seed: Seed of the choice.
        """
        order = np.random.default_rng([seed, 3]).permutation(len(slots))
        counts = slots["count"][order]
        rows = np.concatenate([np.flatnonzero(counts == n)[:most] for n in np.unique(counts)])
        chosen = slots[order[rows]]
        return cls(chosen["count"], chosen["latent"].astype(np.float16))

    def save(self, path: Path) -> None:
        """Writes the file, complete or not at all.

        Args:
            path: The file.
        """
        with files.replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, counts=self.counts, latents=self.latents)

    @classmethod
    def open(cls, path: Path, length: int) -> KnownLatents:
        """Reads the file.

        Args:
            path: The file.
            length: Length of a sites latent.

        Raises:
            InputError: It is missing or damaged.
        """
        with reading(path, _ADVICE), np.load(path, allow_pickle=False) as stored:
            counts, latents = stored["counts"], stored["latents"]
            if counts.dtype != np.uint8 or latents.dtype != np.float16:
                raise ValueError(f"arrays of {counts.dtype} and {latents.dtype}")
            if latents.shape != (*counts.shape, length) or not np.isfinite(latents).all():
                raise ValueError(f"{counts.shape} counts of {latents.shape} latents")
        return cls(counts, latents)

    def nearest(
        self, counts: NDArray[np.integer], latents: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Returns the nearest real latents of the same number of atoms.

        Args:
            counts: Atoms of each slot, shape ``(n,)``.
            latents: Shape ``(n, sites_latent)``.

        Returns:
            Likewise; a slot with as many atoms as no real one has stays as it is.
        """
        found = latents.copy()
        for count in np.unique(counts).tolist():
            known = self.latents[self.counts == count].astype(np.float32)
            rows = np.flatnonzero(counts == count)
            if len(known):
                apart = np.sum(known * known, axis=1) - 2 * latents[rows] @ known.T
                found[rows] = known[apart.argmin(axis=1)]
        return found


class SlotGanSource(Source):
    """The slot GAN.

    Args:
        codec: A package with the generator and the decoders.
        known: The real latents.
        batch_size: Crystals in one call of the generator.
    """

    name: ClassVar[str] = SLOT_GAN

    def __init__(self, codec: Codec, known: KnownLatents, batch_size: int = 64) -> None:
        self.codec, self.known, self.batch_size = codec, known, batch_size
        self._recipe = codec.recipe.slot_gan

    @property
    def noise(self) -> int:
        """Normal numbers that one crystal takes."""
        return self._recipe.noise

    def make(self, wanted: Wanted, count: int) -> list[list[Candidate]]:
        """Makes crystals; see :meth:`Source.make`."""
        total = len(wanted.contents)
        result: list[list[Candidate]] = [[] for _ in range(total)]
        if not total:
            return result
        noise = wanted.noise.reshape(total, -1, self.noise)[:, :count].reshape(-1, self.noise)
        rows = np.repeat(np.arange(total), count)
        contents = wanted.contents[rows]
        choices = np.concatenate([contents.counts, noise], axis=1, dtype=np.float32)
        made = self.codec.package.run_all(PART, choices, self.batch_size)
        owners, places = np.nonzero(contents.counts)
        slots = np.zeros(len(owners), slot_type(self.codec.layout.sites_latent))
        slots["row"], slots["element"] = owners, contents.numbers[owners, places]
        slots["count"] = contents.counts[owners, places]
        latents = made["sites_latents"][owners, places]
        snapped = self._recipe.snap
        slots["latent"] = self.known.nearest(slots["count"], latents) if snapped else latents
        decoded = self.codec.decode(Slots(made["lattice_latent"], slots))
        for row, found in zip(rows.tolist(), decoded, strict=True):
            if not isinstance(found, DecodeError):
                crystal = _scaled(found, float(wanted.volumes[row]))
                result[row].append(Candidate(self.name, crystal))
        return result


def _scaled(crystal: Crystal, volume: float) -> Crystal:
    """Returns a crystal with a volume per atom in Å³."""
    own = abs(np.linalg.det(crystal.lattice)) / len(crystal)
    factor = (volume / own) ** (1 / 3)
    return Crystal(crystal.lattice * factor, crystal.positions * factor, crystal.numbers)
