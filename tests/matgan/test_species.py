"""Numbers of (species, charge, ratio) combinations, against smact's own functions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import smact
from smact.screening import pauling_test

from tfmat.matgan.space.species import Combinations, count_combinations
from tfmat.matgan.validity.oxidation_states import SETS, oxidation_states


def literally(n_elements: int, states, largest: int, numbers) -> Combinations:
    total = neutral = balanced = 0
    ratios = [
        ratio
        for ratio in itertools.product(range(1, largest + 1), repeat=n_elements)
        if math.gcd(*ratio) == 1
    ]
    for elements in itertools.combinations(numbers, n_elements):
        values = [float(states.electronegativity[number]) for number in elements]
        known = [None if math.isnan(value) else value for value in values]
        for charges in itertools.product(*(states.states.get(number, ()) for number in elements)):
            total += len(ratios)
            found = len(smact.neutral_ratios(charges, threshold=largest))
            neutral += found
            if found and None not in known and pauling_test(charges, known):
                balanced += found
    return Combinations(total, neutral, balanced)


# Helium has no states, promethium no electronegativity; C and Se have the same, as have H and Ru.
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(
    ("size", "largest", "numbers"),
    [
        (2, 8, [1, 2, 3, 6, 8, 26, 34, 44, 54, 61]),
        (3, 4, [1, 6, 8, 34, 44, 61]),
        (4, 2, [1, 6, 8, 26, 34]),
    ],
)
def test_counts_are_those_of_a_loop(name, size, largest, numbers):
    states = oxidation_states(name)
    expected = literally(size, states, largest, numbers)
    found = count_combinations(size, states, largest, np.array(numbers, np.uint8))
    assert found == expected
    assert 0 < found.balanced <= found.neutral < found.total


def test_the_whole_space_of_the_paper():
    states = oxidation_states("smact14")
    found = [count_combinations(size, states) for size in (2, 3, 4)]
    assert [one.total for one in found] == [3_040_229, 3_799_555_097, 2_989_643_348_823]
    assert [one.balanced for one in found] == [12_781, 11_714_602, 4_206_871_953]
