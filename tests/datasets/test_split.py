"""Splits by groups: nothing is lost, nothing leaks, the same seed gives the same."""

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.splits.groups import formula, split, system
from tfmat.errors import InputError

FORMULAS = st.lists(
    st.dictionaries(st.sampled_from([1, 8, 34, 83]), st.integers(1, 3), min_size=1, max_size=3).map(
        lambda counts: tuple(sorted(counts.items()))
    ),
    min_size=2,
    max_size=60,
)
KINDS = ["random", "formula", "system"]


def some_families(formulas, random):
    """Copies are of one formula as a rule, but nothing may depend on it."""
    return [random.randint(0, len(formulas)) for _ in formulas]


def components(labels):
    """Groups of rows that share a label, by networkx, in the order of their first rows."""
    graph = networkx.Graph()
    for column, values in enumerate(labels):
        graph.add_edges_from((row, (column, value)) for row, value in enumerate(values))
    groups = [
        sorted(node for node in part if isinstance(node, int))
        for part in networkx.connected_components(graph)
    ]
    return sorted(groups)


def as_ever(formulas, share, seed, kind, families):
    """What `random` and `formula` have held out since the first version, written once more."""
    labels = [range(len(formulas)) if families is None else families]
    if kind == "formula":
        labels.append(formulas)
    groups = components(labels)
    wanted = round(share * len(formulas))
    order = [groups[number] for number in np.random.default_rng(seed).permutation(len(groups))]
    taken = []
    for group in order:
        if len(taken) + len(group) <= wanted:
            taken += group
    if not taken:
        taken = min(order, key=len)
    return sorted(taken)


def test_the_formula_is_reduced():
    crystal = Crystal.from_arrays(np.eye(3) * 5, np.zeros((6, 3)), [34, 83, 34, 83, 34, 34])
    assert formula(crystal) == ((34, 2), (83, 1))
    assert system(formula(crystal)) == (34, 83)


@given(FORMULAS, st.floats(0.05, 0.6), st.integers(0, 5), st.randoms(use_true_random=False))
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_and_nothing_leaks(kind, formulas, share, seed, random):
    families = some_families(formulas, random)
    labels = {"random": [], "formula": [formulas], "system": [list(map(system, formulas))]}[kind]
    groups = components([families, *labels])
    try:
        train, test = split(formulas, share, seed, kind, families)
    except InputError:
        assert len(groups) < 2
        return
    assert sorted([*train, *test]) == list(range(len(formulas)))
    assert len(train) > 0
    assert len(test) > 0
    for column in (families, *labels):
        assert not {column[i] for i in train} & {column[i] for i in test}
    # Not more than asked for, unless every group is larger; and no group more would fit.
    wanted = round(share * len(formulas))
    least = min(map(len, groups))
    assert len(test) <= max(wanted, least)
    left = [len(group) for group in groups if group[0] not in test]
    assert least > wanted or len(test) + min(left) > wanted
    again = split(formulas, share, seed, kind, families)
    np.testing.assert_array_equal(test, again[1])


@given(
    FORMULAS,
    st.floats(0.05, 0.9),
    st.integers(0, 2**32),
    st.sampled_from(["random", "formula"]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_a_split_is_fixed_for_good(formulas, share, seed, kind, copies, random):
    # A run or package of another version must hold out the same structures.
    families = some_families(formulas, random) if copies else None
    try:
        found = split(formulas, share, seed, kind, families)[1].tolist()
    except InputError:
        return
    assert found == as_ever(formulas, share, seed, kind, families)


def test_a_known_split():
    assert split([((1, n),) for n in range(1, 13)], 0.25, 7)[1].tolist() == [4, 6, 10]


@given(FORMULAS, st.floats(0.05, 0.6), st.integers(0, 5), st.randoms(use_true_random=False))
def test_systems_do_not_depend_on_the_order_of_the_rows(formulas, share, seed, random):
    families = some_families(formulas, random)
    order = list(range(len(formulas)))
    random.shuffle(order)
    shuffled = [formulas[i] for i in order], [families[i] for i in order]
    try:
        test = split(formulas, share, seed, "system", families)[1]
    except InputError:
        return
    again = split(shuffled[0], share, seed, "system", shuffled[1])[1]
    assert sorted(order[i] for i in again) == test.tolist()


def test_the_share_is_met():
    formulas = [((1, 1 + index // 3),) for index in range(3000)]
    for kind in ("random", "formula"):
        train, test = split(formulas, 0.1, 1, kind)
        assert len(test) == 300
        assert len(train) == 2700
    assert set(split(formulas, 0.1, 1)[1]) != set(split(formulas, 0.1, 2)[1])


def test_large_groups_leave_something_on_both_sides():
    train, test = split([((1, 1),)] * 60 + [((1, 2),)] * 40, 0.1, 0, "formula")
    assert (len(train), len(test)) == (60, 40)


@pytest.mark.parametrize(
    ("formulas", "share", "kind", "message"),
    [
        ([((1, 1),)] * 2, 0.5, "formula", "cannot be split"),
        ([((1, 1),), ((1, 2),)], 0.5, "system", "cannot be split"),
        ([((1, 1),)], 0.5, "random", "cannot be split"),
        ([((1, 1),), ((2, 1),)], 0.0, "random", "between 0 and 1"),
        ([((1, 1),), ((2, 1),)], 1.5, "random", "between 0 and 1"),
    ],
)
def test_impossible_splits(formulas, share, kind, message):
    with pytest.raises(InputError, match=message):
        split(formulas, share, 0, kind)
