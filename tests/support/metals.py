"""A dataset of alloys on which sources are trained in seconds, with EMT, which needs no extra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import DatasetWriter

METALS = ("Al", "Cu", "Ag", "Au", "Ni", "Pd", "Pt")
SETTINGS = ["data.max_atoms=4", "data.test_fraction=0.25", "compositions.units=32"]
SETTINGS += ["compositions.steps=120", "compositions.batch_size=64"]
SETTINGS += ["prompted.width=16", "prompted.blocks=1", "prompted.heads=2", "prompted.steps=30"]
SETTINGS += ["prompted.batch_size=16", "prompted.places=4", "prompted.cells=4"]
SETTINGS += ["prompted.element_width=8", "pool.prototypes=3", "pool.written=2"]
SETTINGS += ["labels.potential=emt", "labels.written=40", "labels.structures=30"]
SETTINGS += ["energies.units=16", "energies.steps=40", "energies.batch_size=16"]


def write_dataset(folder: Path) -> Path:
    """Writes alloys of seven metals on face-centred and caesium chloride lattices."""
    random = np.random.default_rng(0)
    with DatasetWriter(folder, {"name": "metals"}) as writer:
        for one in METALS:
            for other in METALS:
                for kind in ("A4", "A3B", "AB") if one != other else ("A4",):
                    if kind == "AB":
                        atoms = bulk("CsCl", "cesiumchloride", a=3.0 + 0.1 * len(one))
                        atoms.symbols = [one, other]
                    else:
                        atoms = bulk("Cu", "fcc", a=3.9, cubic=True)
                        atoms.symbols = Atoms(
                            f"{one}4" if kind == "A4" else f"{one}3{other}"
                        ).symbols
                    cell = atoms.cell.array @ (np.eye(3) + random.uniform(-0.02, 0.02, (3, 3)))
                    crystal = Crystal(
                        cell, atoms.get_scaled_positions() @ cell, atoms.numbers.astype(np.uint8)
                    )
                    # Unknown of a part, as in the databases.
                    known = {} if kind == "AB" else {"formation_energy_per_atom": random.normal()}
                    writer.add(crystal, f"{one}-{other}-{kind}", known)
    return folder
