"""Small crystals of many elements, strained at random."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tfmat.ccdcgan.sources.prototypes import Prototypes
from tfmat.ccdcgan.sources.store import KnownCrystals
from tfmat.ccdcgan.sources.volume import VolumeModel
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.crystals.crystal import Crystal

ROCK_SALT = ("LiF", "NaCl", "KBr", "MgO", "CaO", "CaS", "SrO", "LiCl", "NaF", "MgS")
CUBIC = ("Cu3Au", "Ni3Al", "Pt3Co", "Al3Sc", "Fe3Pt")
PURE = ("Cu", "Al", "Ni", "Ag")


def crystal(symbols, edge, kind, seed=0, strain=0.01):
    random = np.random.default_rng(seed)
    if kind == "rocksalt":
        atoms = bulk(symbols, "rocksalt", a=edge)
    elif kind == "cubic":
        atoms = bulk("Cu", "fcc", a=edge, cubic=True)
        names = Atoms(symbols).get_chemical_symbols()
        atoms.symbols = names
    else:
        atoms = bulk(symbols, "fcc", a=edge)
    cell = atoms.cell.array @ (np.eye(3) + random.uniform(-strain, strain, (3, 3)))
    return canonicalise(
        Crystal(cell, atoms.get_scaled_positions() @ cell, atoms.numbers.astype(np.uint8))
    )


def many(copies=3):
    found = []
    for seed in range(copies):
        for kind, names, least, step in (
            ("rocksalt", ROCK_SALT, 4.2, 0.2),
            ("cubic", CUBIC, 3.6, 0.1),
            ("fcc", PURE, 3.6, 0.1),
        ):
            found += [crystal(name, least + step * n, kind, seed) for n, name in enumerate(names)]
    return found


@pytest.fixture(scope="session")
def crystals():
    return many()


@pytest.fixture(scope="session")
def known(crystals):
    prototypes = Prototypes.of([f"known-{n}" for n in range(len(crystals))], crystals)
    law = VolumeModel.fit(prototypes.contents, prototypes.volumes())
    groups = np.full(len(crystals), 2, np.uint8)
    return KnownCrystals(prototypes, groups, law, 0.6)
