"""Small crystals of many elements, and the multicomponent recipes made as small."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import DatasetWriter

ELEMENTS = (3, 8, 9, 11, 17, 26, 34, 83)
SMALL_AUTOENCODER = ("filters=[4,8]", "batch_size=4", "steps=12")
# The whole chain of recipe mp-compact in seconds.
COMPACT = [
    *(f"{part}_autoencoder.{one}" for part in ("lattice", "sites") for one in SMALL_AUTOENCODER),
    "lattice_autoencoder.latent=6",
    "sites_autoencoder.latent=10",
    "constraint.units=16,16,8",
    "constraint.batch_size=8",
    "constraint.steps=30",
]


def write_dataset(folder: Path, count: int = 40) -> Path:
    """Writes random crystals of one to three of eight elements, with an energy of composition."""
    random = np.random.default_rng(1)
    with DatasetWriter(folder, {"name": "many"}) as writer:
        for index in range(count):
            own = random.choice(ELEMENTS, random.integers(1, 4), replace=False)
            numbers = np.repeat(own, random.integers(1, 3, len(own)))
            lattice = np.diag(random.uniform(3.5, 6.0, 3))
            positions = random.uniform(0, 1, (len(numbers), 3)) @ lattice
            energy = float(np.mean(numbers) / 30 - 2)
            crystal = Crystal.from_arrays(lattice, positions, numbers)
            writer.add(crystal, f"many-{index}", {"formation_energy_per_atom": energy})
    return folder
