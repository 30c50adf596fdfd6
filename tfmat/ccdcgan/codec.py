"""Crystals to crystal graphs and back through the autoencoders of a model package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.domain import Domain
from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.presence import Presence
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.slots import Slots, new_slots, ordered
from tfmat.ccdcgan.sources import choices, compositions, slot_gan
from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.ccdcgan.voxels.decode import Shown, decode_structures
from tfmat.ccdcgan.voxels.frame import box_positions, check_inside, element_channels
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.reasons import DecodeError, Mode
from tfmat.ccdcgan.voxels.sites import encode_channels
from tfmat.ccdcgan.writer.noise import noise_length
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.inference.metadata import GENERATE
from tfmat.inference.package import NetworkSet
from tfmat.recipes.loader import build

# Voxels that go through an autoencoder at once. Larger batches are no faster on a CPU and take more
# memory: 390 MB in all for the reference form, 530 MB with 8.
VOXEL_BATCH = 4
# But of small voxels as many as have these points,
_BATCH_POINTS = 2**16
# and atoms are searched in this many points at once.
_DECODED_POINTS = 2**18
# Structures that are drawn at once: a voxel takes 1 MB in the published form.
_DRAWN = 32
ENCODERS = ("lattice_encoder", "sites_encoder")

T = TypeVar("T", NDArray[np.float32], list[tuple[int, int]], list[NDArray[np.float64]])


@dataclass(frozen=True)
class Codec:
    """The autoencoders of a CCDCGAN package with their voxel grids and crystal graph layout.

    Args:
        package: A loaded package of the family ``ccdcgan``.
        recipe: Its recipe.
        layout: Layout of its crystal graphs.
        presence: What tells the elements of a crystal graph.
        domain: How the training structures are made; ``None`` where the package does not say.
    """

    package: NetworkSet
    recipe: CcdcganRecipe
    layout: GraphLayout
    presence: Presence
    domain: Domain | None = None

    @classmethod
    def from_package(cls, package: NetworkSet) -> Codec:
        """Reads grids, layout and thresholds from a package's metadata.

        Args:
            package: A loaded package.

        Raises:
            InputError: It is of another family or its metadata is not complete.
        """
        metadata = package.metadata
        if metadata.get("family") != "ccdcgan":
            raise InputError(
                f"{package.folder}: is a {metadata.get('family')} package, not one of crystal "
                "structures; give a model of tfmat train ccdcgan or dcgan"
            )
        try:
            recipe = build(CcdcganRecipe, metadata["recipe"])
            elements = metadata["elements"]
            presence = Presence.of_package(metadata, len(elements))
            if recipe.gan.form == "writer" and not metadata["presence_threshold"]:
                layout = GraphLayout.without_graphs(elements)
            else:
                layout = GraphLayout.from_recipe(recipe, elements)
        except KeyError as error:
            raise InputError(
                f"{package.folder}: damaged, metadata.json lacks {error}; export it again"
            ) from error
        codec = cls(package, recipe, layout, presence, Domain.of_package(metadata))
        codec._require_shapes()
        return codec

    @property
    def noise(self) -> int:
        """How many normal numbers one structure takes."""
        if self.recipe.gan.form == "sources":
            pool, prompted = self.recipe.pool, self.recipe.prompted
            each = prompted.attempts * choices.noise_length(prompted, self.recipe.data.max_atoms)
            return 1 + compositions.NOISE * pool.draws + pool.written * each
        if self.recipe.gan.form != "writer":
            return self.recipe.gan.latent
        return 1 + noise_length(self.recipe.writer, self.recipe.data.max_atoms)

    def _require_shapes(self) -> None:
        layout, grids = self.layout, self.recipe.voxels
        graph, noise = (layout.height, layout.width, 1), (self.noise,)
        written = (len(layout.elements) + self.noise - 1,)
        elements, most = len(layout.elements), self.recipe.data.max_atoms
        prompted = choices.Choices(most, choices.noise_length(self.recipe.prompted, most))
        environments = (self.recipe.data.max_atoms, self.descriptor.size)
        lattice, sites = (layout.lattice_latent,), (layout.sites_latent,)
        slots = (1 + self.recipe.data.max_elements, 2 + layout.sites_latent)
        lattice_voxel = (*(grids.lattice_grid,) * 3, 1)
        sites_voxel = (*(grids.sites_grid,) * 3, 1)
        self.package.require_shapes(
            {
                "generator": (noise, graph),
                "writer": (written, None),
                compositions.PART: ((2 * elements,), None),
                choices.PART: ((prompted.length,), None),
                slot_gan.PART: ((SLOTS + self.recipe.slot_gan.noise,), None),
                GENERATE: (noise, None),
                "discriminator": (graph, (1,)),
                **dict.fromkeys(self.constraints, (slots if self.reads_slots else graph, (1,))),
                **dict.fromkeys((CONSTRAINT, CRITIC), (environments, (1,))),
                "lattice_encoder": (lattice_voxel, lattice),
                "lattice_decoder": (lattice, lattice_voxel),
                **dict.fromkeys(self._bank("sites_encoder"), (sites_voxel, sites)),
                **dict.fromkeys(self._bank("sites_decoder"), (sites, sites_voxel)),
            }
        )

    @property
    def _batch(self) -> int:
        """Sites voxels that go through an autoencoder at once."""
        return max(VOXEL_BATCH, _BATCH_POINTS // self.recipe.voxels.sites_grid**3)

    def _bank(self, kind: str) -> list[str]:
        """Returns the names of the shared network of a kind and of those of single elements."""
        return [kind, *(f"{kind}-{symbol}" for symbol in self.layout.elements)]

    @property
    def reads_slots(self) -> bool:
        """Whether the constraints read slots in place of crystal graphs."""
        return self.recipe.constraint.form == "slots"

    @property
    def constraints(self) -> dict[str, str]:
        """The constraints that read crystal graphs or slots: name of the part to the property."""
        return {part: name for part, name in self._properties.items() if part != CONSTRAINT}

    @property
    def predicted(self) -> dict[str, str]:
        """What predicts properties of what is generated: name of the part to the property.

        Each property has one part: the constraint of environments before one of crystal graphs.
        Those of a package with a writer need its encoders.
        """
        found = self._properties
        own = found.get(CONSTRAINT)
        graphs = self.recipe.gan.form != "writer" or set(ENCODERS) <= set(self.package.parts)
        return {
            part: name
            for part, name in found.items()
            if part == CONSTRAINT or (graphs and name != own)
        }

    @property
    def _properties(self) -> dict[str, str]:
        return {
            part: entry["property"]
            for part, entry in self.package.metadata["parts"].items()
            if "property" in entry
        }

    @property
    def generating(self) -> tuple[str, ...]:
        """Parts that generating runs; a package may lack some."""
        if self.recipe.gan.form == "sources":
            return (compositions.PART, choices.PART, CONSTRAINT)
        if self.recipe.gan.form != "writer":
            return ("generator", "lattice_decoder", "sites_decoder", *self.constraints)
        encoders = ENCODERS if set(self.predicted) - {CONSTRAINT} else ()
        return ("writer", *self.predicted, *encoders)

    @property
    def descriptor(self) -> Descriptor:
        """What a constraint of environments sees of an atom."""
        return self.recipe.descriptor.descriptor(self.layout.numbers)

    @property
    def begun(self) -> str:
        """What is begun for each structure: the word for it in the plural."""
        words = {"writer": "crystals begun", "sources": "compositions drawn"}
        return words.get(self.recipe.gan.form, "crystal graphs")

    @property
    def trained_on(self) -> dict[str, str] | None:
        """What the package has learned from, ``None`` if unknown.

        ``name`` and ``sha256`` of the dataset, and ``energy_scale`` where the package says what the
        formation energies count from that it predicts.
        """
        dataset = self.package.metadata.get("dataset", {})
        if "sha256" not in dataset:
            return None
        scale = self.package.metadata.get("energy_scale")
        known = {key: dataset[key] for key in ("name", "sha256")}
        return known | ({"energy_scale": scale} if scale else {})

    def drawable(self, crystal: Crystal) -> Crystal:
        """Returns a crystal in its canonical cell.

        Args:
            crystal: A crystal in any cell.

        Raises:
            InputError: It has no such cell, or does not fit in the voxels.
        """
        found = canonicalise(crystal)
        if self.recipe.voxels.frame == "box":
            check_inside(box_positions(found), self.recipe.voxels)
        return found

    def graphs(self, crystals: Sequence[Crystal]) -> NDArray[np.float32]:
        """Encodes crystals as crystal graphs, a few at a time, so that memory stays bounded.

        Args:
            crystals: As for :meth:`encode`, with the same errors.

        Returns:
            Shape ``(n, height, width, 1)``.
        """
        empty = np.zeros((0, self.layout.height, self.layout.width, 1), np.float32)
        return np.concatenate([empty, *map(self.layout.pack_slots, self._encoded(crystals))])

    def constraint_inputs(self, crystals: Sequence[Crystal]) -> NDArray[np.float32]:
        """Returns what :attr:`constraints` read of crystals: crystal graphs, or slots.

        Args:
            crystals: As for :meth:`encode`, with the same errors.

        Returns:
            Shape ``(n, height, width, 1)``, or ``(n, 1 + elements, 2 + latent)`` of slots.
        """
        if not self.reads_slots:
            return self.graphs(crystals)
        most = self.recipe.data.max_elements
        empty = np.zeros((0, 1 + most, 2 + self.layout.sites_latent), np.float32)
        return np.concatenate([empty, *(slots.table(most) for slots in self._encoded(crystals))])

    def _encoded(self, crystals: Sequence[Crystal]) -> Iterator[Slots]:
        for start in range(0, len(crystals), _DRAWN):
            yield self.encode(crystals[start : start + _DRAWN])

    def encode(self, crystals: Sequence[Crystal]) -> Slots:
        """Encodes crystals.

        Args:
            crystals: Crystals in their canonical cells.

        Returns:
            Their slots.

        Raises:
            InputError: A crystal holds an element that the package does not know or does not fit
                in its box, or the package holds no encoders.
        """
        self.package.require(*ENCODERS)
        spec = self.recipe.voxels
        numbers = self.layout.numbers
        for crystal in crystals:
            unknown = sorted(set(crystal.numbers.tolist()) - set(numbers))
            if unknown:
                raise InputError(
                    f"atomic number {unknown} is none of {', '.join(self.layout.elements)}, the "
                    f"elements of {self.package.name}"
                )
        voxels = np.stack([encode_lattice(crystal.lattice, spec) for crystal in crystals])
        lattice = np.concatenate(
            [self.package.run("lattice_encoder", part) for part in _batches(voxels[..., None])]
        )
        owners, channels = element_channels(crystals, numbers, spec)
        slots = new_slots(owners, channels, numbers, self.layout.sites_latent)
        start = 0
        for part, count in self._runs("sites_encoder", slots):
            for chunk in _batches(channels[start : start + count], self._batch):
                latents = self.package.run(part, encode_channels(chunk, spec))
                slots["latent"][start : start + len(chunk)] = latents
                start += len(chunk)
        return Slots(lattice, ordered(slots))

    def voxels(
        self, slots: Slots
    ) -> Iterator[tuple[dict[int, NDArray[np.float32]], NDArray[np.float32]]]:
        """Turns latents into voxels, a few at a time, so that memory stays bounded.

        Args:
            slots: The latents of crystals.

        Yields:
            For each crystal the sites voxels ``(grid, grid, grid)`` by atomic number, and the
            lattice voxel ``(grid, grid, grid)``.

        Raises:
            InputError: The package holds no decoders.
        """
        # Voxels come in the order of the slots, a few at a time, as the crystals ask for them.
        channels = self._channels(slots.slots)
        lattices = self._voxels("lattice_decoder", slots.lattice)
        for (first, last), lattice in zip(pairwise(slots.starts), lattices, strict=True):
            elements = slots.slots["element"][first:last].tolist()
            yield {number: next(channels) for number in elements}, lattice

    def decode(self, slots: Slots, mode: Mode = "robust") -> Iterator[Crystal | DecodeError]:
        """Decodes latents; a slot whose count is known gives so many atoms.

        Args:
            slots: The latents of crystals.
            mode: ``robust`` or ``faithful`` (:mod:`tfmat.ccdcgan.voxels.decode`).

        Yields:
            For each crystal the crystal, or the error that says why there is none.

        Raises:
            InputError: The package holds no decoders.
        """
        spec = self.recipe.voxels
        shown: list[Shown] = []
        points = 0
        for (channels, lattice), counts in zip(self.voxels(slots), slots.counts(), strict=True):
            shown.append((channels, lattice, counts))
            points += len(channels) * spec.sites_grid**3
            if points >= _DECODED_POINTS:
                yield from decode_structures(shown, spec, mode)
                shown, points = [], 0
        yield from decode_structures(shown, spec, mode)

    def _runs(self, kind: str, slots: NDArray[np.void]) -> Iterator[tuple[str, int]]:
        """Yields which network is for how many of the slots that follow each other."""
        names = {
            number: f"{kind}-{symbol}"
            for number, symbol in zip(self.layout.numbers, self.layout.elements, strict=True)
        }
        parts = (names.get(number, kind) for number in slots["element"].tolist())
        parts = (part if part in self.package.parts else kind for part in parts)
        for part, run in groupby(parts):
            yield part, len(list(run))

    def _channels(self, slots: NDArray[np.void]) -> Iterator[NDArray[np.float32]]:
        start = 0
        for part, count in self._runs("sites_decoder", slots):
            latents = slots["latent"][start : start + count].astype(np.float32)
            yield from self._voxels(part, latents)
            start += count

    def _voxels(self, part: str, latents: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        size = self._batch if part.startswith("sites") else VOXEL_BATCH
        for outputs in self.package.stream(part, _batches(latents, size)):
            (voxels,) = outputs.values()
            yield from voxels[..., 0]


def _batches(rows: T, size: int = VOXEL_BATCH) -> Iterator[T]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
