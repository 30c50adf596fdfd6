"""Inputs for every part of a package, as they come up when structures are generated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import VOXEL_BATCH, Codec
from tfmat.ccdcgan.environments.parts import PARTS as ENVIRONMENT_PARTS
from tfmat.ccdcgan.environments.parts import random_environments
from tfmat.ccdcgan.writer.generating import PART, compositions
from tfmat.inference.metadata import GENERATE
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import NetworkSet

# Crystal graphs in one call of a network, as `tfmat generate` has by default.
GRAPH_BATCH = 64
_VOXEL_PARTS = ("lattice_encoder", "lattice_decoder", "sites_encoder", "sites_decoder", GENERATE)


def batch_size(part: str) -> int:
    """Returns how many samples ``tfmat generate`` gives to a part at once.

    Args:
        part: Name of a part.
    """
    return VOXEL_BATCH if part in _VOXEL_PARTS else GRAPH_BATCH


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
            return networks.run(source, known[source], batch_size(source))
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
    known.update(dict.fromkeys(("discriminator", *codec.constraints), graphs))
    lattice, sites = layout.unpack(graphs)
    # Latents of elements that are there come first: the others are never decoded.
    absent = ~layout.present(graphs, codec.presence).reshape(-1)
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
    return {part: known[part] for part in networks.parts}
