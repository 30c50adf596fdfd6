"""Validity of single compositions with integers of any length, for sums too large for a word."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from tfmat.matgan.validity.oxidation_states import OxidationStates


class ExactValidity:
    """Judges one composition of two or more elements at a time.

    Args:
        elements: Oxidation states and electronegativities.
    """

    def __init__(self, elements: OxidationStates) -> None:
        self._lowest = {number: states[0] for number, states in elements.states.items()}
        self._steps, self._cations, self._anions = (
            {number: charges(states) for number, states in elements.states.items()}
            for charges in (_steps, _cations, _anions)
        )
        self._electronegativity = dict(enumerate(elements.electronegativity.tolist()))

    def judge(self, numbers: Sequence[int], counts: Sequence[int]) -> tuple[bool, bool]:
        """Returns whether a composition is charge-neutral, and whether it is balanced too.

        Args:
            numbers: Atomic numbers, each once.
            counts: Atoms of each; a common divisor does not matter.
        """
        divisor = math.gcd(*counts)
        atoms = [(number, count // divisor) for number, count in zip(numbers, counts, strict=True)]
        neutral = self._neutral(atoms)
        return neutral, neutral and self._balanced(atoms)

    def _neutral(self, atoms: list[tuple[int, int]]) -> bool:
        # Every state counts from the element's lowest one, so that no sum is negative.
        word, target = 1, 0
        for number, count in atoms:
            if number not in self._steps:
                return False
            word = _reach(word, count, self._steps[number])
            target -= count * self._lowest[number]
        return target >= 0 and bool(word >> target & 1)

    def _balanced(self, atoms: list[tuple[int, int]]) -> bool:
        values = self._electronegativity
        if any(math.isnan(values[number]) for number, _ in atoms):
            return False
        atoms = sorted(atoms, key=lambda atom: values[atom[0]])
        anions = [1]
        for number, count in reversed(atoms[1:]):
            anions.append(_reach(anions[-1], count, self._anions[number]))
        cations = 1
        for (number, count), (following, _) in itertools.pairwise(atoms):
            cations = _reach(cations, count, self._cations[number])
            # Of two elements with one electronegativity neither can be the other's cation.
            if cations & anions.pop() and values[number] < values[following]:
                return True
        return False


def _reach(word: int, count: int, charges: Iterable[int]) -> int:
    """Bits of the sums that can be reached with one more element."""
    reached = 0
    for charge in charges:
        reached |= word << count * charge
    return reached


def _steps(states: Sequence[int]) -> list[int]:
    return [state - states[0] for state in states]


def _cations(states: Sequence[int]) -> list[int]:
    return [state for state in states if state > 0]


def _anions(states: Sequence[int]) -> list[int]:
    return [-state for state in states if state < 0]
