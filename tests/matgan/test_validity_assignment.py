"""Oxidation states that are given to neutral compositions, beside all that would do."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_compositions import random_compositions

from tfmat.formulas.compositions import Compositions, symbols
from tfmat.formulas.parsing import parse_formulas
from tfmat.matgan.validity.assignment import StateAssigner
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings
from tfmat.matgan.validity.oxidation_states import SETS, oxidation_states


def solutions(row: dict[int, int], states: str) -> list[tuple[bool, float, dict[int, int]]]:
    """Balance, probability and states of every neutral combination, found by trying all."""
    elements = oxidation_states(states)
    found = []
    for combination in itertools.product(*(elements.states.get(number, ()) for number in row)):
        if sum(state * count for state, count in zip(combination, row.values(), strict=True)):
            continue
        states_of = dict(zip(row, combination, strict=True))
        value = elements.electronegativity
        cations = [value[number] for number in row if states_of[number] > 0]
        anions = [value[number] for number in row if states_of[number] < 0]
        known = not any(math.isnan(value[number]) for number in row)
        found.append(
            (known and max(cations) < min(anions), probability(states_of, states), states_of)
        )
    return found


def probability(states_of: dict[int, int], states: str) -> float:
    elements = oxidation_states(states)
    product = 1.0
    for number, state in states_of.items():
        reports = {s: elements.reports[number].get(s, 0) + 0.5 for s in elements.states[number]}
        product *= reports[state] / sum(reports.values())
    return product


def check_against_all(compositions: Compositions, states: str) -> int:
    checker = ValidityChecker(ValiditySettings(states))
    assigned, found = checker.assign(compositions)
    assert found.tolist() == checker.check(compositions).neutral.tolist()
    checked = 0
    for row in range(len(compositions)):
        composition = compositions.mapping(row)
        used = assigned[row, : len(composition)].tolist()
        states_of = dict(zip(composition, used, strict=True))
        assert not assigned[row, len(composition) :].any()
        if len(composition) == 1 or not found[row]:
            assert not any(used)
            continue
        possible = solutions(composition, states)
        balance = any(balanced for balanced, _, _ in possible)
        best = max(p for balanced, p, _ in possible if balanced == balance)
        assert (balance, states_of) in [(balanced, s) for balanced, _, s in possible]
        assert probability(states_of, states) == pytest.approx(best, rel=1e-9)
        checked += 1
    return checked


@pytest.mark.parametrize("states", SETS)
def test_the_states_are_the_most_probable_of_all(states):
    assert check_against_all(random_compositions(600, seed=1), states) > 50


def test_two_equally_probable_answers_are_not_mixed():
    formulas = ["NbTcW2", "Pa2MnCr", "NdCrOs", "Ta2MnCr", "AlCrW"]
    assert check_against_all(parse_formulas(formulas).compositions, "smact14") == len(formulas)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.integers(1, 103), st.integers(1, 12), min_size=1, max_size=8),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(SETS),
    st.booleans(),
)
def test_the_charges_of_all_neutral_compositions_sum_to_zero(rows, states, alloys):
    compositions = Compositions.from_mappings(rows)
    checker = ValidityChecker(ValiditySettings(states, alloys))
    assigned, found = checker.assign(compositions)
    assert found.tolist() == checker.check(compositions).neutral.tolist()
    assert not (assigned.astype(int) * compositions.counts).sum(axis=1).any()
    known = oxidation_states(states).states
    for row, used in zip(rows, assigned, strict=True):
        if used.any():
            pairs = zip(sorted(row), used[: len(row)].tolist(), strict=True)
            assert all(state in known[number] for number, state in pairs)


def test_a_single_composition_gets_what_many_get():
    compositions = random_compositions(1500, seed=2)
    checker = ValidityChecker(ValiditySettings("icsd24"))
    verdict = checker.check(compositions)
    assigned, _ = checker.assign(compositions)
    assigner = StateAssigner(oxidation_states("icsd24"))
    rows = np.flatnonzero(verdict.neutral & (compositions.n_elements > 1))
    for row in rows:
        composition = compositions.mapping(row)
        alone = assigner.assign_one([*composition], [*composition.values()], verdict.balanced[row])
        assert assigned[row, : len(alone)].tolist() == alone


def test_large_counts_are_assigned_too():
    rows = [{26: 2000, 8: 3000}, {57: 401, 8: 601, 9: 1}, {3: 997, 8: 1, 17: 995}]
    assigned, found = ValidityChecker().assign(Compositions.from_mappings(rows))
    assert found.all()
    assert assigned.tolist() == [[-2, 3, 0], [-2, -1, 3], [1, -2, -1]]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("LiFePO4", {"Li": 1, "Fe": 2, "P": 5, "O": -2}),
        ("FeTiO3", {"Fe": 2, "Ti": 4, "O": -2}),
        ("K2Cr2O7", {"K": 1, "Cr": 6, "O": -2}),
        ("NH4Cl", {"N": -3, "H": 1, "Cl": -1}),
        ("LiBH4", {"Li": 1, "B": 3, "H": -1}),
        ("H2O2", {"H": 1, "O": -1}),
        ("FeS2", {"Fe": 2, "S": -1}),
        ("OF2", {"O": 2, "F": -1}),
    ],
)
def test_textbook_states(formula, expected):
    compositions = parse_formulas([formula]).compositions
    assigned, _ = ValidityChecker().assign(compositions)
    names = [symbols()[number] for number in compositions.numbers[0]]
    assert dict(zip(names, assigned[0].tolist(), strict=True)) == expected


def test_alloys_without_ions_get_zeros():
    checker = ValidityChecker(ValiditySettings(alloys=True))
    assigned, found = checker.assign(parse_formulas(["CuZn", "CaZn", "KO2", "MnO"]).compositions)
    assert found.tolist() == [True, True, False, True]
    assert [*map(sorted, assigned.tolist())] == [[0, 0], [0, 0], [0, 0], [-2, 2]]
