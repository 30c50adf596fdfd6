"""The dictionary form of a pymatgen ``Structure`` to a crystal, from its plain fields alone.

pymatgen's own ``from_dict`` imports whatever module an ``@module`` in it names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.cell import cell_vectors
from tfmat.datasets.readers.claims import check_record, check_volume
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers

_PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")
# Occupancies that differ less from 1 are rounded.
_WHOLE = 5e-4
# Å by which the two forms of a position may differ; they are written with many digits.
_ROUNDED = 1e-2


@np.errstate(all="ignore")
def crystal_from_mapping(value: Mapping[str, Any]) -> Crystal:
    """Converts the dictionary form of a pymatgen ``Structure``.

    Args:
        value: What ``Structure.as_dict()`` gives.

    Raises:
        InputError: It is none; it is disordered or not periodic; or its parts (``abc`` and
            ``xyz``, vectors and volume, ``nsites``) contradict one another.
    """
    try:
        return _crystal(value)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, IndexError) as error:
        detail = " ".join(str(error).split())[:80]
        raise InputError(f"broken structure: {type(error).__name__} {detail}") from error


def _crystal(value: Mapping[str, Any]) -> Crystal:
    if "sites" in value and "lattice" not in value:
        raise InputError("not periodic: it has no lattice")
    lattice, sites = value["lattice"], value["sites"]
    periodic = lattice.get("pbc", True)
    if not all(periodic if isinstance(periodic, Sequence) else [periodic]):
        raise InputError(f"not periodic: pbc is {str(periodic)[:40]}")
    if not sites:
        raise InputError("the structure has no atoms")
    numbers = [_number(site["species"]) for site in sites]
    if lattice.get("matrix") is not None:
        cell = np.array(lattice["matrix"], dtype=np.float64)
    else:
        parameters = [float(lattice[name]) for name in _PARAMETERS]
        cell = cell_vectors(parameters[:3], parameters[3:])
    if cell.shape != (3, 3):
        raise InputError(f"broken structure: the lattice has the shape {cell.shape}")
    if all(site.get("abc") is not None for site in sites):
        positions = np.array([site["abc"] for site in sites], dtype=np.float64) @ cell
        if all(site.get("xyz") is not None for site in sites):
            again = np.array([site["xyz"] for site in sites], dtype=np.float64)
            if again.shape != positions.shape or np.abs(again - positions).max() > _ROUNDED:
                raise InputError("contradiction: abc and xyz of a site are different places")
    else:
        positions = np.array([site["xyz"] for site in sites], dtype=np.float64)
    crystal = Crystal.from_arrays(cell, positions, numbers)
    check_volume(abs(float(np.linalg.det(cell))), lattice.get("volume"), "volume")
    check_record(crystal, value)
    return crystal


def _number(species: Sequence[Mapping[str, Any]]) -> int:
    if len(species) != 1 or abs(float(species[0].get("occu", 1)) - 1) > _WHOLE:
        raise InputError("disordered: a site holds several species or is partly occupied")
    symbol = species[0]["element"]
    number = atomic_numbers().get(symbol)
    if number is None:
        raise InputError(f"unknown element: {str(symbol)[:20]!r}")
    return number
