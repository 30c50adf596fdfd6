"""Text of one structure (CIF, POSCAR, pymatgen's dictionaries) to a crystal, by pymatgen."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif_p1 import read_plain_cif
from tfmat.errors import InputError


def _short(error: object) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else text[:157] + "..."


def crystals_from_cif(text: str) -> list[Crystal]:
    """Parses a CIF; the cell is kept as it stands, with all its atoms.

    Args:
        text: The file's content.

    Returns:
        One crystal for every data block that holds one.

    Raises:
        InputError: Nothing in it is a readable, ordered structure.
    """
    plain = read_plain_cif(text)
    if plain is not None:
        return [plain]
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            structures = CifParser.from_str(text).parse_structures(primitive=False)
        # pymatgen's parser lets whatever happened inside it through.
        except Exception as error:
            reasons = [str(w.message) for w in caught if "No structure parsed" in str(w.message)]
            raise InputError(f"broken CIF: {_short(reasons[0] if reasons else error)}") from error
    return [Crystal.from_structure(structure) for structure in structures]


def crystal_from_poscar(text: str) -> Crystal:
    """Parses a POSCAR that names its elements (VASP 5 and later).

    Args:
        text: The file's content.

    Raises:
        InputError: It is broken, or names no elements.
    """
    from pymatgen.io.vasp import Poscar

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            structure = Poscar.from_str(text).structure
        except Exception as error:
            raise InputError(f"broken POSCAR: {_short(error)}") from error
    if any("Elements in POSCAR cannot be determined" in str(w.message) for w in caught):
        raise InputError("broken POSCAR: it names no elements (VASP 4 form)")
    return Crystal.from_structure(structure)


def crystal_from_mapping(value: Mapping[str, Any]) -> Crystal:
    """Converts the dictionary form of a pymatgen ``Structure``.

    Args:
        value: What ``Structure.as_dict()`` gives.

    Raises:
        InputError: It is none, or the structure is disordered.
    """
    from pymatgen.core import Structure

    try:
        structure = Structure.from_dict(value)
    except Exception as error:
        raise InputError(f"broken structure: {type(error).__name__} {_short(error)}") from error
    return Crystal.from_structure(structure)


def crystal_from_text(text: str) -> Crystal:
    """Parses one structure from a table's cell: CIF, or a pymatgen structure as JSON.

    Args:
        text: The cell.

    Raises:
        InputError: It holds no structure, more than one, or one that is not readable.
    """
    if not text.strip():
        raise InputError("no structure: the cell is empty")
    if text.lstrip()[0] == "{":
        try:
            value = json.loads(text)
        except ValueError as error:
            raise InputError(f"broken structure: {_short(error)}") from error
        return crystal_from_mapping(value)
    crystals = crystals_from_cif(text)
    if len(crystals) != 1:
        raise InputError(f"broken CIF: {len(crystals)} structures where one belongs")
    return crystals[0]
