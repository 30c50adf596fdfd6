"""Structures described one by one: are they valid, which symmetry, how dense, of which elements?

Valid is what the MP-20 protocol calls so (Xie et al., Crystal diffusion variational autoencoder,
ICLR 2022; `structure_validity` and `smact_validity` of its evaluation): no two atoms nearer than
0.5 Å and a volume of at least 0.1 Å³; and a composition that is charge-neutral with
electronegativities in order, where metals alone and single elements pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_distance
from tfmat.crystals.symmetry import space_group
from tfmat.datasets.systems import compositions_of
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings

NEAREST = 0.5
"""Atoms nearer than this make a structure invalid, Å."""
SMALLEST = 0.1
"""A cell of less volume makes a structure invalid, Å³."""
SYMPREC = 0.1
"""Distance within which atoms count as equivalent, Å, as everywhere in tfmat."""
PROTOCOL = ValiditySettings("smact14", alloys=True)
"""How compositions are judged: the set of the protocol's frozen copy, and metals pass."""
STRICT = ValiditySettings("smact14", alloys=False)
"""The same where metals are tested, too: between the two lie tens of points."""
# Atomic mass unit over Å³, in g/cm³ (CODATA 2018).
_GRAMS = 1.66053906660


@dataclass(frozen=True, eq=False)
class Described:
    """What is said of each of n structures.

    Args:
        shortest: Shortest distance between two atoms, images included, Å, shape ``(n,)``; NaN
            where the cell cannot be reduced.
        volume: Volume of the cell, Å³, shape ``(n,)``.
        atoms: Atoms in the cell, shape ``(n,)``.
        density: g/cm³, shape ``(n,)``.
        compositions: Reduced compositions, ``n`` rows.
        composition_valid: By :data:`PROTOCOL`, shape ``(n,)``.
        balanced: By :data:`STRICT`, shape ``(n,)``.
        groups: Space group, symbol and number; an empty list where nobody asked.
    """

    shortest: NDArray[np.float64]
    volume: NDArray[np.float64]
    atoms: NDArray[np.int64]
    density: NDArray[np.float64]
    compositions: Compositions
    composition_valid: NDArray[np.bool_]
    balanced: NDArray[np.bool_]
    groups: Sequence[tuple[str, int]]

    def __len__(self) -> int:
        return len(self.volume)

    @property
    def structure_valid(self) -> NDArray[np.bool_]:
        """Whether no atoms are too near and the cell is no point, shape ``(n,)``."""
        return np.asarray((self.shortest > NEAREST) & (self.volume >= SMALLEST))

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Whether structure and composition are valid, shape ``(n,)``."""
        return np.asarray(self.structure_valid & self.composition_valid)


def describe(
    crystals: Sequence[Crystal],
    *,
    symmetry: bool = True,
    on_step: Callable[[int], object] | None = None,
) -> Described:
    """Describes structures.

    Args:
        crystals: Any number of them.
        symmetry: Look for their space groups, which takes longer than all else.
        on_step: Called with 1 after every structure, for progress.
    """
    from ase.data import atomic_masses

    shortest, volume, density = (np.full(len(crystals), np.nan) for _ in range(3))
    groups = []
    for place, crystal in enumerate(crystals):
        with suppress(InputError):  # a cell that cannot be reduced is not valid
            shortest[place] = shortest_distance(crystal)
        volume[place] = abs(np.linalg.det(crystal.lattice))
        density[place] = _GRAMS * atomic_masses[crystal.numbers].sum() / volume[place]
        if symmetry:
            groups.append(space_group(crystal, SYMPREC))
        if on_step is not None:
            on_step(1)
    compositions = compositions_of(crystals)
    return Described(
        shortest,
        volume,
        np.array([len(crystal) for crystal in crystals], dtype=np.int64),
        density,
        compositions,
        ValidityChecker(PROTOCOL).check(compositions).balanced,
        ValidityChecker(STRICT).check(compositions).balanced,
        groups,
    )
