"""The space of formulas as numbers, against itertools."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.elements import NUMBERS
from tfmat.matgan.space.formulas import Space, choices, reduced_ratios, shuffled

SOME = np.array([26, 1, 8, 3, 11, 17], np.uint8)


@pytest.mark.parametrize(("size", "largest"), [(2, 8), (3, 4), (4, 2), (6, 1)])
def test_a_space_holds_every_reduced_formula_once(size, largest):
    expected = [
        dict(zip(elements, counts, strict=True))
        for elements in itertools.combinations(sorted(SOME.tolist()), size)
        for counts in itertools.product(range(1, largest + 1), repeat=size)
        if math.gcd(*counts) == 1
    ]
    space = Space(size, largest, SOME)
    assert space.size == len(expected)
    found = Compositions.concatenate(list(space.blocks()))
    key = np.sort(Compositions.from_mappings(expected).keys())
    np.testing.assert_array_equal(np.sort(found.keys()), key)


def test_the_sizes_of_the_whole_space():
    spaces = [Space(size) for size in (2, 3, 4)]
    # Ratios of 8 atoms and less without a common divisor, by inclusion and exclusion.
    for space in spaces:
        expected = sum(
            sign * (8 // divisor) ** space.n_elements
            for divisor, sign in ((1, 1), (2, -1), (3, -1), (5, -1), (6, 1), (7, -1))
        )
        assert len(space.ratios) == expected
    assert [space.size for space in spaces] == [153_510, 43_360_030, 7_740_753_055]


def test_the_last_formula_can_be_had_without_the_others():
    space = Space(4)
    last = space.at(np.array([0, space.size - 1]))
    assert last.mapping(1) == dict(zip(NUMBERS[-4:].tolist(), [8, 8, 8, 7], strict=True))
    assert last.mapping(0) == dict.fromkeys(NUMBERS[:4].tolist(), 1)


def test_choices_are_numbered_without_gaps():
    every = choices(np.arange(math.comb(9, 3)), 9, 3)
    assert set(map(tuple, every.tolist())) == set(itertools.combinations(range(9), 3))


@pytest.mark.parametrize("n", [1, 400, 1000, 2000, 2580])
def test_a_sample_has_no_duplicates_and_comes_from_its_seed(n):
    space = Space(2, 8, NUMBERS[:12])
    found = Compositions.concatenate(list(space.sample(n, 7)))
    assert len(np.unique(found.keys())) == len(found) == min(n, space.size)
    again = Compositions.concatenate(list(space.sample(n, 7)))
    np.testing.assert_array_equal(found.keys(), again.keys())
    if n < space.size:
        other = Compositions.concatenate(list(space.sample(n, 8)))
        assert found.formulas() != other.formulas()


def test_a_sample_is_uniform():
    space = Space(2, 3, NUMBERS[:6])
    drawn = [next(iter(space.sample(1, seed))).keys()[0] for seed in range(3000)]
    counts = np.unique(drawn, return_counts=True)[1]
    assert len(counts) == space.size
    expected = 3000 / space.size
    # Chi-square with size - 1 degrees of freedom: its mean plus five standard deviations.
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < space.size + 5 * math.sqrt(2 * space.size)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 17, 64, 1000, 65_537])
def test_a_shuffled_order_holds_every_number_once(size):
    order = shuffled(np.arange(size), size, [1])
    np.testing.assert_array_equal(np.sort(order), np.arange(size))
    np.testing.assert_array_equal(shuffled(np.arange(size)[::2], size, [1]), order[::2])
    if size > 100:
        assert abs(np.corrcoef(np.arange(size), order)[0, 1]) < 0.2
        assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 0.2


def test_ratios():
    assert reduced_ratios(2, 2).tolist() == [[1, 1], [1, 2], [2, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1,), "give 2 to 8 elements"),
        ((9,), "give 2 to 8 elements"),
        ((2, 0), "at least 1 atom"),
        ((3, 8, NUMBERS[:2]), "formulas of 3 elements need as many, not 2"),
        ((8, 9), "too many ratios"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(InputError, match=message):
        Space(*arguments)
