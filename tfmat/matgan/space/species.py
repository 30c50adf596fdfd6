"""Combinations of species (an element in an oxidation state) with ratios, counted exactly.

This is how exhaustive enumerations of chemical space count (Davies et al., Chem 1, 617 (2016), with
whose 0.78% the MatGAN paper compares): one formula stands for as many combinations as its elements
have choices of oxidation states, so that the share of valid ones is far below that of formulas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.matgan.elements import MAX_COUNT, NUMBERS
from tfmat.matgan.space.formulas import reduced_ratios
from tfmat.matgan.validity.oxidation_states import OxidationStates

# Number of ways by charge; Python's whole numbers, because they exceed 64 bits.
_Ways = dict[int, int]


@dataclass(frozen=True)
class Combinations:
    """Numbers of (species, charge, ratio) combinations.

    Attributes:
        total: One oxidation state for each of the elements, with any reduced ratio.
        neutral: Those without charge.
        balanced: Those of them whose cations are all less electronegative than all anions.
    """

    total: int
    neutral: int
    balanced: int


def count_combinations(
    n_elements: int,
    states: OxidationStates,
    max_count: int = MAX_COUNT,
    numbers: NDArray[np.uint8] = NUMBERS,
) -> Combinations:
    """Counts combinations of species with reduced ratios, without making them.

    Elements are added one after the other, and only the number of ways to reach each charge is
    kept. Reduced ratios are those of all counts, less those with a common divisor (Möbius).

    Args:
        n_elements: Different elements of a formula.
        states: Oxidation states and electronegativities.
        max_count: Most atoms of one element.
        numbers: Atomic numbers to choose from.
    """
    ions = [(int(number), states.states.get(int(number), ())) for number in numbers]
    chosen: list[int] = [1] + [0] * n_elements
    for _, charges in ions:
        for size in range(n_elements, 0, -1):
            chosen[size] += chosen[size - 1] * len(charges)
    neutral = balanced = 0
    for divisor in range(1, max_count + 1):
        sign = _moebius(divisor)
        if sign:
            largest = max_count // divisor
            neutral += sign * _neutral(n_elements, [charges for _, charges in ions], largest)
            balanced += sign * _balanced(n_elements, ions, states.electronegativity, largest)
    total = chosen[n_elements] * len(reduced_ratios(n_elements, max_count))
    return Combinations(total, neutral, balanced)


def _neutral(n_elements: int, charges: list[tuple[int, ...]], largest: int) -> int:
    ways: list[_Ways] = [{0: 1}, *({} for _ in range(n_elements))]
    for of_element in charges:
        _choose(ways, of_element, largest)
    return ways[n_elements].get(0, 0)


def _balanced(
    n_elements: int,
    ions: list[tuple[int, tuple[int, ...]]],
    electronegativity: NDArray[np.float64],
    largest: int,
) -> int:
    """Counts neutral combinations with the elements in the order of electronegativity.

    As soon as there is an anion, only anions may follow; elements of one electronegativity cannot
    be on both sides.
    """
    groups: dict[float, list[tuple[int, ...]]] = {}
    for number, charges in ions:
        value = float(electronegativity[number])
        if not math.isnan(value):
            groups.setdefault(value, []).append(charges)
    cations: list[_Ways] = [{0: 1}, *({} for _ in range(n_elements))]
    anions: list[_Ways] = [{} for _ in range(n_elements + 1)]
    for value in sorted(groups):
        before = [dict(ways) for ways in cations]
        for charges in groups[value]:
            _choose(cations, [charge for charge in charges if charge > 0], largest)
        # `both` holds what had anions already and what gets its first one in this group.
        both = [
            {charge: had.get(charge, 0) + new.get(charge, 0) for charge in {*had, *new}}
            for had, new in zip(anions, before, strict=True)
        ]
        for charges in groups[value]:
            _choose(both, [charge for charge in charges if charge < 0], largest)
        anions = [
            {charge: n - new.get(charge, 0) for charge, n in ways.items()}
            for ways, new in zip(both, before, strict=True)
        ]
    return anions[n_elements].get(0, 0)


def _choose(ways: list[_Ways], charges: tuple[int, ...] | list[int], largest: int) -> None:
    """Adds an element, or not, to what was chosen: in one of its states, 1 to `largest` atoms."""
    moves = [charge * count for charge in charges for count in range(1, largest + 1)]
    for size in range(len(ways) - 1, 0, -1):
        target = ways[size]
        for charge, n in ways[size - 1].items():
            for move in moves:
                target[charge + move] = target.get(charge + move, 0) + n


def _moebius(number: int) -> int:
    """Möbius function: 0 with a square factor, else (-1) to the number of prime factors."""
    sign = 1
    for prime in range(2, number + 1):
        if number % prime == 0:
            number //= prime
            if number % prime == 0:
                return 0
            sign = -sign
    return sign
