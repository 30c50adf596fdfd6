"""Generated structures against those of the data: distances, volumes, atoms, compositions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.many_contacts import shortest_contacts
from tfmat.crystals.structures import crystals_of
from tfmat.figures.histograms import bars, compare, counts, key
from tfmat.figures.style import DATA, grid_of, in_style
from tfmat.formulas.compositions import symbols

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pymatgen.core import Structure

# Of systems with more elements the most frequent ones.
_ELEMENTS = 14
# Places on the axis of a binary system.
_STEPS = 12


@dataclass(frozen=True)
class Geometry:
    """What a picture shows of structures.

    Args:
        contacts: Shortest distance over the sum of covalent radii, no unit, shape ``(n,)``.
        volumes: Volume per atom, Å³, shape ``(n,)``.
        atoms: Atoms per cell, shape ``(n,)``.
        amounts: Atoms of each element, by atomic number, shape ``(n, 119)``.
    """

    contacts: NDArray[np.float64]
    volumes: NDArray[np.float64]
    atoms: NDArray[np.int64]
    amounts: NDArray[np.int64]

    @classmethod
    def of(cls, crystals: list[Crystal]) -> Geometry:
        """Measures crystals.

        Args:
            crystals: Any number of them.
        """
        atoms = np.array([len(crystal) for crystal in crystals], dtype=np.int64)
        lattices = np.array([crystal.lattice for crystal in crystals]).reshape(-1, 3, 3)
        amounts = np.zeros((len(crystals), len(symbols())), np.int64)
        for row, crystal in enumerate(crystals):
            np.add.at(amounts[row], crystal.numbers, 1)
        return cls(
            shortest_contacts(crystals),
            np.abs(np.linalg.det(lattices)) / np.maximum(atoms, 1),
            atoms,
            amounts,
        )

    def __len__(self) -> int:
        return len(self.atoms)


@in_style
def distributions(
    structures: Iterable[Structure | Crystal] | Geometry,
    data: Iterable[Structure | Crystal] | Geometry | None = None,
    *,
    name: str = "data",
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draws how generated structures are distributed, before those of the data.

    Four panels: shortest distance over the sum of covalent radii (a bond gives about 1), volume per
    atom, atoms per cell, and composition: the share of the heavier element where there are two,
    else which part of the structures holds each element.

    Args:
        structures: Generated structures, pymatgen's or crystals.
        data: Those that the model learned from, or any others.
        name: What to call these.
        ranges: Without data, where most of them lie: ``shortest_contact`` (no unit) and
            ``volume_per_atom`` (Å³).

    Returns:
        A matplotlib figure without a window.

    Raises:
        InputError: One of them is no ordered structure.
    """
    made = _geometry(structures, "structures")
    known = None if data is None else _geometry(data, "data")
    figure, axes = grid_of(4, 2, 3.4, 2.5)
    words = f"most of {name}" if ranges else f"{name}: not here"
    if known is not None:
        words = f"{name} ({len(known):,})"
    key(axes[0], f"generated ({len(made):,})", words if known or ranges else None)
    compare(
        axes[0],
        made.contacts,
        None if known is None else known.contacts,
        "shortest distance / sum of covalent radii",
    )
    compare(axes[1], made.volumes, None if known is None else known.volumes, "volume per atom (Å³)")
    for place, one in zip(axes, ("shortest_contact", "volume_per_atom"), strict=False):
        if known is None and ranges and one in ranges:
            place.axvspan(*ranges[one], color=DATA, alpha=0.3, linewidth=0)
    counts(axes[2], made.atoms, None if known is None else known.atoms, "atoms per cell")
    present = made.amounts.sum(axis=0)
    if known is not None:
        present = present + known.amounts.sum(axis=0)
    elements = np.flatnonzero(present)
    sets = [made if len(made) else None, known if known is not None and len(known) else None]
    if len(elements) == 2:
        edges = np.linspace(0, _STEPS, _STEPS + 1) / _STEPS
        label = f"share of {symbols()[elements[1]]} atoms"
        shares = [None if one is None else _binary(one, elements, edges) for one in sets]
        bars(axes[3], [f"{place:.2g}" for place in edges], shares, label)
        axes[3].set_xticks(np.arange(_STEPS + 1)[::3], [f"{place:.2g}" for place in edges[::3]])
    else:
        elements = elements[np.argsort(-present[elements], kind="stable")][:_ELEMENTS]
        held = [
            None if one is None else (one.amounts[:, elements] > 0).mean(axis=0) for one in sets
        ]
        label = "element in the structure"
        bars(axes[3], [symbols()[number] for number in elements], held, label)
    return figure


def _geometry(given: Iterable[Structure | Crystal] | Geometry, argument: str) -> Geometry:
    return given if isinstance(given, Geometry) else Geometry.of(crystals_of(given, argument))


def _binary(
    found: Geometry, elements: NDArray[np.intp], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the part of the structures whose share of the second element is nearest to each."""
    shares = found.amounts[:, elements[1]] / found.atoms
    nearest = np.abs(shares[:, None] - places).argmin(axis=1)
    return np.asarray(np.bincount(nearest, minlength=len(places)) / len(found))
