"""Which compositions are drawn, and how often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmat.arguments import cell_content
from tfmat.ccdcgan.writer.compositions import Compositions
from tfmat.errors import InputError

ROWS = [[0, 1, 2], [1, 1, 1], [2, 3, 6], [4, 6, 3], [8, 0, 4]]


@pytest.fixture
def table():
    return Compositions.of(ROWS, (83, 34), 20)


def asked(table, **options):
    return table.only(**{"atoms": (1, 20), **options}).counts.tolist()


def test_they_come_as_often_as_in_training(table):
    drawn = table.draw(np.random.default_rng(0).standard_normal(20_000))
    for *counts, weight in ROWS:
        share = (drawn == counts).all(axis=1).mean()
        assert abs(share - weight / 16) < 0.015


@given(st.floats(-9, 9))
def test_any_number_gives_one(value):
    table = Compositions.of(ROWS, (83, 34), 20)
    assert table.draw([value])[0].tolist() in [row[:2] for row in ROWS]


def test_conditions(table):
    assert asked(table, atoms=(5, 10)) == [[2, 3], [4, 6], [8, 0]]
    assert asked(table, required=("Bi",), atoms=(1, 9)) == [[1, 1], [2, 3], [8, 0]]
    assert asked(table, allowed=("Se",)) == [[0, 1]]
    assert asked(table, n_elements=(1, 1)) == [[0, 1], [8, 0]]
    assert asked(table, formula={"Bi": 4, "Se": 6}) == [[4, 6]]
    # A formula need not have been seen.
    assert asked(table, formula={"Se": 5}) == [[0, 5]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"atoms": (11, 20)}, "none of the 5 compositions"),
        ({"formula": {"Bi": 15, "Se": 6}}, "21 atoms, but the model writes at most 20"),
        ({"formula": {"Bi": 1, "Te": 1}}, "does not know Te"),
        ({"formula": {"Bi": 1}, "required": ("Se",)}, "other conditions"),
    ],
)
def test_what_cannot_be_written_is_said(table, options, message):
    with pytest.raises(InputError, match=message):
        asked(table, **options)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("Bi4Se6", (("Bi", 4), ("Se", 6))),
        ("SeBi", (("Se", 1), ("Bi", 1))),
        (" Bi2Bi ", (("Bi", 3),)),
    ],
)
def test_content_of_a_cell(text, content):
    assert cell_content(text) == content


@pytest.mark.parametrize("text", ["", "Bi0", "bi2", "Bi2(Se)3", "Bi1.5", "2Bi", "Bi٣"])
def test_other_texts_are_refused(text):
    with pytest.raises(InputError, match="`formula`"):
        cell_content(text)
