"""Prototypes: structures with their elements taken away, to be filled with others."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

# Atoms of two cells count as one position when they are this close, Å.
_SYMMETRY_PRECISION = 1e-3


@dataclass(frozen=True, eq=False)
class Prototype:
    """The geometry of a known structure.

    Attributes:
        name: Where it comes from: an AFLOW label or the id in a dataset.
        lattice: Primitive cell vectors as rows, Å, shape ``(3, 3)``.
        positions: Cartesian positions in Å, shape ``(atoms, 3)``.
        roles: Which element sits on each atom, shape ``(atoms,)``: 0 for the element whose symbol
            comes first in the alphabet ("A" in AFLOW's labels), 1 for the next, and so on.
    """

    name: str
    lattice: NDArray[np.float64]
    positions: NDArray[np.float64]
    roles: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.roles)

    def filled(self, numbers: Sequence[int]) -> Crystal:
        """Returns the geometry with an element on every role.

        Args:
            numbers: One atomic number for each role.
        """
        return Crystal(
            self.lattice, self.positions, np.asarray(numbers, dtype=np.uint8)[self.roles]
        )


AFLOW_ATTRIBUTION = (
    "Mehl et al., Comput. Mater. Sci. 136, S1 (2017)",
    "Hicks et al., Comput. Mater. Sci. 161, S1 (2019)",
)
"""Whom to cite for the AFLOW prototypes."""


def aflow_file() -> Path:
    """Returns the file with the AFLOW prototypes that comes with pymatgen."""
    # Importing the package would make pymatgen structures of them all, which takes seconds.
    spec = find_spec("pymatgen.analysis.prototypes")
    assert spec is not None  # noqa: S101
    return Path(str(spec.origin)).parent / "aflow_prototypes.json.gz"


def aflow(components: int = 2) -> Iterator[Prototype]:
    """Yields the AFLOW prototypes that come with pymatgen.

    Source: Mehl et al., Comput. Mater. Sci. 136, S1 (2017), as distributed by pymatgen.

    Args:
        components: How many elements they have.

    Yields:
        Prototypes named by their AFLOW label; where several share one, ``-2``, ``-3``, ... follow.
    """
    for name, symbols, lattice, positions in _aflow_entries():
        elements = sorted(set(symbols))
        if len(elements) == components:
            roles = np.array([elements.index(symbol) for symbol in symbols], dtype=np.intp)
            yield Prototype(name, lattice, positions, roles)


def aflow_crystals() -> Iterator[tuple[str, Crystal]]:
    """Yields the same with the elements that they are named after.

    Yields:
        Names as of :func:`aflow`, and crystals of any number of elements.
    """
    from ase.data import atomic_numbers

    for name, symbols, lattice, positions in _aflow_entries():
        numbers = np.array([atomic_numbers[symbol] for symbol in symbols], dtype=np.uint8)
        yield name, Crystal(lattice, positions, numbers)


def _aflow_entries() -> Iterator[tuple[str, list[str], NDArray[np.float64], NDArray[np.float64]]]:
    """Yields name, symbols, cell vectors and positions (Å) of each."""
    with gzip.open(aflow_file(), "rt", encoding="utf-8") as stream:
        entries: list[dict[str, Any]] = json.load(stream)
    seen: Counter[str] = Counter()
    for entry in entries:
        label, sites = entry["tags"]["aflow"], entry["snl"]["sites"]
        seen[label] += 1
        yield (
            label if seen[label] == 1 else f"{label}-{seen[label]}",
            [site["species"][0]["element"] for site in sites],
            np.array(entry["snl"]["lattice"]["matrix"], dtype=np.float64),
            np.array([site["xyz"] for site in sites], dtype=np.float64),
        )


def from_dataset(dataset: Dataset, components: int = 2) -> Iterator[Prototype]:
    """Yields the structures of a dataset with so many elements, reduced to primitive cells.

    Args:
        dataset: Any imported dataset.
        components: How many elements they have.

    Yields:
        Prototypes named by the id in the dataset.

    Raises:
        InputError: None of its structures has exactly so many elements.
    """
    from ase.data import chemical_symbols

    found = False
    for index, crystal in enumerate(dataset):
        numbers = np.unique(crystal.numbers)
        if len(numbers) != components:
            continue
        found = True
        cell = primitive(crystal)
        alphabetic = sorted(numbers, key=lambda number: chemical_symbols[number])
        yield Prototype(
            name=dataset.ids[index],
            lattice=cell.lattice,
            positions=cell.positions,
            roles=(cell.numbers[:, None] == np.array(alphabetic)).argmax(axis=1),
        )
    if not found:
        raise InputError(
            f"{dataset.path}: no structures of {components} elements; `prototypes` needs some"
        )


def primitive(crystal: Crystal) -> Crystal:
    """Returns the smallest cell that repeats to the same crystal, in the same orientation.

    Args:
        crystal: Any crystal; where no symmetry is found it comes back as it is.
    """
    counts = np.unique(crystal.numbers, return_counts=True)[1]
    if np.gcd.reduce(counts) == 1:
        return crystal  # no cell of the same composition is smaller

    import spglib

    from tfmat.crystals.symmetry import ask_spglib

    reduced = ask_spglib(
        spglib.standardize_cell,
        crystal,
        to_primitive=True,
        no_idealize=True,
        symprec=_SYMMETRY_PRECISION,
    )
    if reduced is None or len(reduced[2]) >= len(crystal):
        return crystal
    lattice, fractional, numbers = reduced
    return Crystal(lattice, fractional @ lattice, numbers.astype(np.uint8))
