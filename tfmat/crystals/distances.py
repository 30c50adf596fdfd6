"""The shortest distance between atoms of a periodic crystal."""

from __future__ import annotations

import itertools

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.niggli import niggli_lattice


def shortest_distance(crystal: Crystal) -> float:
    """Returns the shortest distance between two atoms, an atom and its own images included, in Å.

    Args:
        crystal: Any crystal; its cell may be skewed.

    Raises:
        InputError: The cell cannot be reduced.
    """
    lattice = niggli_lattice(crystal.lattice)
    inverse = np.linalg.inv(lattice)
    fractional = crystal.positions @ inverse
    first, second = np.triu_indices(len(crystal), 1)
    difference = fractional[first] - fractional[second]
    difference -= np.round(difference)
    # The shortest edge is the shortest distance of an atom to its own images.
    shortest = float(np.linalg.norm(lattice, axis=1).min())
    if not len(difference):
        return shortest
    shortest = min(shortest, float(np.linalg.norm(difference @ lattice, axis=1).min()))
    # Images farther away than this many cells cannot undercut what is found already.
    reach = np.floor(shortest * np.linalg.norm(inverse, axis=0) + 0.5).astype(int)
    for shift in itertools.product(*(range(-limit, limit + 1) for limit in reach)):
        image = (difference + shift) @ lattice
        shortest = min(shortest, float(np.sqrt(np.einsum("ij,ij->i", image, image).min())))
    return shortest
