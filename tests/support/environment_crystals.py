"""Small Bi-Se crystals for critic, constraint and writer: ordered ones, and what is none."""

from __future__ import annotations

import numpy as np

from tfmat.crystals.crystal import Crystal

# CsCl, rock salt (primitive), and two layers of unlike atoms.
_SITES = {
    "cscl": (np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "nacl": (np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2, [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "layers": (np.diag([0.8, 0.8, 1.6]), [[0, 0, 0], [0.5, 0.5, 0.5]]),
}


def ordered(count: int, seed: int = 0, numbers: tuple[int, int] = (83, 34)) -> list[Crystal]:
    """Returns crystals with atoms on special places, of 27 to 33 Å³ for each.

    Args:
        count: How many.
        seed: Seed of their volumes, a few hundredths of strain, and which they are.
        numbers: Atomic numbers of their two elements.
    """
    random = np.random.default_rng(seed)
    found = []
    for index in range(count):
        cell, sites = list(_SITES.values())[index % len(_SITES)]
        volume = 2 * random.uniform(27, 33)
        cell = cell @ (np.eye(3) + random.uniform(-0.02, 0.02, (3, 3)))
        cell = cell * (volume / abs(np.linalg.det(cell))) ** (1 / 3)
        found.append(Crystal.from_arrays(cell, np.array(sites) @ cell, numbers))
    return found


def disordered(count: int, seed: int = 0, numbers: tuple[int, int] = (83, 34)) -> list[Crystal]:
    """Returns the same cells with the second atom somewhere else, 1.5 Å from the first at least."""
    random = np.random.default_rng(seed + 1)
    found = []
    for crystal in ordered(count, seed, numbers):
        place = random.uniform(0.12, 0.3, 3)
        positions = np.stack([np.zeros(3), place]) @ crystal.lattice
        positions[1] *= max(1.0, 1.5 / np.linalg.norm(positions[1]))
        found.append(Crystal(crystal.lattice, positions, crystal.numbers))
    return found
