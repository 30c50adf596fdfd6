"""Small campaigns on ordered alloys of copper and gold, of which EMT knows the energies."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import DatasetWriter
from tfmat.discovery.campaign import Campaign, Judging, Relaxing

# One cell of each: ordered alloys on a face-centred lattice.
KNOWN = ("Cu4", "Au4", "Cu2Au2")
MADE = ("Cu3Au", "Cu3Au", "Cu2Au2", "CuAu3")


def alloy(symbols: str, strain: float = 0.0) -> Crystal:
    """A cubic cell with the atoms in the order of their names."""
    gold = Atoms(symbols).symbols.count("Au")
    atoms = bulk("Cu", "fcc", a=(3.6 + 0.12 * gold) * (1 + strain), cubic=True)
    atoms.symbols = symbols
    return Crystal(atoms.cell.array, atoms.positions, atoms.numbers.astype(np.uint8))


def write(folder: Path, names: Sequence[str], strain: float = 0.0) -> Path:
    """Writes a dataset of alloys."""
    with DatasetWriter(folder, {"name": folder.name}) as writer:
        for number, name in enumerate(names):
            writer.add(alloy(name, strain), f"{folder.name}-{number}", {})
    return folder


def write_both(folder: Path) -> Path:
    """Writes the alloys that are known, and those that are made, a little larger."""
    write(folder / "known", KNOWN)
    write(folder / "made", MADE, 0.01)
    return folder


def settings(place: Path, **relax: Any) -> Campaign:
    """A campaign of the alloys in ``made`` beside those in ``known``."""
    return Campaign(
        structures=str(place / "made"),
        judge=Judging((f"known={place / 'known'}",)),
        relax=Relaxing(potential="emt", **relax),
        reach=0.5,
    )


def table(out: Path) -> list[dict[str, str]]:
    """Reads the candidates of a campaign."""
    with (out / "result" / "candidates.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))
