"""Compositions as arrays: keys, formulas, reduction."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from tfmat.formulas.compositions import Compositions, symbols

MAPPINGS = st.lists(
    st.dictionaries(
        st.integers(1, 103),
        st.integers(1, 200) | st.sampled_from([255, 256, 65_535]),
        min_size=1,
        max_size=9,
    ),
    max_size=20,
)


@given(MAPPINGS)
def test_mappings_come_back(rows: list[dict[int, int]]) -> None:
    compositions = Compositions.from_mappings(rows)
    assert [compositions.mapping(i) for i in range(len(rows))] == rows
    assert compositions.n_elements.tolist() == [len(row) for row in rows]
    assert compositions.largest_count.tolist() == [max(row.values()) for row in rows]


@given(MAPPINGS)
def test_formulas_are_read_by_pymatgen_as_what_they_are(rows: list[dict[int, int]]) -> None:
    for row, formula in zip(rows, Compositions.from_mappings(rows).formulas(), strict=True):
        expected = {symbols()[number]: count for number, count in row.items()}
        assert Composition(formula).as_dict() == expected


@given(MAPPINGS)
def test_elements_stand_in_the_order_of_pymatgen(rows: list[dict[int, int]]) -> None:
    for row, formula in zip(rows, Compositions.from_mappings(rows).formulas(), strict=True):
        composition = Composition({symbols()[number]: count for number, count in row.items()})
        if all(element.X == element.X for element in composition):  # NaN: no electronegativity
            assert formula == _without_ones(composition.formula)


def _without_ones(formula: str) -> str:
    return "".join(
        part[:-1] if part[-1] == "1" and not part[-2].isdigit() else part
        for part in formula.split()
    )


@given(MAPPINGS)
def test_reduced_is_divided_by_the_greatest_common_divisor(rows: list[dict[int, int]]) -> None:
    reduced = Compositions.from_mappings(rows).reduced()
    for index, row in enumerate(rows):
        divisor = math.gcd(*row.values())
        assert reduced.mapping(index) == {n: count // divisor for n, count in row.items()}


@given(MAPPINGS)
def test_keys_are_equal_exactly_for_equal_compositions(rows: list[dict[int, int]]) -> None:
    keys = Compositions.from_mappings(rows).keys()
    wide = Compositions.from_mappings(rows).with_slots(12).keys()
    assert np.array_equal(keys, wide)
    for i, first in enumerate(rows):
        for j, second in enumerate(rows):
            assert (keys[i] == keys[j]) == (first == second)


def test_keys_do_not_depend_on_the_order_of_the_slots() -> None:
    straight = Compositions(np.array([[3, 8]], np.uint8), np.array([[2, 1]], np.uint16))
    turned = Compositions(np.array([[8, 3]], np.uint8), np.array([[1, 2]], np.uint16))
    assert straight.keys() == turned.keys()


def test_no_compositions_are_no_error() -> None:
    none = Compositions.from_mappings([])
    assert len(none) == 0
    assert none.formulas() == []
    assert len(none.reduced().keys()) == 0
    assert len(Compositions.concatenate([])) == 0
