"""Datasets with formation energies that the tests of convex hulls share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition, Element

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import DatasetWriter

# Cd-Li as in the Materials Project, roughly; a ternary and a quaternary system beside it.
KNOWN = [
    ("Cd", 0.0),
    ("Li", 0.001),
    ("LiCd3", -0.16),
    ("LiCd", -0.24),
    ("Li3Cd", -0.15),
    ("Li2Cd2", -0.2),
    ("Li2O", -2.0),
    ("CoO", -1.2),
    ("LiCoO2", -1.7),
    ("Co2O3", -1.3),
    ("LiCo", 0.2),
    ("LiCdCoO4", -1.1),
]
GENERATED = [
    ("Li4Cd3", -0.26),
    ("LiCd2", -0.21),
    ("LiCd", -0.1),
    ("LiCd", 0.3),
    ("Li2CoO3", -1.9),
    ("CoO2", -1.0),
    ("LiCoO2", -1.6),
]


def write(
    folder: Path,
    rows: Sequence[tuple[str, float]],
    more: Mapping[str, Sequence[float]] | None = None,
    scale: str | None = None,
    first: str | None = None,
) -> Path:
    """Writes structures of given formulas and formation energies, in cells that mean nothing.

    ``scale`` is that of the energies, ``first`` that of what was known before refining.
    """
    named = {"energies": scale, "screening_energies": first}
    extra = {key: {"method": "by hand", "scale": text} for key, text in named.items() if text}
    with DatasetWriter(folder, {"name": folder.name}, extra=extra) as writer:
        for index, (formula, energy) in enumerate(rows):
            numbers = numbers_of(formula)
            lattice = np.diag([3.0 * len(numbers), 4.0, 5.0])
            positions = np.outer(np.arange(len(numbers)), [3.0, 0.0, 0.0])
            properties = {"formation_energy_per_atom": energy}
            properties |= {name: values[index] for name, values in (more or {}).items()}
            crystal = Crystal.from_arrays(lattice, positions, numbers)
            writer.add(crystal, f"{folder.name}-{index}", properties)
    return folder


def numbers_of(formula: str) -> list[int]:
    """Returns the atomic numbers of a formula's atoms."""
    amounts = Composition(formula).get_el_amt_dict()
    return [Element(s).Z for s, amount in amounts.items() for _ in range(int(amount))]


def above_by_pymatgen(
    formula: str, energy: float, rows: Sequence[tuple[str, float]], elements: Sequence[str]
) -> float:
    """Returns the energy above the hull of a system's structures, negative below it."""
    inside = [row for row in rows if set(Composition(row[0]).get_el_amt_dict()) <= set(elements)]
    entries = [_entry(*row) for row in [*inside, *((symbol, 0.0) for symbol in elements)]]
    diagram = PhaseDiagram(entries)
    return float(diagram.get_e_above_hull(_entry(formula, energy), allow_negative=True))


def _entry(formula: str, energy: float) -> PDEntry:
    composition = Composition(formula)
    return PDEntry(composition, energy * composition.num_atoms)
