"""What is known of an element without any crystal: its properties, its period and its group."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from ase.data import atomic_masses, covalent_radii
from numpy.typing import NDArray

# Elements with the properties; the others have none, and rows of zeros.
KNOWN = 103
# Numbers of a row: 16 properties, 7 periods, 18 groups, one for the f block.
PROPERTIES = 16
SIZE = PROPERTIES + 7 + 18 + 1
_SHELLS = "spdf"


@lru_cache(maxsize=1)
def element_descriptors() -> NDArray[np.float32]:
    """Returns the descriptors by atomic number, shape ``(119, SIZE)``, float32.

    The properties come first, each with mean 0 and standard deviation 1 over the elements:
    electronegativity, covalent and atomic radius, group, period, electrons in the outer s, p, d and
    f shells, Mendeleev number, ionisation energy, electron affinity, melting point, ionic radius,
    whether it is a metal, mass.
    """
    from pymatgen.core import Element

    table = np.zeros((119, SIZE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is not known of an element
        for number in range(1, KNOWN + 1):
            element = Element.from_Z(number)
            table[number, :PROPERTIES] = _properties(element, number)
            table[number, PROPERTIES + element.row - 1] = 1
            table[number, -1 if _in_f_block(number) else PROPERTIES + 6 + element.group] = 1
    known = table[1 : KNOWN + 1, :PROPERTIES]
    known -= known.mean(axis=0)
    known /= known.std(axis=0)
    return table.astype(np.float32)


def _in_f_block(number: int) -> bool:
    return 57 <= number <= 71 or 89 <= number <= 103


def _properties(element: Any, number: int) -> list[float]:
    # The last of equal letters is the outer shell.
    outer = {shell: count for _, shell, count in element.full_electronic_structure[-4:]}
    return [
        _number(element.X, 2.0),
        float(covalent_radii[number]),
        _number(element.atomic_radius, 1.6),
        3.0 if _in_f_block(number) else float(element.group),
        float(element.row),
        *(float(outer.get(shell, 0)) for shell in _SHELLS),
        _number(element.mendeleev_no, 50.0),
        _number(element.ionization_energy, 8.0),
        _number(element.electron_affinity, 0.0),
        _number(element.melting_point, 1000.0),
        _number(element.average_ionic_radius, 0.0),
        float(element.is_metal),
        float(atomic_masses[number]),
    ]


def _number(value: Any, otherwise: float) -> float:
    """Returns a property, or what stands for one that is not known."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return otherwise
    return found if np.isfinite(found) else otherwise
