"""Compositions fulfil what is asked for, whatever the network says."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.ccdcgan.sources.compositions import NOISE, draw, draw_compositions
from tfmat.ccdcgan.sources.conditions import Conditions, Unfinished
from tfmat.errors import InputError

ELEMENTS = ("Li", "Al", "Co", "Hf", "Se", "O")
MOST = 8
SETS = st.lists(st.sampled_from(ELEMENTS), max_size=3, unique=True).map(tuple)


def span(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most)).map(
        lambda pair: tuple(sorted(pair))
    )


@st.composite
def asked(draw_from):
    formula = {}
    if draw_from(st.booleans()):
        symbols = draw_from(SETS.filter(len))
        formula = {symbol: draw_from(st.integers(1, 3)) for symbol in symbols}
    return {
        "atoms": draw_from(span(1, MOST + 2)),
        "kinds": draw_from(span(1, 5)),
        "required": draw_from(SETS),
        "allowed": draw_from(SETS),
        "excluded": draw_from(SETS),
        "formula": tuple(formula.items()),
        "units": draw_from(span(1, 3)),
    }


def fulfils(counts, rules):
    """Says by plain words, one composition at a time, what conditions mean."""
    cell = {symbol: int(count) for symbol, count in zip(ELEMENTS, counts, strict=True) if count}
    total = sum(cell.values())
    if not max(1, rules["atoms"][0]) <= total <= min(rules["atoms"][1], MOST):
        return False
    if not max(1, rules["kinds"][0]) <= len(cell) <= min(rules["kinds"][1], 5):
        return False
    if not set(rules["required"]) <= set(cell) or set(rules["excluded"]) & set(cell):
        return False
    if rules["allowed"] and not set(cell) <= set(rules["allowed"]):
        return False
    if not rules["formula"]:
        return True
    first, last = rules["units"]
    return any(
        cell == {symbol: units * count for symbol, count in rules["formula"]}
        for units in range(first, last + 1)
    )


def opinionated(seed):
    """Returns a network that prefers, strongly and at random, anything at all."""

    def network(so_far):
        random = np.random.default_rng([seed, int(so_far.sum())])
        elements = so_far.shape[1] // 2
        shapes = (len(so_far), elements + 1), (len(so_far), MOST)
        return tuple(random.normal(0, 30, shape).astype("f4") for shape in shapes)

    return network


@settings(deadline=None, max_examples=200)
@given(rules=asked(), seed=st.integers(0, 99))
def test_no_composition_breaks_a_condition(rules, seed):
    try:
        conditions = Conditions(ELEMENTS, MOST, **rules)
    except InputError:
        return
    noise = np.random.default_rng(seed).normal(size=(20, NOISE)).astype("f4")
    counts = draw_compositions(noise, opinionated(seed), conditions)
    assert all(fulfils(row, rules) for row in counts), counts


def every_cell():
    """Yields all contents of at most 5 atoms."""
    for counts in itertools.product(range(4), repeat=len(ELEMENTS)):
        if 1 <= sum(counts) <= 5 and sum(count > 0 for count in counts) <= 5:
            yield np.array(counts)


CELLS = list(every_cell())


@settings(deadline=None, max_examples=60)
@given(rules=asked())
def test_refused_is_what_nothing_fulfils_and_nothing_else_is_barred(rules):
    rules |= {"atoms": (rules["atoms"][0], min(rules["atoms"][1], 5))}
    possible = [cell for cell in CELLS if fulfils(cell, rules)]
    if any(count > 3 for _, count in rules["formula"]) or rules["units"][1] > 1:
        rules |= {"units": (1, 1)}
        possible = [cell for cell in CELLS if fulfils(cell, rules)]
    try:
        conditions = Conditions(ELEMENTS, MOST, **rules)
    except InputError:
        assert not possible
        return
    for cell in possible:
        assert allows(conditions, cell), cell


def allows(conditions, cell):
    """Tells whether the masks leave the way to a composition open."""
    state = Unfinished.begin(conditions, 1)
    for element in np.flatnonzero(cell):
        if not state.elements()[0, element]:
            return False
        if not state.atoms(np.array([element]))[0, cell[element] - 1]:
            return False
        state.add(np.array([0]), np.array([element]), np.array([cell[element]]))
    return bool(state.elements()[0, -1])


def test_draws_follow_the_probabilities_of_what_is_allowed():
    logits = np.log([[0.5, 0.3, 0.2]])
    uniform = (np.arange(10_000) + 0.5) / 10_000
    found = draw(
        np.repeat(logits, 10_000, axis=0), np.tile([True, False, True], (10_000, 1)), uniform
    )
    assert np.bincount(found).tolist() == pytest.approx([7143, 0, 2857], abs=1)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"required": ("Xe",)}, "`require` Xe"),
        ({"formula": (("Xe", 1),)}, "`formula` Xe"),
        ({"required": ("Li",), "excluded": ("Li",)}, "`require` names an element"),
        ({"formula": (("Li", 5), ("O", 4))}, "`formula`: with 1 formula units of 9 atoms"),
        ({"kinds": (5, 5), "allowed": ("Li", "O")}, "ask for less"),
        ({"kinds": (6, 6)}, "ask for less"),
    ],
)
def test_what_cannot_be_is_said_at_once(rules, words):
    with pytest.raises(InputError, match=words) as error:
        Conditions(ELEMENTS, MOST, (1, 8), **rules)
    assert "\n" not in str(error.value)
