"""One structure from a table's cell: CIF, POSCAR or pymatgen's dictionary as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.structure import crystals_of_cif
from tfmat.datasets.readers.json_stream import Repeated, as_object, whole_number
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
    if text.lstrip()[0] in '{"':
        value = _decoded(text)
        # Text within JSON, as of a structure that was written twice, is what it stands for.
        return crystal_from_text(value) if isinstance(value, str) else crystal_from_mapping(value)
    if looks_like_poscar(text):
        return crystal_from_poscar(text)
    found = [crystal for _, crystal in crystals_of_cif(text)]
    if len(found) != 1:
        raise InputError(f"broken CIF: {len(found)} structures where one belongs")
    if isinstance(found[0], str):
        raise InputError(found[0])
    return found[0]


def _decoded(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=whole_number)
    except RecursionError as error:
        raise InputError("broken structure: JSON that is nested too deeply") from error
    except ValueError as error:
        detail = " ".join(str(error).split())[:120]
        raise InputError(f"broken structure: not JSON ({detail})") from error


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = as_object(pairs)
    if isinstance(found, Repeated):
        raise InputError(f"broken structure: key {found.key[:40]!r} comes twice in one object")
    return found
