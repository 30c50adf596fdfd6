"""A fast reader for the plainest CIFs: one block, no symmetry but the identity, ordered.

Benchmark tables hold hundreds of thousands of them, all written by pymatgen, whose own parser
takes ten times as long as this file. Whatever looks unusual here is left to that parser.
"""

from __future__ import annotations

import re

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.formulas.elements import atomic_numbers

_CELL = tuple(
    f"_cell_{name}"
    for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
)
_OPERATIONS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")
_IDENTITY = re.compile(r"(\d+\s+)?(['\"]?)x,\s*y,\s*z\2", re.IGNORECASE)
_POSITION = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")
# Atoms closer than this share of the cell may be one site that is described twice.
_SAME_SITE = 1e-4


def read_plain_cif(text: str) -> Crystal | None:
    """Reads a CIF in P1 in which every site is one whole atom.

    Args:
        text: The file's content.

    Returns:
        The crystal in the orientation that pymatgen gives it, or ``None`` if the CIF is not of the
        plain kind (or broken): then pymatgen must have a look.

    Raises:
        InputError: The cell or a position is unusable.
    """
    values: dict[str, str] = {}
    operations: list[str] = []
    names: list[str] = []
    atoms: list[list[str]] = []
    columns: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] == "#":
            continue
        if line[0] == ";" or (line.startswith("data_") and values):
            return None
        if line == "loop_":
            names = []
            values["loop_"] = ""
        elif line[0] == "_":
            words = line.split(None, 1)
            if len(words) == 2:
                values[words[0]] = words[1]
                names = []
            else:
                names.append(line)
        elif _POSITION[0] in names:
            columns = names
            atoms.append(line.split())
        elif any(name in names for name in _OPERATIONS):
            operations.append(line)
    if len(operations) != 1 or not _IDENTITY.fullmatch(operations[0]):
        return None
    return _crystal(values, columns, atoms)


def _crystal(values: dict[str, str], columns: list[str], atoms: list[list[str]]) -> Crystal | None:
    from pymatgen.core import Lattice

    try:
        cell = [float(values[name]) for name in _CELL]
        species = columns.index("_atom_site_type_symbol")
        places = [columns.index(name) for name in _POSITION]
        numbers = [atomic_numbers()[words[species]] for words in atoms]
        fractional = np.array([[float(words[place]) for place in places] for words in atoms])
        if "_atom_site_occupancy" in columns:
            place = columns.index("_atom_site_occupancy")
            if any(float(words[place]) != 1 for words in atoms):
                return None
    except (ValueError, KeyError, IndexError):
        return None
    if any("disorder" in name or "calc_flag" in name for name in columns):
        return None
    if not atoms or any(len(words) != len(columns) for words in atoms):
        return None
    if not (np.isfinite(cell).all() and np.isfinite(fractional).all()):
        return None
    sites = np.round(fractional % 1 / _SAME_SITE).astype(int) % round(1 / _SAME_SITE)
    if len(np.unique(sites, axis=0)) < len(atoms):
        return None
    lattice = Lattice.from_parameters(*cell).matrix
    return Crystal.from_arrays(lattice, fractional @ lattice, numbers)
