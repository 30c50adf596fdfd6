"""The verdicts are smact's own, asked here formula by formula."""

import dataclasses
import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition
from random_compositions import random_compositions
from smact.screening import smact_validity

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.formulas.parsing import parse_formulas
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings, chunks_by_size, rates
from tfmat.matgan.validity.exact import ExactValidity
from tfmat.matgan.validity.oxidation_states import SETS, oxidation_states
from tfmat.matgan.validity.sum_words import SumWords
from tfmat.metric import find

KNOWN_TEXT = """
    NaCl H2O Al2O3 Fe3O4 LiFePO4 K2Cr2O7 CuFeS2 FeTiO3 BaTiO3 YBa2Cu3O7 KSCN NH4Cl LiBH4 KO2 NaN3
    XeF2 OF2 ClF3 PH3 RhH PtH CaB6 Mg17Al12 Ni3Al TiAl CuZn PbS2 BN SiC C6H12O6 Ca5P3O13H U3O8
    Na2Fe2O4 Fe4O6 H4O2 H2 O8 Fe Rn2 He2O HeNe ArF6 KrF2 Pm2O3 PmF3 PmFe2 LrO No2O3 FrCl AtI RaO
    PdC2 SeC ITb ScMg IrOs2 RuPdH TlNiSi AlMo CdInGe Np2O5 EsF3 Md2O3 RfO2 Og RfDb
"""
KNOWN = KNOWN_TEXT.split()


def smact_says(formula: str, states: str, alloys: bool, pauling: bool) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return smact_validity(
                formula,
                use_pauling_test=pauling,
                include_alloys=alloys,
                oxidation_states_set=None if states == "default" else states,
            )
    except KeyError:
        return False  # an element beyond those that smact knows


@pytest.fixture(scope="module")
def sample() -> Compositions:
    known = parse_formulas(KNOWN)
    assert not known.rejected
    written = Compositions.from_mappings(
        {symbols().index(str(e)): int(n) for e, n in Composition(text).items()} for text in KNOWN
    )
    return Compositions.concatenate(
        [known.compositions, written, random_compositions(1500, seed=0)]
    )


@pytest.mark.parametrize("alloys", [False, True])
@pytest.mark.parametrize("states", SETS)
def test_the_verdicts_are_those_of_smact(sample, states, alloys):
    verdict = ValidityChecker(ValiditySettings(states, alloys)).check(sample)
    formulas = sample.formulas()
    for pauling, ours in ((False, verdict.neutral), (True, verdict.balanced)):
        theirs = np.array([smact_says(f, states, alloys, pauling) for f in formulas])
        wrong = np.flatnonzero(ours != theirs)
        assert not len(wrong), [formulas[row] for row in wrong[:10]]


def test_the_sample_reaches_every_branch(sample):
    verdict = ValidityChecker().check(sample)
    assert {0, 1} <= set(verdict.neutral[~verdict.balanced].tolist())
    assert verdict.balanced.any()
    assert (sample.largest_count > 64).sum() > 50
    assert set(range(1, 8)) <= set(sample.n_elements.tolist())


@pytest.mark.parametrize("name", ["oqmd", "mp", "icsd_like"])
def test_real_formulas_get_the_verdicts_of_smact(data_dir, name):
    csv = pytest.importorskip("pyarrow.csv")
    table = csv.read_csv(data_dir / f"compositions_{name}.csv.gz")
    formulas = table["formula"].to_pylist()[7::500][:200]
    verdict = ValidityChecker().check(parse_formulas(formulas).compositions)
    assert verdict.neutral.tolist() == [smact_says(f, "smact14", False, False) for f in formulas]
    assert verdict.balanced.tolist() == [smact_says(f, "smact14", False, True) for f in formulas]


def test_single_elements_pass_and_nothing_does_not():
    compositions = Compositions.from_mappings([{8: 2}, {118: 1}, {}])
    verdict = ValidityChecker().check(compositions)
    assert verdict.neutral.tolist() == verdict.balanced.tolist() == [True, True, False]


def test_a_missing_electronegativity_fails_the_balance_alone():
    verdict = ValidityChecker().check(Compositions.from_mappings([{61: 2, 8: 3}]))
    assert (verdict.neutral.tolist(), verdict.balanced.tolist()) == ([True], [False])


