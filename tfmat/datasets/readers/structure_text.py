"""One structure from a table's cell: CIF, POSCAR or pymatgen's dictionary as JSON."""

from __future__ import annotations

import json

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.structure import crystals_of_cif
from tfmat.datasets.readers.poscar import crystal_from_poscar, looks_like_poscar
from tfmat.datasets.readers.structure_dict import crystal_from_mapping
from tfmat.errors import InputError


def crystal_from_text(text: str) -> Crystal:
    """Parses one structure.

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
        except (ValueError, RecursionError) as error:
            detail = " ".join(str(error).split())[:120]
            raise InputError(f"broken structure: not JSON ({detail})") from error
        return crystal_from_mapping(value)
    if looks_like_poscar(text):
        return crystal_from_poscar(text)
    found = [crystal for _, crystal in crystals_of_cif(text)]
    if len(found) != 1:
        raise InputError(f"broken CIF: {len(found)} structures where one belongs")
    if isinstance(found[0], str):
        raise InputError(found[0])
    return found[0]
