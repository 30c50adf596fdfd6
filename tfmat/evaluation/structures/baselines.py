"""Structures without a network, beside which a generator's numbers mean something.

As many as were generated: known structures as they are; the same, disturbed; a known structure of
the same stoichiometry with the elements of a generated one in it; and the atoms of a generated one
at random places in a random cell of its volume.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset

NAMES = ("known", "noise", "substitution", "random")
"""Baselines, in their order."""
SHIFT = 0.2
"""Standard deviation of the noise of each coordinate, Å."""
STRAIN = 0.03
"""Standard deviation of the noise of each component of the strain."""
# Angles of random cells, degrees; and the least volume over that of a box with the same edges.
_ANGLES, _FLAT = (60.0, 120.0), 0.3


def draw_baselines(
    made: Sequence[Crystal], known: Mapping[str, Dataset], seed: int
) -> dict[str, list[Crystal]]:
    """Draws the baselines.

    Args:
        made: Generated structures.
        known: Known structures by name.
        seed: Seed; the same seed gives the same structures.

    Returns:
        Structures by name, as many of each as were generated, but for ``known`` and ``noise`` no
        more than are known, and for ``substitution`` none where no known structure has the same
        stoichiometry.
    """
    streams = [np.random.default_rng([seed, number]) for number in range(len(NAMES))]
    places = [(dataset, row) for dataset in known.values() for row in range(len(dataset))]
    rows = streams[0].choice(len(places), min(len(made), len(places)), replace=False)
    chosen = [places[row][0][places[row][1]] for row in rows.tolist()]
    return {
        "known": chosen,
        "noise": [disturbed(crystal, streams[1]) for crystal in chosen],
        "substitution": _substituted(made, known, streams[2]),
        "random": [random_crystal(crystal, streams[3]) for crystal in made],
    }


def disturbed(crystal: Crystal, random: Generator) -> Crystal:
    """Returns a crystal with noise on its cell and its atoms.

    Args:
        crystal: The crystal.
        random: Where the noise comes from.
    """
    noise = random.normal(0, STRAIN, (3, 3))
    stretch = np.eye(3) + (noise + noise.T) / 2
    shifts = random.normal(0, SHIFT, crystal.positions.shape)
    positions = crystal.positions @ stretch + shifts
    return Crystal.from_arrays(crystal.lattice @ stretch, positions, crystal.numbers)


def substituted(prototype: Crystal, elements: Sequence[int]) -> Crystal:
    """Puts other elements into a crystal; its volume follows the volumes of covalent spheres.

    Args:
        prototype: The crystal.
        elements: Atomic number for each of its elements, these by their atoms in the cell, the
            fewest first, and those that are as many by atomic number.
    """
    from ase.data import covalent_radii

    old, counts = np.unique(prototype.numbers, return_counts=True)
    places = np.argsort(counts, kind="stable")
    new = dict(zip(old[places].tolist(), elements, strict=True))
    numbers = np.array([new[number] for number in prototype.numbers.tolist()], dtype=np.uint8)
    spheres = [float((covalent_radii[one] ** 3).sum()) for one in (prototype.numbers, numbers)]
    scale = math.cbrt(spheres[1] / spheres[0])
    return Crystal.from_arrays(prototype.lattice * scale, prototype.positions * scale, numbers)


def random_crystal(crystal: Crystal, random: Generator) -> Crystal:
    """Returns the atoms of a crystal at random places in a random cell of the same volume.

    Args:
        crystal: The crystal.
        random: Where they come from.
    """
    while True:
        lengths = random.uniform(0.5, 1.5, 3)
        alpha, beta, gamma = np.cos(np.radians(random.uniform(*_ANGLES, 3)))
        squared = 1 - alpha**2 - beta**2 - gamma**2 + 2 * alpha * beta * gamma
        if squared > _FLAT**2:
            break
    # Rows of unit length with these angles between them.
    sine = math.sqrt(1 - gamma**2)
    cell = np.array(
        [
            [1, 0, 0],
            [gamma, sine, 0],
            [beta, (alpha - beta * gamma) / sine, math.sqrt(squared) / sine],
        ]
    )
    cell *= lengths[:, None]
    cell *= math.cbrt(abs(np.linalg.det(crystal.lattice)) / np.linalg.det(cell))
    positions = random.random((len(crystal), 3)) @ cell
    return Crystal.from_arrays(cell, positions, crystal.numbers)


def _substituted(
    made: Sequence[Crystal], known: Mapping[str, Dataset], random: Generator
) -> list[Crystal]:
    wanted = {_stoichiometry(crystal.numbers) for crystal in made}
    prototypes: dict[tuple[int, ...], list[Crystal]] = {}
    for dataset in known.values():
        for crystal in dataset:
            if (key := _stoichiometry(crystal.numbers)) in wanted:
                prototypes.setdefault(key, []).append(crystal)
    found = []
    for crystal in made:
        if same := prototypes.get(_stoichiometry(crystal.numbers)):
            numbers, counts = np.unique(crystal.numbers, return_counts=True)
            # Elements with as many atoms take each other's places by chance.
            order = np.lexsort((random.random(len(numbers)), counts))
            prototype = same[int(random.integers(len(same)))]
            found.append(substituted(prototype, numbers[order].tolist()))
    return found


def _stoichiometry(numbers: NDArray[np.uint8]) -> tuple[int, ...]:
    """Returns the counts of a reduced formula without its elements, ascending."""
    counts = np.unique(numbers, return_counts=True)[1]
    return tuple(sorted((counts // math.gcd(*counts.tolist())).tolist()))