def test_any_element_may_lack_an_electronegativity():
    known = oxidation_states("smact14")
    electronegativity = known.electronegativity.copy()
    electronegativity[8] = np.nan  # unlike those that lack one in smact, oxygen can be the anion
    elements = dataclasses.replace(known, electronegativity=electronegativity)
    words = SumWords(elements)
    compositions = parse_formulas(["CaO", "CaS"]).compositions
    assert words.balanced(words.codes(compositions, 2)).tolist() == [False, True]
    assert ExactValidity(elements).judge([20, 8], [1, 1]) == (True, False)


def test_no_compositions():
    verdict = ValidityChecker().check(Compositions.from_mappings([]))
    assert len(verdict.neutral) == len(verdict.balanced) == 0


compositions_of_any_size = st.lists(
    st.dictionaries(st.integers(1, 110), st.integers(1, 300), min_size=1, max_size=9),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(compositions_of_any_size, st.sampled_from(SETS))
def test_words_and_long_integers_agree(rows, states):
    checker = ValidityChecker(ValiditySettings(states))
    verdict = checker.check(Compositions.from_mappings(rows))
    exact = ExactValidity(oxidation_states(states))
    for row, neutral, balanced in zip(rows, verdict.neutral, verdict.balanced, strict=True):
        if len(row) > 1:
            assert (neutral, balanced) == exact.judge([*row], [*row.values()])


@settings(max_examples=30, deadline=None)
@given(compositions_of_any_size, st.integers(2, 100))
def test_multiples_and_wider_tables_change_nothing(rows, factor):
    checker = ValidityChecker()
    given_rows = Compositions.from_mappings(rows)
    multiple = [{number: count * factor for number, count in row.items()} for row in rows]
    other = Compositions.from_mappings(multiple[::-1]).with_slots(12)
    expected, got = checker.check(given_rows), checker.check(other)
    assert expected.neutral.tolist() == got.neutral.tolist()[::-1]
    assert expected.balanced.tolist() == got.balanced.tolist()[::-1]


def test_verdicts_do_not_depend_on_the_division_into_chunks(sample):
    checker = ValidityChecker()
    many = Compositions.concatenate([sample] * 30)
    verdict, expected = checker.check(many), checker.check(sample)
    assert (verdict.neutral == np.tile(expected.neutral, 30)).all()
    assert (verdict.balanced == np.tile(expected.balanced, 30)).all()
    parts = list(chunks_by_size(many, 1000))
    assert sorted(itertools.chain(*(rows for _, rows in parts))) == [*range(len(many))]
    assert max(len(rows) for _, rows in parts) == 1000


def test_rates_count_by_number_of_elements():
    formulas = ["Fe", "NaCl", "KO2", "LiFePO4", "PmF3", "Pm2O3"]
    found = rates(parse_formulas(formulas).compositions, ValidityChecker())
    assert find(found, "neutral").judge.settings == {
        "tool": "smact_validity",
        "smact_version": "4.0.2",
        "oxidation_states": "smact14",
        "alloys": False,
        "mixed_valence": False,
    }
    sizes = [metric.subset["n_elements"] for metric in found if metric.subset]
    assert sizes == ["1", "1", "2", "2", "4", "4"]
    counts = [
        [(metric.numerator, metric.denominator) for metric in found if metric.subset == subset]
        for subset in ({"n_elements": "2"}, {})
    ]
    assert counts == [[(3, 4), (1, 4)], [(5, 6), (3, 6)]]
    assert find(found, "neutral", n_elements="2").value == 0.75
    nothing = rates(Compositions.from_mappings([]), ValidityChecker())
    assert [(metric.value, metric.subset) for metric in nothing] == [(None, {}), (None, {})]


def test_an_unknown_set_is_refused():
    with pytest.raises(InputError, match="smact14, icsd16, icsd24, default"):
        ValiditySettings("smact15")
    with pytest.raises(KeyError):
        oxidation_states("wiki")


def test_the_tables_are_those_of_smact():
    smact = pytest.importorskip("smact")
    for name in ("smact14", "icsd16", "icsd24"):
        states = oxidation_states(name).states
        for symbol in ("H", "O", "Fe", "Xe", "U"):
            element = smact.Element(symbol)
            listed = getattr(element, f"oxidation_states_{name}")
            assert states[element.number] == tuple(listed)
            assert oxidation_states(name).electronegativity[element.number] == element.pauling_eneg
        # The words rest on both: the lowest state comes first, and no state is zero.
        assert all(
            list(found) == sorted(set(found)) and 0 not in found for found in states.values()
        )
