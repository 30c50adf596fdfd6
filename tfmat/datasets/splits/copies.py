"""Finds the structures of a dataset that are copies of one another, so that no split parts them."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.links import Links
from tfmat.crystals.niggli import niggli_lattice
from tfmat.datasets.readers.folder import stem_of
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import REPEATED, SEVERAL_FILES, Dataset
from tfmat.errors import InputError

# Two crystals are the same if their volumes agree to this share and their average neighbour
# distances to this many Å: files round to 1e-4 Å, polymorphs differ by more than 0.01 Å.
_VOLUME = 1e-3
_DISTANCE = 1e-2
_NEIGHBOURS = 16
_REPEATED = re.compile(r".#\d+\Z")
# PROTOTYPE:FORMULA:COPY, as `tfmat data build` names structures: in a dataset with others beside
# them, whose identifiers may hold a colon, too.
_ADDED_BY = frozenset(("augment", "merge", "relaxation"))
_ADDED = re.compile(r".:[A-Z][A-Za-z0-9]*:\d+\Z")


def has_copies_by_name(dataset: Dataset) -> bool:
    """Says whether identifiers of a dataset tell which structures are copies.

    Args:
        dataset: The dataset.
    """
    marks = {"build", REPEATED, SEVERAL_FILES, *_ADDED_BY}
    return not dataset.metadata["extra"].keys().isdisjoint(marks)


def families(dataset: Dataset, rows: Sequence[int] | NDArray[np.intp] | None = None) -> list[int]:
    """Numbers the families of structures that a split must keep together.

    A family is a structure with its strained and perturbed copies (``tfmat data build`` gives them
    identifiers ``NAME:0``, ``NAME:1``, ...), with those that had its identifier in the source
    (``NAME#2``, ``NAME#3``, ...; of files ``NAME.cif``, ``NAME.vasp``), and with every structure of
    the same reduced formula, volume per atom (to 0.1%) and average distances to the 16 nearest
    neighbours (to 0.01 Å), whatever its cell, its handedness and the order of its atoms. The
    distances: Widdowson et al., MATCH 87, 529 (2022).

    Args:
        dataset: The dataset.
        rows: The structures to look at; all by default.

    Returns:
        A number for every row; the same number means the same family.
    """
    chosen = range(len(dataset)) if rows is None else [int(row) for row in rows]
    return linked(
        [partial(dataset.__getitem__, row) for row in chosen],
        [base_name(dataset, row) for row in chosen],
    )


def base_name(dataset: Dataset, row: int) -> str:
    """Returns the identifier that a structure shares with its copies by origin.

    Args:
        dataset: The dataset; its record says whether it has such copies.
        row: The structure.
    """
    name, extra = dataset.ids[row], dataset.metadata["extra"]
    if REPEATED in extra and _REPEATED.search(name):
        name = name.rpartition("#")[0]
    if SEVERAL_FILES in extra:
        name = stem_of(name)
    if "build" in extra or (extra.keys() & _ADDED_BY and _ADDED.search(name)):
        name = name.rpartition(":")[0] or name
    return name


def linked(
    crystals: Sequence[Callable[[], Crystal]], names: Sequence[Hashable] | None = None
) -> list[int]:
    """Numbers the families of any crystals, as :func:`families` does those of a dataset.

    Args:
        crystals: Functions that return a crystal each, so that not all are in memory.
        names: A name for each; the same name means the same family.

    Returns:
        A number for each crystal.
    """
    links = Links(len(crystals))
    first: dict[Hashable, int] = {}
    for index, name in enumerate(names or ()):
        links.join(index, first.setdefault(name, index))
    groups: dict[Hashable, list[tuple[float, int]]] = defaultdict(list)
    for index, load in enumerate(crystals):
        crystal = load()
        volume = abs(float(np.linalg.det(crystal.lattice))) / len(crystal)
        groups[formula(crystal)].append((volume, index))
    distances: dict[int, NDArray[np.float64]] = {}

    def distances_of(index: int) -> NDArray[np.float64]:
        if index not in distances:
            try:
                distances[index] = neighbour_distances(crystals[index]())
            except InputError:
                # An absurd cell has no copies, and must not keep the others from being split.
                distances[index] = np.full(_NEIGHBOURS, np.nan)
        return distances[index]

    for members in groups.values():
        members.sort()
        for position, (volume, index) in enumerate(members):
            for other_volume, other in itertools.islice(members, position + 1, None):
                if other_volume > volume * (1 + _VOLUME):
                    break
                if links.root(index) == links.root(other):
                    continue
                if np.abs(distances_of(index) - distances_of(other)).max() < _DISTANCE:
                    links.join(index, other)
        distances.clear()
    return [links.root(index) for index in range(len(crystals))]


def neighbour_distances(crystal: Crystal, count: int = _NEIGHBOURS) -> NDArray[np.float64]:
    """Returns the average distance to the first, second, ... nearest neighbour.

    It does not depend on the cell, the orientation or the order of the atoms (average minimum
    distances, Widdowson et al., MATCH 87, 529 (2022)).

    Args:
        crystal: The crystal.
        count: How many neighbours.

    Returns:
        Distances in Å, shape ``(count,)``, ascending.

    Raises:
        InputError: The cell cannot be reduced.
    """
    lattice = niggli_lattice(crystal.lattice)
    inverse = np.linalg.inv(lattice)
    spacing = 1.0 / np.linalg.norm(inverse, axis=0)
    fractional = crystal.positions @ inverse
    difference = fractional[:, None] - fractional[None]
    difference -= np.round(difference)
    atoms = len(crystal)
    per_atom = abs(np.linalg.det(lattice)) / atoms
    # A sphere that would hold twice the neighbours if they were spread evenly.
    radius = (2 * (count + 1) * per_atom * 3 / (4 * math.pi)) ** (1 / 3)
    while True:
        reach = np.floor(radius / spacing + 0.5).astype(int)
        shifts = np.array(
            list(itertools.product(*(range(-limit, limit + 1) for limit in reach))), dtype=float
        )
        vectors = (difference[:, :, None] + shifts).reshape(atoms, -1, 3) @ lattice
        found = np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors))
        # Place 0 is the atom itself.
        if found.shape[1] > count:
            nearest = np.sort(np.partition(found, count, axis=1)[:, : count + 1], axis=1)
            if nearest[:, -1].max() <= radius:
                return np.asarray(nearest[:, 1:].mean(axis=0))
        radius *= 1.3
