"""Slots of random latents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.slots import Slots, slot_type


def some_slots(
    layout: GraphLayout, elements: Sequence[Sequence[int]], seed: int = 0, precision: str = "<f2"
) -> Slots:
    """Makes a crystal for each list of atomic numbers; latents are uniform in -1 to 1."""
    rng = np.random.default_rng(seed)
    slots = np.zeros(sum(map(len, elements)), dtype=slot_type(layout.sites_latent, precision))
    slots["row"] = np.repeat(np.arange(len(elements)), [len(own) for own in elements])
    slots["element"] = [number for own in elements for number in own]
    slots["latent"] = rng.uniform(-1, 1, slots["latent"].shape)
    lattice = rng.uniform(-1, 1, (len(elements), layout.lattice_latent)).astype(np.float32)
    return Slots(lattice, slots)
