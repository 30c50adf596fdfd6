"""What is known of an element without any data: numbers from which networks see that two are alike.

Sizes, electronegativity, ionisation energy, valence electrons and the like (pymatgen's ``Element``,
radii from ASE), standardised over the elements; and the places in the periodic table as zeros and
ones.
"""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np
from ase.data import atomic_masses, covalent_radii
from numpy.typing import NDArray

# Lawrencium; of heavier elements no crystal is known.
HEAVIEST = 103
_LANTHANIDES, _ACTINIDES = range(57, 72), range(89, 104)
_GROUPS, _PERIODS = 18, 7
# Standardised over these: the elements that crystals are made of.
_USUAL = slice(1, 100)
PROPERTIES = 16
# Properties, periods, groups, and one for lanthanides and actinides.
DESCRIPTORS = PROPERTIES + _PERIODS + _GROUPS + 1


@functools.cache
def properties() -> NDArray[np.float64]:
    """Returns properties of the elements by atomic number.

    Returns:
        Shape ``(104, 16)``: electronegativity, covalent radius (Å), atomic radius (Å), group,
        period, valence electrons in s, p, d, f, Mendeleev number, ionisation energy (eV), electron
        affinity (eV), melting point (1000 K), mean ionic radius (Å), metal or not, mass (100 u).
        Zeros for atomic number 0. What is unknown has a middling value.
    """
    from pymatgen.core import Element

    table = np.zeros((HEAVIEST + 1, PROPERTIES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of every value that it lacks
        for number in range(1, HEAVIEST + 1):
            element = Element.from_Z(number)
            outer = element.full_electronic_structure[-4:]
            shells = dict.fromkeys("spdf", 0.0) | {shell: held for _, shell, held in outer}
            table[number] = [
                _known(element.X, 2.0),
                covalent_radii[number],
                _known(element.atomic_radius, 1.6),
                _group(number),
                element.row,
                *shells.values(),
                _known(element.mendeleev_no, 50.0),
                _known(element.ionization_energy, 8.0),
                _known(element.electron_affinity, 0.0),
                _known(element.melting_point, 1000.0) / 1000,
                _known(element.average_ionic_radius, 0.0),
                float(element.is_metal),
                atomic_masses[number] / 100,
            ]
    return table


@functools.cache
def descriptors() -> NDArray[np.float32]:
    """Returns the descriptors of the elements by atomic number, zeros for 0: ``(104, 42)``."""
    from pymatgen.core import Element

    table = properties()
    spread = table[_USUAL].std(axis=0) + 1e-6
    places = np.zeros((len(table), DESCRIPTORS - PROPERTIES))
    for number in range(1, len(table)):
        places[number, Element.from_Z(number).row - 1] = 1
        inner = number in _LANTHANIDES or number in _ACTINIDES
        places[number, -1 if inner else _PERIODS + _group(number) - 1] = 1
    joined = np.concatenate([(table - table[_USUAL].mean(axis=0)) / spread, places], axis=1)
    joined[0] = 0
    return joined.astype(np.float32)


@functools.cache
def unlikeness() -> NDArray[np.float32]:
    """Returns the squared distance of the descriptors of each two elements, ``(104, 104)``."""
    rows = descriptors().astype(np.float64)
    products = rows @ rows.T
    squares = np.diag(products)
    found = np.maximum(squares[:, None] + squares - 2 * products, 0)
    np.fill_diagonal(found, 0)
    return found.astype(np.float32)


@functools.cache
def electronegativities() -> NDArray[np.float64]:
    """Returns Pauling's electronegativity by atomic number, 2 where none is known."""
    return np.asarray(properties()[:, 0])


def _group(number: int) -> int:
    from pymatgen.core import Element

    if number in _LANTHANIDES or number in _ACTINIDES:
        return 3
    return int(Element.from_Z(number).group)


def _known(value: Any, otherwise: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return otherwise
    return number if math.isfinite(number) else otherwise
