"""What ``tfmat generate`` needs of a package that makes crystals of any system from sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tfmat.ccdcgan.sources import choices, compositions, slot_gan
from tfmat.ccdcgan.sources.compositions import NOISE, draw_compositions
from tfmat.ccdcgan.sources.conditions import Conditions
from tfmat.ccdcgan.sources.contents import SLOTS, Contents
from tfmat.ccdcgan.sources.listed import listed_counts
from tfmat.ccdcgan.sources.pool import CHANCE, Chosen, choose
from tfmat.ccdcgan.sources.slot_gan import SLOT_GAN, KnownLatents, SlotGanSource
from tfmat.ccdcgan.sources.source import (
    Candidate,
    Name,
    PrototypeSource,
    Source,
    Wanted,
    WriterSource,
)
from tfmat.ccdcgan.sources.store import KnownCrystals
from tfmat.ccdcgan.sources.validity import smact_valid
from tfmat.errors import InputError
from tfmat.inference.metadata import METADATA
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import check_file

if TYPE_CHECKING:
    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.request import StructureRequest
    from tfmat.crystals.crystal import Crystal

NOT_BALANCED = "no composition that smact accepts"
NO_PROTOTYPE = "no prototype with these counts"
NO_CRYSTAL = "no place for an atom"
NOT_DECODED = "no crystal in the voxels"
_REASONS = {"prototype": NO_PROTOTYPE, SLOT_GAN: NOT_DECODED}
TOGETHER = 256
"""Compositions that crystals are made for together."""
# From crystals to their energies, eV/atom.
Energies = Callable[[Sequence["Crystal"]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Made:
    """What became of one composition.

    Args:
        index: Its index.
        noise: Its noise.
        smact: smact's verdict on the composition; ``None`` where none was drawn.
        chosen: The crystal that was taken; ``None`` if none was made.
        reason: Why there is none.
    """

    index: int
    noise: NDArray[np.float32]
    smact: bool | None
    chosen: Chosen | None = None
    reason: str = ""


@dataclass
class Sources:
    """Compositions and sources of a package.

    Args:
        codec: The package.
    """

    codec: Codec
    known: KnownCrystals = field(init=False)

    def __post_init__(self) -> None:
        package, recipe = self.codec.package, self.codec.recipe
        package.require(compositions.PART)
        record = package.metadata.get("files")
        if not record:
            raise InputError(
                f"{package.folder}: damaged, {METADATA} names no prototypes; export it again"
            )
        check_file(package.folder, "prototypes", record[0])
        self.known = KnownCrystals.open(package.folder / record[0]["file"])
        self.prototypes = PrototypeSource(self.known)
        self.writer = None
        if choices.PART in package.parts:
            self.writer = WriterSource(
                self.known,
                partial(package.side_by_side().stream, choices.PART),
                recipe.prompted,
                recipe.data.max_atoms,
                recipe.pool.temperature,
            )

        self.slot_gan = None
        if slot_gan.PART in package.parts:
            package.require("lattice_decoder", "sites_decoder")
            latents = next((one for one in record if one["file"] == slot_gan.FILE), None)
            if latents is None:
                raise InputError(
                    f"{package.folder}: damaged, {METADATA} names no {slot_gan.FILE}; export it "
                    "again"
                )
            check_file(package.folder, slot_gan.PART, latents)
            file, length = package.folder / slot_gan.FILE, self.codec.layout.sites_latent
            self.slot_gan = SlotGanSource(self.codec, KnownLatents.open(file, length))

    @property
    def _written(self) -> int:
        """Normal numbers that all crystals of the writer take."""
        return self.codec.recipe.pool.written * (self.writer.noise if self.writer else 0)

    @property
    def noise(self) -> int:
        """Normal numbers that a composition with all its crystals takes."""
        recipe = self.codec.recipe
        of_slots = recipe.slot_gan.tries * self.slot_gan.noise if self.slot_gan else 0
        return 1 + NOISE * recipe.pool.draws + self._written + of_slots

    def conditions(self, request: StructureRequest) -> Conditions:
        """Returns what compositions have to fulfil.

        Args:
            request: What was asked for.

        Raises:
            InputError: Nothing can fulfil it, or the model does not know an element.
        """
        return Conditions(
            self.codec.layout.elements,
            self.codec.recipe.data.max_atoms,
            (request.min_atoms, request.max_atoms),
            request.n_elements or (1, SLOTS),
            request.required,
            request.allowed,
            request.excluded,
            request.formula or (),
            request.units,
        )

    def make(
        self,
        wanted: range,
        seed: int,
        request: StructureRequest,
        energies: Energies | None,
        batch_size: int,
    ) -> Iterator[Made]:
        """Draws compositions and makes a crystal of each.

        Args:
            wanted: Indices of the compositions.
            seed: Seed of the noise.
            request: What was asked for.
            energies: What chooses among crystals; without it the first that is sound is taken.
            batch_size: Crystals in one call of the writer.

        Yields:
            One for every index, in their order.

        Raises:
            InputError: The package cannot fulfil the request.
        """
        conditions = self.conditions(request)
        sources = self._sources(request.source)
        if self.writer is not None:
            self.writer.batch_size = batch_size
        for start in range(0, len(wanted), TOGETHER):
            indices = wanted[start : start + TOGETHER]
            noise = vector_noise(seed, indices[0], len(indices), self.noise)
            if request.formulas:
                counts, verdicts, good = self._listed(noise, indices, request)
            else:
                counts, verdicts, good = self._compositions(noise, conditions, request)
            rows = np.flatnonzero(good)
            contents = Contents.of_counts(counts[rows], self.codec.layout.numbers)
            made = self._crystals(contents, noise[rows], sources, request, energies)
            crystals = dict(zip(rows.tolist(), made, strict=True))
            for row, index in enumerate(indices):
                found = crystals.get(row)
                reason = NOT_BALANCED
                if found is not None:
                    reason = _REASONS.get(request.source, NO_CRYSTAL)
                chosen = found if found is not None and found.candidate is not None else None
                yield Made(index, noise[row], bool(verdicts[row]), chosen, reason)

    def _sources(self, name: Name) -> list[tuple[Source, int]]:
        """Returns the sources that are asked, and for how many crystals."""
        pool = self.codec.recipe.pool
        if name == SLOT_GAN:
            if self.slot_gan is None:
                raise InputError(
                    f"`source` {name}: {self.codec.package.name} has no slot GAN; take `source` "
                    "pool, or train one with tfmat train ccdcgan --recipe mp-compact --set "
                    "slot_gan.steps=5600"
                )
            return [(self.slot_gan, self.codec.recipe.slot_gan.tries)]
        writes = self.writer is not None and pool.written > 0
        if name == "prototype" or (name == "pool" and not writes):
            return [(self.prototypes, pool.prototypes)]
        if self.writer is None or not writes:
            raise InputError(
                f"`source` {name}: {self.codec.package.name} has no writer; take `source` prototype"
            )
        if name == "writer":
            return [(self.writer, pool.written)]
        return [(self.prototypes, pool.prototypes), (self.writer, pool.written)]

    def _compositions(
        self, noise: NDArray[np.float32], conditions: Conditions, request: StructureRequest
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Draws compositions until smact accepts them.

        Returns:
            Atoms of each element ``(n, elements)``, smact's verdicts, and which are to be used.
        """
        package, filtered = self.codec.package, request.filters
        numbers = self.codec.layout.numbers

        def network(so_far: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            outputs = package.run_all(compositions.PART, so_far)
            return outputs["next"], outputs["count"]

        counts = np.zeros((len(noise), len(numbers)), np.int64)
        verdicts = np.zeros(len(noise), bool)
        open_rows = np.arange(len(noise))
        for attempt in range(self.codec.recipe.pool.draws):
            part = noise[open_rows, NOISE * attempt : NOISE * (attempt + 1)]
            counts[open_rows] = draw_compositions(part, network, conditions)
            verdicts[open_rows] = smact_valid(Contents.of_counts(counts[open_rows], numbers))
            open_rows = open_rows[~verdicts[open_rows]]
            if not filtered or not len(open_rows):
                break
        return counts, verdicts, verdicts if filtered else np.ones(len(noise), bool)

    def _listed(
        self, noise: NDArray[np.float32], indices: range, request: StructureRequest
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Takes compositions from the given formulas; returns as :meth:`_compositions`."""
        layout = self.codec.layout
        most = min(request.max_atoms, self.codec.recipe.data.max_atoms)
        atoms = (request.min_atoms, most)
        uniform = ndtr(noise[:, 0].astype(np.float64))
        counts = listed_counts(
            request.formulas, layout.elements, request.units, atoms, indices, uniform
        )
        verdicts = smact_valid(Contents.of_counts(counts, layout.numbers))
        return counts, verdicts, verdicts if request.filters else np.ones(len(noise), bool)

    def _crystals(
        self,
        contents: Contents,
        noise: NDArray[np.float32],
        sources: list[tuple[Source, int]],
        request: StructureRequest,
        energies: Energies | None,
    ) -> list[Chosen]:
        pool = self.codec.recipe.pool
        nearest = self.known.prototypes.nearest(contents, max(pool.prototypes, pool.written, 1))
        first = NOISE * pool.draws
        middle = first + 1 + self._written
        wanted = Wanted(
            contents, self.known.volume.predict(contents), nearest, noise[:, first + 1 : middle]
        )
        made: list[list[Candidate]] = [[] for _ in range(len(contents))]
        for source, count in sources:
            if source is self.slot_gan:
                wanted = replace(wanted, noise=noise[:, middle:])
            for all_of, some in zip(made, source.make(wanted, count), strict=True):
                all_of.extend(some)
        chance = ndtr(noise[:, first]) if request.choose_by == CHANCE else None
        return choose(made, request.min_distance, request.volume_per_atom, energies, chance)
