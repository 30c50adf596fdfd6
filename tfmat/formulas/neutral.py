"""Can these atoms be a compound of their own, written for itself? What tells an adduct's dot."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from fractions import Fraction

from tfmat.formulas.compositions import symbols

# Lowest and highest oxidation state of each element, generously: N. N. Greenwood, A. Earnshaw,
# Chemistry of the Elements, 2nd ed. (1997). Of metals only states above zero: a metal alone, or
# with other metals, is no part of an adduct.
_STATES = {
    "Li Na K Rb Cs Fr": (1, 1),
    "Be Mg Ca Sr Ba Ra Zn Cd": (2, 2),
    "Al Sc Y B": (3, 3),
    "Cu Ag Au Hg Ga In Tl": (1, 3),
    "Ti Zr Hf Sn Pb Pd Pt Ni": (2, 4),
    "V Nb Ta Bi": (2, 5),
    "Cr Mo W Fe Co Rh Ir U Np Pu Am Pa": (2, 6),
    "Mn Tc Re": (2, 7),
    "Ru Os Xe": (2, 8),
    "H": (-1, 1),
    "C Si Ge": (-4, 4),
    "N P As Sb": (-3, 5),
    "O": (-2, -1),
    "S Se Te Po": (-2, 6),
    "F": (-1, -1),
    "Cl Br I At": (-1, 7),
}
_OTHER = (2, 4)  # lanthanoids and the rest
# The first of these in a compound is its most electronegative element (Allred's scale) and has a
# state below zero. Peroxides, azides and disulfides reach up to the second number.
_ANIONS: dict[str, tuple[float, float]] = {
    "F": (-1, -1),
    "O": (-2, -1),
    "Cl": (-1, -1),
    "N": (-3, -1 / 3),
    "Br": (-1, -1),
    "I": (-1, -1),
    "S": (-2, -1),
    "Se": (-2, -1),
    "C": (-4, 4),
    "Te": (-2, -1),
    "H": (-1, -1),
    "As": (-3, -3),
    "P": (-3, -3),
    "Sb": (-3, -3),
    "Si": (-4, -4),
    "Ge": (-4, -4),
}
_NOISE = 1e-6
# Elements that crystallise with compounds as molecules: number of atoms.
_MOLECULES = {"H": 2, "N": 2, "Cl": 2, "Br": 2, "I": 2, "S": 8, "P": 4}


def may_be_compound(amounts: Mapping[int, int | Fraction | float]) -> bool:
    """Tells whether atoms can make up a neutral compound, or a molecule of one element.

    A wide net: any mixture of the states that an element is known in will do.

    Args:
        amounts: Amount by atomic number, of one formula unit.
    """
    atoms = {symbols()[number]: amount for number, amount in amounts.items()}
    if len(atoms) == 1:
        return atoms.items() <= _MOLECULES.items()
    anion = next((symbol for symbol in _ANIONS if symbol in atoms), None)
    if anion is None:
        return False
    lowest = highest = 0.0
    for symbol, amount in atoms.items():
        low, high = _ANIONS[symbol] if symbol == anion else _states().get(symbol, _OTHER)
        lowest += low * amount
        highest += high * amount
    return lowest < _NOISE and highest > -_NOISE


@functools.cache
def _states() -> dict[str, tuple[int, int]]:
    return {symbol: states for names, states in _STATES.items() for symbol in names.split()}
