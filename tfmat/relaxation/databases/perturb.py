"""Strained and perturbed copies of a crystal."""

from __future__ import annotations

import zlib

import numpy as np

from tfmat.crystals.crystal import Crystal


def generator(seed: int, name: str) -> np.random.Generator:
    """Returns a random generator that depends on nothing but a seed and a name."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def perturbed(
    crystal: Crystal, random: np.random.Generator, *, strain: float, displacement: float
) -> Crystal:
    """Strains the cell and moves every atom a little.

    Args:
        crystal: The crystal to start from.
        random: Source of randomness.
        strain: The six components of the symmetric strain are uniform within ± this number.
        displacement: Atoms move uniformly within a ball of this radius, Å.
    """
    components = random.uniform(-strain, strain, size=(3, 3))
    deformation = np.eye(3) + (np.triu(components) + np.triu(components, 1).T)
    directions = random.normal(size=(len(crystal), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = displacement * random.uniform(size=(len(crystal), 1)) ** (1 / 3)
    return Crystal(
        crystal.lattice @ deformation,
        crystal.positions @ deformation + directions * radii,
        crystal.numbers,
    )
