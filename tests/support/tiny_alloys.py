"""Alloys of Cu and Au, which the potential EMT knows, and a tiny writer to learn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import DatasetWriter

# Of the recipe `ccdcgan-plus`.
SETTINGS = ["data.max_atoms=4", "data.test_fraction=0.25", "writer.width=16", "writer.blocks=1"]
SETTINGS += ["writer.heads=2", "writer.batch_size=16", "writer.steps=60", "writer.cells=4"]
SETTINGS += ["writer.learning_rate=0.01", "writer.places=8", "writer.attempts=4"]
SETTINGS += ["labels.potential=emt", "labels.written=40", "labels.structures=30"]
SETTINGS += ["energies.units=16", "energies.steps=60", "energies.batch_size=16"]
SETTINGS += ["critic.units=8", "critic.steps=20", "critic.batch_size=8"]
SETTINGS += ['data.elements=["Cu", "Au"]']


def write_dataset(folder: Path, count: int = 48) -> Path:
    """Writes ordered alloys of copper and gold on a face-centred lattice, a little strained."""
    random = np.random.default_rng(0)
    orders = ("Cu4", "Cu3Au", "Cu2Au2", "CuAu3", "Au4")
    with DatasetWriter(folder, {"name": "cu-au"}) as writer:
        for number in range(count):
            symbols = orders[number % len(orders)]
            gold = Atoms(symbols).symbols.count("Au")
            atoms = bulk("Cu", "fcc", a=3.6 + 0.12 * gold, cubic=True)
            atoms.symbols = symbols
            cell = atoms.cell.array @ (np.eye(3) + random.uniform(-0.03, 0.03, (3, 3)))
            positions = atoms.get_scaled_positions() @ cell
            crystal = Crystal(cell, positions, atoms.numbers.astype(np.uint8))
            writer.add(crystal, f"alloy-{number}", {})
    return folder
