"""Splits: nothing is lost, nothing leaks, the same seed gives the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmat.datasets.crystal import Crystal
from tfmat.datasets.split import formula, split
from tfmat.errors import InputError


def test_the_formula_is_reduced():
    crystal = Crystal.from_arrays(np.eye(3) * 5, np.zeros((6, 3)), [34, 83, 34, 83, 34, 34])
    assert formula(crystal) == ((34, 2), (83, 1))


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=60),
    st.floats(0.05, 0.6),
    st.integers(0, 5),
    st.sampled_from(["random", "formula"]),
    st.randoms(use_true_random=False),
)
def test_nothing_is_lost_and_nothing_leaks(formulas, share, seed, kind, random):
    families = [random.randint(0, len(formulas)) for _ in formulas]
    try:
        train, test = split(formulas, share, seed, kind, families)
    except InputError:
        return
    assert sorted([*train, *test]) == list(range(len(formulas)))
    assert len(train) > 0
    assert len(test) > 0
    assert not {families[i] for i in train} & {families[i] for i in test}
    if kind == "formula":
        assert not {formulas[i] for i in train} & {formulas[i] for i in test}
    again = split(formulas, share, seed, kind, families)
    np.testing.assert_array_equal(train, again[0])
    np.testing.assert_array_equal(test, again[1])


def test_the_share_is_met():
    formulas = [index // 3 for index in range(3000)]
    for kind in ("random", "formula"):
        train, test = split(formulas, 0.1, 1, kind)
        assert len(test) == 300
        assert len(train) == 2700
    assert set(split(formulas, 0.1, 1)[1]) != set(split(formulas, 0.1, 2)[1])


def test_a_split_is_fixed_for_good():
    # A run that is resumed with another version must hold out the same structures.
    assert split(list(range(12)), 0.25, 7)[1].tolist() == [4, 6, 10]


def test_large_groups_leave_something_on_both_sides():
    train, test = split(["a"] * 60 + ["b"] * 40, 0.1, 0, "formula")
    assert (len(train), len(test)) == (60, 40)


@pytest.mark.parametrize(
    ("formulas", "share", "kind", "message"),
    [
        (["a", "a"], 0.5, "formula", "cannot be split"),
        (["a"], 0.5, "random", "cannot be split"),
        (["a", "b"], 0.0, "random", "between 0 and 1"),
        (["a", "b"], 1.5, "random", "between 0 and 1"),
        (["a", "b"], 0.5, "other", "give random or formula"),
    ],
)
def test_impossible_splits(formulas, share, kind, message):
    with pytest.raises(InputError, match=message):
        split(formulas, share, 0, kind)
