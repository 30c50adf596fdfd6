"""How close the atoms of many crystals come, in covalent radii: thousands a second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal

Key = TypeVar("Key", bound=Hashable)

# Distances that are computed at once.
_AT_ONCE = 2_000_000


def shortest_contacts(crystals: Sequence[Crystal]) -> NDArray[np.float64]:
    """Returns what :func:`tfmat.crystals.contacts.shortest_contact` says of each, much faster.

    Crystals of one number of atoms are looked at together. Differences of positions are brought
    into the cell nearest to zero; an image farther than so many cells that no atom can come as
    close as what was found already is left out, so the result is exact in skewed cells, too.

    Args:
        crystals: Any crystals; periodic images count.

    Returns:
        The shortest distance between two atoms over the sum of their covalent radii (Cordero et
        al., Dalton Trans. 2832 (2008)), without unit, shape ``(n,)``.
    """
    found = np.full(len(crystals), np.nan)
    for rows in _grouped([len(crystal) for crystal in crystals]).values():
        count = len(crystals[rows[0]])
        size = max(1, _AT_ONCE // (27 * count * (count + 1) // 2))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            found[part] = _contacts([crystals[row] for row in part])
    return found


def _contacts(crystals: Sequence[Crystal]) -> NDArray[np.float64]:
    """Returns the contacts of crystals with one number of atoms."""
    from ase.data import covalent_radii

    lattices = np.stack([crystal.lattice for crystal in crystals])
    inverses = np.linalg.inv(lattices)
    radii = covalent_radii[np.stack([crystal.numbers for crystal in crystals])]
    fractional = np.stack([crystal.positions for crystal in crystals]) @ inverses
    # An atom and its own images are pairs, too; those of the smallest atom come closest.
    first, second = np.triu_indices(fractional.shape[1], 1)
    differences = fractional[:, first] - fractional[:, second]
    differences -= np.round(differences)
    sums = radii[:, first] + radii[:, second]
    largest = 2 * radii.max(axis=1)
    edges = np.linalg.norm(lattices, axis=2).min(axis=1) / largest
    near = np.linalg.norm(differences @ lattices, axis=2) / sums
    bounds = np.minimum(near.min(axis=1, initial=np.inf), edges)
    # An image in cell s lies at least |s_k| - 1/2 layers away along k.
    layers = np.linalg.norm(inverses, axis=1)
    reach = np.floor((bounds * largest)[:, None] * layers + 0.5).astype(np.int64)
    contacts: NDArray[np.float64] = bounds.copy()
    for limits, rows in _grouped([tuple(row) for row in reach.tolist()]).items():
        best = contacts[rows]
        for shift in product(*(range(-limit, limit + 1) for limit in limits)):
            moved = np.linalg.norm((differences[rows] + shift) @ lattices[rows], axis=2)
            best = np.minimum(best, (moved / sums[rows]).min(axis=1, initial=np.inf))
            if any(shift):
                images = np.linalg.norm(np.array(shift, dtype=np.float64) @ lattices[rows], axis=-1)
                # The same for all atoms: the largest radius makes the smallest ratio.
                best = np.minimum(best, images / largest[rows])
        contacts[rows] = best
    return contacts


def _grouped(keys: Sequence[Key]) -> dict[Key, list[int]]:
    """Returns the places of each key."""
    groups: defaultdict[Key, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        groups[key].append(place)
    return groups
