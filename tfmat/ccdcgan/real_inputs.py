"""Inputs of networks that are made of real structures: those of the dataset ``bi-se``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.environments.parts import PARTS as ENVIRONMENT_PARTS
from tfmat.ccdcgan.training.data import usable
from tfmat.ccdcgan.voxels.frame import element_channels
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_channels
from tfmat.datasets.store import Dataset
from tfmat.inference.package import ModelPackage


def real_inputs(package: ModelPackage, count: int) -> dict[str, NDArray[np.float32]]:
    """Returns inputs made of real structures, through the encoders of the package.

    Args:
        package: A package of the family of elements of the dataset ``bi-se``.
        count: Number of inputs of each part.

    Returns:
        For every part that takes what data give an array ``(count, ...)``; noise is not among
        them, nor is a latent whose encoder the package lacks.

    Raises:
        InputError: No structure of the dataset suits the package.
    """
    codec = Codec.from_package(package)
    spec, numbers = codec.recipe.voxels, codec.layout.numbers
    _, crystals, _ = usable(codec.recipe.data, Dataset.open("bi-se"), spec.room)
    # Spread over the dataset: neighbours come from like prototypes.
    crystals = crystals[:: max(1, len(crystals) // count)][:count]
    channels = element_channels(crystals, numbers, spec)[1][:count]
    known = {
        "lattice_encoder": np.stack([encode_lattice(c.lattice, spec) for c in crystals])[..., None],
        "sites_encoder": encode_channels(channels, spec),
    }
    for kind in ("lattice", "sites"):
        if f"{kind}_encoder" in package.parts:
            known[f"{kind}_decoder"] = package.run(f"{kind}_encoder", known[f"{kind}_encoder"])
    if {"lattice_encoder", "sites_encoder"} <= set(package.parts):
        slots = codec.encode(crystals)
        known["discriminator"] = read = codec.layout.pack_slots(slots)
        if codec.reads_slots:
            read = slots.table(codec.recipe.data.max_elements)
        known.update(dict.fromkeys(codec.constraints, read))
    environments = [part for part in ENVIRONMENT_PARTS if part in package.parts]
    if environments:
        rows = codec.descriptor.padded(crystals, codec.recipe.data.max_atoms)
        known.update(dict.fromkeys(environments, rows))
    return {part: known[part] for part in package.parts if part in known}
