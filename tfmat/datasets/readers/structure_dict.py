"""The dictionary form of a pymatgen ``Structure`` to a crystal, from its plain fields alone.

pymatgen's own ``from_dict`` imports whatever module an ``@module`` in it names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.cell import cell_vectors
from tfmat.datasets.readers.claims import check_record, check_volume
from tfmat.datasets.readers.one_place import refuse_one_place
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers

_PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")
# Occupancies that differ less from 1 are rounded.
_WHOLE = 5e-4
# Å by which the two forms of a position may differ; they are written with many digits.
_ROUNDED = 1e-2
# By which the lengths (Å) and angles (degrees) of a cell may differ from its vectors.
_TOLERANCES = (1e-2,) * 3 + (0.1,) * 3


@np.errstate(all="ignore")
def crystal_from_mapping(value: Mapping[str, Any]) -> Crystal:
    """Converts the dictionary form of a pymatgen ``Structure``.

    Args:
        value: What ``Structure.as_dict()`` gives.

    Raises:
        InputError: It is none; it is disordered or not periodic; or its parts (``abc`` and
            ``xyz``, vectors and lengths, angles or volume, ``nsites``) contradict one another.
    """
    try:
        return _crystal(value)
    except KeyError as error:
        raise InputError(f"broken structure: it lacks {error}") from error
    except (TypeError, ValueError, OverflowError, AttributeError, IndexError) as error:
        detail = " ".join(str(error).split())[:80]
        raise InputError(f"broken structure: a part has not pymatgen's form ({detail})") from error


def _crystal(value: Mapping[str, Any]) -> Crystal:
    if "sites" in value and "lattice" not in value:
        raise InputError("not periodic: it has no lattice")
    lattice, sites = value["lattice"], value["sites"]
    periodic = lattice.get("pbc", True)
    flags = periodic if isinstance(periodic, list | tuple) else [periodic]
    if any(isinstance(flag, str) for flag in flags):
        raise InputError(f"broken structure: pbc is {str(periodic)[:40]!r}, not true or false")
    if not all(flags):
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
    positions = _positions(sites, cell)
    crystal = refuse_one_place(Crystal.from_arrays(cell, positions, numbers), "structure")
    _check_parameters(cell, lattice)
    check_volume(abs(float(np.linalg.det(cell))), lattice.get("volume"), "volume")
    check_record(crystal, value)
    return crystal


def _positions(
    sites: Sequence[Mapping[str, Any]], cell: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns Cartesian positions ``(atoms, 3)``, of ``abc`` where a site has it."""
    fractional = [site.get("abc") for site in sites]
    given = [site.get("xyz") for site in sites]
    without = [row for row, place in enumerate(fractional) if place is None]
    for row in without:
        fractional[row] = [0.0] * 3
    positions = np.array(fractional, dtype=np.float64) @ cell
    if without:
        positions[without] = np.array([sites[row]["xyz"] for row in without], dtype=np.float64)
    both = [row for row, place in enumerate(given) if place is not None]
    if both:
        again = np.array([given[row] for row in both], dtype=np.float64)
        same = positions[both]
        if again.shape != same.shape or not np.abs(again - same).max() <= _ROUNDED:
            raise InputError("contradiction: abc and xyz of a site are different places")
    return positions


def _check_parameters(cell: NDArray[np.float64], lattice: Mapping[str, Any]) -> None:
    """Compares the vectors of a cell with the lengths and angles beside them."""
    lengths = np.linalg.norm(cell, axis=1)
    first, second = [1, 0, 0], [2, 2, 1]
    cosines = (cell[first] * cell[second]).sum(axis=1) / (lengths[first] * lengths[second])
    found = [*lengths.tolist(), *np.degrees(np.arccos(np.clip(cosines, -1, 1))).tolist()]
    for name, value, tolerance in zip(_PARAMETERS, found, _TOLERANCES, strict=True):
        stated = lattice.get(name)
        if not isinstance(stated, int | float) or isinstance(stated, bool):
            continue
        if not abs(stated - value) <= tolerance:
            raise InputError(
                f"contradiction: {name} is {value:.6g} by the cell's vectors, but {stated:.6g} is "
                f"stated"
            )


def _number(species: Sequence[Mapping[str, Any]]) -> int:
    if len(species) != 1 or not abs(float(species[0].get("occu", 1)) - 1) <= _WHOLE:
        raise InputError("disordered: a site holds several species or is partly occupied")
    symbol = species[0]["element"]
    number = atomic_numbers().get(symbol)
    if number is None:
        raise InputError(f"unknown element: {str(symbol)[:20]!r}")
    return number
