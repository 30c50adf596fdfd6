"""The asymmetric unit of a CIF under its symmetry operations: all atoms of the cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.readers.cif.operations import Group
from tfmat.datasets.readers.cif.sites import Sites
from tfmat.errors import InputError

# Images of an atom within this distance (Å) are the atom itself, on a special position that the
# file states to a few digits; up to the second no two atoms can be, and something is wrong.
_SAME = 0.15
_TOO_NEAR = 0.5
# Atoms in a cell: beyond is no crystal that anything here can use.
_MOST_ATOMS = 200_000


@dataclass(frozen=True)
class Atoms:
    """All atoms of a cell.

    Attributes:
        numbers: Atomic numbers.
        fractional: Shape ``(atoms, 3)``.
        multiplicities: How many atoms each site became.
        doubt: What the file has to confirm, ``""`` if nothing.
    """

    numbers: list[int]
    fractional: NDArray[np.float64]
    multiplicities: list[int]
    doubt: str


def expand(sites: Sites, group: Group, lattice: NDArray[np.float64]) -> Atoms:
    """Applies the operations of a group to the sites.

    Args:
        sites: The asymmetric unit. In P1 its positions stay as they stand.
        group: The operations.
        lattice: Cell vectors as rows, in Å.

    Raises:
        InputError: The images of an atom are no whole orbit, or there are too many.
    """
    if len(sites.numbers) * len(group) > _MOST_ATOMS:
        raise InputError(f"too large: more than {_MOST_ATOMS} atoms in the cell")
    if len(group) == 1:
        fractional = sites.fractional
        return Atoms(sites.numbers, fractional, [1] * len(fractional), "")
    doubt = ""
    orbits = []
    for label, place in zip(sites.labels, sites.fractional, strict=True):
        orbit, near = _orbit(place, group, lattice, label)
        orbits.append(orbit)
        doubt = doubt or near
    multiplicities = [len(orbit) for orbit in orbits]
    numbers = np.repeat(sites.numbers, multiplicities).tolist()
    return Atoms(numbers, np.concatenate(orbits), multiplicities, doubt)


def _orbit(
    place: NDArray[np.float64], group: Group, lattice: NDArray[np.float64], label: str
) -> tuple[NDArray[np.float64], str]:
    """Returns the images of one site ``(m, 3)`` and a doubt."""
    steps = group.rotations @ place + group.translations - place
    steps -= np.round(steps)
    distances = np.linalg.norm(steps @ lattice, axis=1)
    own = distances < _SAME
    # The mean over the operations that keep the site is the special position itself.
    centre = place + steps[own].mean(axis=0)
    images = group.rotations @ centre + group.translations
    images -= np.floor(images + 1e-9)
    keys = np.round(images * 1e6).astype(np.int64)
    _, places = np.unique(keys, axis=0, return_index=True)
    orbit = images[np.sort(places)]
    if len(orbit) * own.sum() != len(group):
        raise InputError(f"broken CIF: the images of site {label[:20]} are no whole orbit")
    nearest = distances[~own].min(initial=np.inf)
    if nearest < _TOO_NEAR:
        return orbit, f"images of site {label[:20]} lie {nearest:.2f} Å apart"
    return orbit, ""
