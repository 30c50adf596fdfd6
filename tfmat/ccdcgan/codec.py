"""Crystals to crystal graphs and back through the autoencoders of a model package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.domain import Domain
from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.sources import choices, compositions
from tfmat.ccdcgan.voxels.decode import decode_structure
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.reasons import DecodeError, Mode
from tfmat.ccdcgan.voxels.sites import element_channels, encode_channels
from tfmat.ccdcgan.writer.noise import noise_length
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.inference.metadata import GENERATE
from tfmat.inference.package import NetworkSet
from tfmat.recipes.loader import build

# Voxels that go through an autoencoder at once. Larger batches are no faster on a CPU and take more
# memory: 390 MB in all for the reference form, 530 MB with 8.
VOXEL_BATCH = 4

T = TypeVar("T", NDArray[np.float32], list[tuple[int, int]], list[NDArray[np.float64]])


@dataclass(frozen=True)
class Codec:
    """The autoencoders of a CCDCGAN package with their voxel grids and crystal graph layout.

    Args:
        package: A loaded package of the family ``ccdcgan``.
        recipe: Its recipe.
        layout: Layout of its crystal graphs.
        presence: RMS of an element's cells above which it counts as present, shape ``(elements,)``;
            infinite for an element that never occurred in training.
        domain: How the training structures are made; ``None`` where the package does not say.
    """

    package: NetworkSet
    recipe: CcdcganRecipe
    layout: GraphLayout
    presence: NDArray[np.float64]
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
            layout = GraphLayout.from_recipe(recipe, metadata["elements"])
            thresholds = metadata["presence_threshold"]
        except KeyError as error:
            raise InputError(
                f"{package.folder}: damaged, metadata.json lacks {error}; export it again"
            ) from error
        presence = np.array([np.inf if value is None else value for value in thresholds], float)
        if presence.shape != (len(layout.elements),):
            # A package of autoencoders alone was never shown a crystal graph.
            presence = np.zeros(len(layout.elements))
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
        lattice_voxel = (*(grids.lattice_grid,) * 3, 1)
        sites_voxel = (*(grids.sites_grid,) * 3, 1)
        self.package.require_shapes(
            {
                "generator": (noise, graph),
                "writer": (written, None),
                compositions.PART: ((2 * elements,), None),
                choices.PART: ((prompted.length,), None),
                GENERATE: (noise, None),
                "discriminator": (graph, (1,)),
                **dict.fromkeys(self.constraints, (graph, (1,))),
                **dict.fromkeys((CONSTRAINT, CRITIC), (environments, (1,))),
                "lattice_encoder": (lattice_voxel, lattice),
                "lattice_decoder": (lattice, lattice_voxel),
                "sites_encoder": (sites_voxel, sites),
                "sites_decoder": (sites, sites_voxel),
            }
        )

    @property
    def constraints(self) -> dict[str, str]:
        """Those of :attr:`predicted` that read crystal graphs."""
        return {part: name for part, name in self.predicted.items() if part != CONSTRAINT}

    @property
    def predicted(self) -> dict[str, str]:
        """The package's constraints: name of the part to the property that it predicts."""
        return {
            part: entry["property"]
            for part, entry in self.package.metadata["parts"].items()
            if "property" in entry
        }

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
        """``name`` and ``sha256`` of what the package has learned from; ``None`` if unknown."""
        dataset = self.package.metadata.get("dataset", {})
        return {key: dataset[key] for key in ("name", "sha256")} if "sha256" in dataset else None

    def encode(
        self, crystals: Sequence[Crystal]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encodes crystals.

        Args:
            crystals: Crystals in their canonical cells.

        Returns:
            Lattice latents ``(n, lattice_latent)`` and sites latents ``(n, elements,
            sites_latent)``, zero where a crystal lacks the element.

        Raises:
            InputError: A crystal holds an element that the package does not know or does not fit
                in its box, or the package holds no encoders.
        """
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
        sites = np.zeros((len(crystals), len(numbers), self.layout.sites_latent), dtype=np.float32)
        owners, channels = element_channels(crystals, numbers)
        for owned, chunk in zip(_batches(owners), _batches(channels), strict=True):
            latents = self.package.run("sites_encoder", encode_channels(chunk, spec))
            for (row, slot), latent in zip(owned, latents, strict=True):
                sites[row, slot] = latent
        return lattice, sites

    def voxels(
        self,
        lattice: NDArray[np.float32],
        sites: NDArray[np.float32],
        present: NDArray[np.bool_],
    ) -> Iterator[tuple[dict[int, NDArray[np.float32]], NDArray[np.float32]]]:
        """Turns latents into voxels, a few at a time, so that memory stays bounded.

        Args:
            lattice: Lattice latents, shape ``(n, lattice_latent)``.
            sites: Sites latents, shape ``(n, elements, sites_latent)``.
            present: Which elements to decode, shape ``(n, elements)``.

        Yields:
            For each row the sites voxels ``(grid, grid, grid)`` by atomic number, and the lattice
            voxel ``(grid, grid, grid)``.

        Raises:
            InputError: The package holds no decoders.
        """
        # Voxels come in the order of the rows, a few at a time, as the rows ask for them.
        channels = self._voxels("sites_decoder", sites[present])
        lattices = self._voxels("lattice_decoder", lattice)
        for row, lattice_voxel in zip(present, lattices, strict=True):
            slots = np.flatnonzero(row)
            yield {self.layout.numbers[slot]: next(channels) for slot in slots}, lattice_voxel

    def decode(
        self,
        lattice: NDArray[np.float32],
        sites: NDArray[np.float32],
        present: NDArray[np.bool_],
        mode: Mode = "robust",
    ) -> Iterator[Crystal | DecodeError]:
        """Decodes latents; arguments as for :meth:`voxels`.

        Args:
            lattice: Lattice latents.
            sites: Sites latents.
            present: Which elements to decode.
            mode: ``robust`` or ``faithful`` (:mod:`tfmat.ccdcgan.voxels.decode`).

        Yields:
            For each row the crystal, or the error that says why there is none.

        Raises:
            InputError: The package holds no decoders.
        """
        for channels, lattice_voxel in self.voxels(lattice, sites, present):
            try:
                yield decode_structure(channels, lattice_voxel, self.recipe.voxels, mode)
            except DecodeError as error:
                yield error

    def _voxels(self, part: str, latents: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        for outputs in self.package.stream(part, _batches(latents)):
            (voxels,) = outputs.values()
            yield from voxels[..., 0]


def _batches(rows: T) -> Iterator[T]:
    for start in range(0, len(rows), VOXEL_BATCH):
        yield rows[start : start + VOXEL_BATCH]
