"""Inputs for every part of a package, as they come up when structures are generated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import VOXEL_BATCH, Codec
from tfmat.ccdcgan.environments.parts import PARTS as ENVIRONMENT_PARTS
from tfmat.ccdcgan.environments.parts import random_environments
from tfmat.ccdcgan.slots import Slots, ordered, slot_type
from tfmat.ccdcgan.writer.generating import PART, compositions
from tfmat.inference.metadata import GENERATE
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import NetworkSet

# Crystal graphs in one call of a network, as `tfmat generate` has by default.
GRAPH_BATCH = 64
_VOXEL_PARTS = ("lattice_encoder", "lattice_decoder", "sites_encoder", "sites_decoder", GENERATE)


def batch_size(part: str, networks: NetworkSet) -> int:
    """Returns how many samples ``tfmat generate`` gives to a part at once.

    Args:
        part: Name of a part.
        networks: Those of the package; of a writer the end-to-end network makes no voxels.
    """
    crystals = part == GENERATE and PART in networks.parts
    voxels = part.partition("-")[0] in _VOXEL_PARTS
    return VOXEL_BATCH if voxels and not crystals else GRAPH_BATCH


def probe_inputs(networks: NetworkSet, count: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Makes inputs for all parts by chaining them: noise, crystal graphs, latents, voxels.

    What a package has no network for is drawn at random instead: standard normal crystal graphs
    and latents, voxels of uniform numbers from 0 to 1, environments of random numbers.

    Args:
        networks: The networks of a CCDCGAN package; those that make inputs of others are run.
        count: Number of inputs for each part; voxels take 1 MB each in the reference form.
        seed: Seed of the noise and of the random numbers.

    Returns:
        For every part an array ``(count, ...)``. The latents of sites are those of elements that
        the crystal graphs hold, as far as there are enough.

    Raises:
        InputError: The package is of another family.
    """
    codec = Codec.from_package(networks)
    layout = codec.layout
    known: dict[str, NDArray[np.float32]] = {}
    random = np.random.default_rng(seed)

    def made(source: str, shape: tuple[int, ...], voxel: bool = False) -> NDArray[np.float32]:
        if source in networks.parts:
            return networks.run(source, known[source], batch_size(source, networks))
        drawn = random.random((count, *shape)) if voxel else random.normal(size=(count, *shape))
        return drawn.astype(np.float32)

    if codec.recipe.gan.form == "sources":
        from tfmat.ccdcgan.sources.probe import sources_inputs

        known.update(sources_inputs(codec, count, seed))
    known["generator"] = known[GENERATE] = noise = vector_noise(seed, 0, count, codec.noise)
    if PART in networks.parts:
        counts = compositions(codec).draw(noise[:, 0])
        known[PART] = np.concatenate([counts, noise[:, 1:]], axis=1, dtype=np.float32)
    graphs = made("generator", (layout.height, layout.width, 1))
    known["discriminator"] = graphs
    read = _random_slots(codec, random, count) if codec.reads_slots else graphs
    known.update(dict.fromkeys(codec.constraints, read))
    lattice, sites = layout.unpack(graphs)
    # Latents of elements that are there come first: the others are never decoded.
    absent = ~codec.presence.of(layout, graphs).reshape(-1)
    order = np.argsort(absent, kind="stable")[:count]
    known["lattice_decoder"] = lattice
    known["sites_decoder"] = sites.reshape(-1, layout.sites_latent)[order]
    for kind, grid in (
        ("lattice", codec.recipe.voxels.lattice_grid),
        ("sites", codec.recipe.voxels.sites_grid),
    ):
        if f"{kind}_encoder" in networks.parts:
            known[f"{kind}_encoder"] = made(f"{kind}_decoder", (grid, grid, grid, 1), voxel=True)
    for part in ENVIRONMENT_PARTS:
        if part in networks.parts:
            shape = networks.input(part)[1]
            known[part] = random_environments(random, (count, *shape), len(layout.elements))
    # Each element's own autoencoder sees what the shared one does.
    kinds = {part: part if part in known else part.partition("-")[0] for part in networks.parts}
    return {part: known[kind] for part, kind in kinds.items()}


def _random_slots(codec: Codec, random: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Returns slots of random elements, counts and latents, for a constraint that reads them."""
    layout, most = codec.layout, codec.recipe.data.max_elements
    lengths = random.integers(1, min(most, len(layout.elements)) + 1, count)
    rows = np.repeat(np.arange(count), lengths)
    slots = np.zeros(len(rows), dtype=slot_type(layout.sites_latent))
    chosen = [random.choice(layout.numbers, length, replace=False) for length in lengths]
    slots["row"], slots["element"] = rows, np.concatenate(chosen)
    slots["count"] = random.integers(1, 5, len(rows))
    slots["latent"] = random.uniform(-1, 1, (len(rows), layout.sites_latent))
    lattice = random.uniform(-1, 1, (count, layout.lattice_latent)).astype(np.float32)
    return Slots(lattice, ordered(slots)).table(most)
