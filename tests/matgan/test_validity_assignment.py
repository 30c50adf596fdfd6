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
    """Balance, probability and states of every neutral combination, found by trying all.

    Only states that at least one in 200 reports on the element names.
    """
    elements = oxidation_states(states)
    found = []
    usual = ([s for s in elements.states.get(z, ()) if share(z, s, states) >= 0.005] for z in row)
    for combination in itertools.product(*usual):
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


def share(number: int, state: int, states: str) -> float:
    elements = oxidation_states(states)
    reports = {s: elements.reports[number].get(s, 0) + 0.5 for s in elements.states[number]}
    return reports[state] / sum(reports.values())


def probability(states_of: dict[int, int], states: str) -> float:
    return math.prod(share(number, state, states) for number, state in states_of.items())


def check_against_all(compositions: Compositions, states: str) -> int:
    checker = ValidityChecker(ValiditySettings(states))
    assigned, likelihood = checker.assign(compositions)
    verdict = checker.check(compositions)
    checked = 0
    for row in range(len(compositions)):
        composition = compositions.mapping(row)
        used = assigned[row, : len(composition)].tolist()
        states_of = dict(zip(composition, used, strict=True))
        assert not assigned[row, len(composition) :].any()
        if len(composition) == 1:
            assert (used, likelihood[row]) == ([0], 1.0)
            continue
        balance = bool(verdict.balanced[row])
        possible = [s for s in solutions(composition, states) if s[0] == balance]
        if not verdict.neutral[row] or not possible:
            assert not any(used)
            assert math.isnan(likelihood[row])
            continue
        assert states_of in [found for _, _, found in possible]
        best = max(p for _, p, _ in possible)
        assert probability(states_of, states) == pytest.approx(best, rel=1e-9)
        assert likelihood[row] == pytest.approx(best, rel=1e-9)
        checked += 1
    return checked


@pytest.mark.parametrize("states", SETS)
def test_the_states_are_the_most_probable_of_all(states):
    assert check_against_all(random_compositions(1500, seed=1), states) > 50


def test_two_equally_probable_answers_are_not_mixed():
    # Nobody has reported a state of these three; 2 and 3 are as likely for each.
    formulas = ["FmMdCl5", "MdNoF5", "FmNoBr5", "FmMdNoF7", "FmMdNoO4"]
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
    assigned, likelihood = checker.assign(compositions)
    assert not (np.isfinite(likelihood) & ~checker.check(compositions).neutral).any()
    assert not assigned[np.isnan(likelihood)].any()
    assert not (assigned.astype(int) * compositions.counts).sum(axis=1).any()
    known = oxidation_states(states).states
    for row, used in zip(rows, assigned, strict=True):
        if used.any():
            pairs = zip(sorted(row), used[: len(row)].tolist(), strict=True)
            for number, state in pairs:
                assert state in known[number]
                assert share(number, state, states) >= 0.005


def test_a_single_composition_gets_what_many_get():
    compositions = random_compositions(1500, seed=2)
    checker = ValidityChecker(ValiditySettings("icsd24"))
    verdict = checker.check(compositions)
    assigned, likelihood = checker.assign(compositions)
    assigner = StateAssigner(oxidation_states("icsd24"))
    rows = np.flatnonzero(verdict.neutral & (compositions.n_elements > 1))
    for row in rows:
        composition = compositions.mapping(row)
        alone = assigner.assign_one([*composition], [*composition.values()], verdict.balanced[row])
        assert tuple(assigned[row, : len(alone[1])].tolist()) == alone[1]
        assert np.isfinite(alone[0]) == np.isfinite(likelihood[row])


def test_large_counts_are_assigned_too():
    rows = [{26: 2000, 8: 3000}, {57: 401, 8: 601, 9: 1}, {3: 997, 8: 1, 17: 995}]
    assigned, likelihood = ValidityChecker().assign(Compositions.from_mappings(rows))
    assert np.isfinite(likelihood).all()
    assert assigned.tolist() == [[-2, 3, 0], [-2, -1, 3], [1, -2, -1]]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("LiFePO4", {"Li": 1, "Fe": 2, "P": 5, "O": -2}),
        ("FeTiO3", {"Fe": 2, "Ti": 4, "O": -2}),
        ("K2Cr2O7", {"K": 1, "Cr": 6, "O": -2}),
        ("NH4Cl", {"N": -3, "H": 1, "Cl": -1}),
        ("LiBH4", {"Li": 1, "B": 3, "H": -1}),
        ("FeS2", {"Fe": 2, "S": -1}),
        ("KMnO4", {"K": 1, "Mn": 7, "O": -2}),
    ],
)
def test_textbook_states(formula, expected):
    compositions = parse_formulas([formula]).compositions
    assigned, _ = ValidityChecker().assign(compositions)
    names = [symbols()[number] for number in compositions.numbers[0]]
    assert dict(zip(names, assigned[0].tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    "formula",
    # Ni-1, O-1, Cu+4, and O+2 are in smact14 and make the charge zero: hardly a report names them.
    ["LiNi", "Li2O2", "H2O2", "CuO2", "Li2CuO3", "OF2"],
)
def test_states_that_hardly_occur_are_not_given(formula):
    compositions = parse_formulas([formula]).compositions
    checker = ValidityChecker()
    assigned, likelihood = checker.assign(compositions)
    given = dict(zip(compositions.numbers[0].tolist(), assigned[0].tolist(), strict=True))
    for number, state in {28: -1, 8: -1, 29: 4}.items():
        assert given.get(number) != state
    assert not assigned.any()
    assert np.isnan(likelihood).all()


def test_the_likelihood_by_hand():
    """smact's counts of ICSD 2024, half a report for a state that has none."""
    _, (found,) = ValidityChecker().assign(parse_formulas(["FeTiO3"]).compositions)
    reports = oxidation_states("smact14").reports
    expected = 1.0
    for number, state, others in (
        (26, 2, (-2, -1, 1, 3, 4, 5, 6)),
        (22, 4, (-1, 1, 2, 3)),
        (8, -2, (-1, 1, 2)),
    ):
        assert {state, *others} == set(oxidation_states("smact14").states[number])
        known = [reports[number].get(s, 0) + 0.5 for s in (state, *others)]
        expected *= known[0] / sum(known)
    assert found == pytest.approx(expected)
    assert 0.3 < found < 0.4


def test_alloys_without_ions_get_none():
    checker = ValidityChecker(ValiditySettings(alloys=True))
    compositions = parse_formulas(["CuZn", "CaZn", "KO2", "MnO"]).compositions
    assigned, likelihood = checker.assign(compositions)
    assert checker.check(compositions).neutral.tolist() == [True, True, False, True]
    assert np.isfinite(likelihood).tolist() == [False, False, False, True]
    assert [*map(sorted, assigned.tolist())] == [[0, 0], [0, 0], [0, 0], [-2, 2]]
