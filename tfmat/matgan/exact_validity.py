"""Validity of a single composition with integers of any length, for sums too large for a word."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tfmat.matgan.oxidation_states import OxidationStates


def exact_validity(composition: Mapping[int, int], elements: OxidationStates) -> tuple[bool, bool]:
    """Judges one composition of two or more elements.

    Args:
        composition: Atomic numbers and how many atoms of each.
        elements: Oxidation states and electronegativities.

    Returns:
        Whether it is charge-neutral, and whether it is balanced too.
    """
    if any(number not in elements.states for number in composition):
        return False, False
    divisor = math.gcd(*composition.values())
    atoms = [(number, count // divisor) for number, count in composition.items()]
    return _neutral(atoms, elements), _balanced(atoms, elements)


def _neutral(atoms: list[tuple[int, int]], elements: OxidationStates) -> bool:
    # Every state counts from the element's lowest one, so that no sum is negative.
    word, target = 1, 0
    for number, count in atoms:
        states = elements.states[number]
        word = _reach(word, count, [state - states[0] for state in states])
        target -= count * states[0]
    return target >= 0 and bool(word >> target & 1)


def _balanced(atoms: list[tuple[int, int]], elements: OxidationStates) -> bool:
    value = {number: float(elements.electronegativity[number]) for number, _ in atoms}
    if any(math.isnan(electronegativity) for electronegativity in value.values()):
        return False
    atoms = sorted(atoms, key=lambda atom: value[atom[0]])
    for cut in range(1, len(atoms)):
        if value[atoms[cut - 1][0]] == value[atoms[cut][0]]:
            continue  # neither can be the cation of the other
        cations = anions = 1
        for number, count in atoms[:cut]:
            cations = _reach(cations, count, [s for s in elements.states[number] if s > 0])
        for number, count in atoms[cut:]:
            anions = _reach(anions, count, [-s for s in elements.states[number] if s < 0])
        if cations & anions:
            return True
    return False


def _reach(word: int, count: int, charges: list[int]) -> int:
    """Bits of the sums that can be reached with one more element."""
    reached = 0
    for charge in charges:
        reached |= word << count * charge
    return reached
