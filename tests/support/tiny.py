"""A recipe and a dataset so small that a whole chain trains in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import DatasetWriter

RECIPE = """
name = "tiny"
description = "Only for tests."
family = "ccdcgan"

[data]
dataset = "given by --data"
elements = ["Bi", "Se"]
test_fraction = 0.25

[voxels]
sites_grid = 16
box = 10.0
lattice_grid = 16
sites_sigma = 0.6
lattice_sigma = 0.6

[lattice_autoencoder]
form = "compact"
loss = "cross-entropy"
filters = [4, 8]
latent = 6
learning_rate = 2e-3
schedule = "cosine"
batch_size = 4
steps = 40

[sites_autoencoder]
form = "compact"
loss = "cross-entropy"
filters = [4, 8]
latent = 10
optimizer = "muon"
learning_rate = 2e-3
schedule = "cosine"
batch_size = 4
steps = 40

[graph]
height = 8
width = 8
lattice_slot = 8

[constraint]
filters = [4, 8, 8]
units = [16, 8]
learning_rate = 1e-3
batch_size = 8
steps = 40

[gan]
latent = 8
generator_filters = [8, 8]
discriminator_filters = [4, 8, 8]
batch_size = 8
steps = 40
ema = 0.9
"""


def write_dataset(folder: Path, count: int = 24) -> Path:
    """Writes small random Bi-Se crystals with a smooth energy and their volume in Å³/atom."""
    random = np.random.default_rng(0)
    with DatasetWriter(folder, {"name": "tiny"}) as writer:
        for index in range(count):
            lengths = random.uniform(3.0, 6.0, 3)
            lattice = np.diag(lengths) + np.triu(random.uniform(-0.5, 0.5, (3, 3)), 1).T
            atoms = int(random.integers(2, 5))
            positions = random.uniform(0, 1, (atoms, 3)) @ lattice
            numbers = [83, 34, *random.choice([83, 34], atoms - 2)]
            energy = float(np.log(np.prod(lengths)) - 5.0)
            volume = float(np.prod(np.diag(lattice)) / atoms)
            crystal = Crystal.from_arrays(lattice, positions, numbers)
            properties = {"formation_energy_per_atom": energy, "volume_per_atom": volume}
            writer.add(crystal, f"tiny-{index}", properties)
    return folder


def write_recipe(path: Path) -> Path:
    """Writes the recipe as a file."""
    path.write_text(RECIPE, "utf-8")
    return path
