"""Formulas of common ions, against smact's own functions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import smact
from smact.screening import pauling_test
from smact.utils.oxidation import ICSD24OxStatesFilter

from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.space.common_ions import common_ions, simplest_formulas


def test_ions_are_those_that_smact_calls_common():
    ions = common_ions()
    species = set(
        ICSD24OxStatesFilter().get_species_list(
            consensus=100, commonality="medium", include_one_oxidation_state=True
        )
    )
    named = {
        f"{symbols()[number]}{abs(charge)}{'+' if charge > 0 else '-'}"
        for number, charge in zip(ions.numbers, ions.charges, strict=True)
    }
    assert named == {one for one in species if one.rstrip("0123456789+-") in ELEMENTS}
    assert (np.diff(ions.numbers.astype(int)) >= 0).all()
    assert ions.reports.min() >= 100
    oxide = np.flatnonzero((ions.numbers == 8) & (ions.charges == -2))
    assert ions.reports[oxide] == ions.reports.max()


@pytest.mark.parametrize(("size", "largest"), [(2, 8), (3, 5), (4, 3)])
def test_each_combination_gives_its_simplest_formula(size, largest):
    ions = common_ions().of(np.array([1, 8, 16, 26, 33, 51, 11], np.uint8))
    expected: dict[tuple, float] = {}
    for chosen in itertools.combinations(range(len(ions)), size):
        rows = list(chosen)
        numbers, charges = ions.numbers[rows].tolist(), ions.charges[rows].tolist()
        values = ions.electronegativity[rows].tolist()
        if len(set(numbers)) < size or not pauling_test(charges, values):
            continue
        ratios = smact.neutral_ratios(charges, threshold=largest)
        if ratios:
            simplest = min(ratios, key=lambda ratio: (sum(ratio), ratio))
            key = tuple(zip(numbers, map(int, simplest), strict=True))
            expected.setdefault(key, float(ions.reports[rows].astype(float).prod()))
    found, _ = simplest_formulas(ions, size, largest)
    assert len(found) == len(expected) > 0
    keys = Compositions.from_mappings([dict(key) for key in expected]).keys()
    np.testing.assert_array_equal(np.sort(found.keys()), np.sort(keys))


def test_commonness_is_the_product_of_the_reports():
    ions = common_ions().of(np.array([8, 12], np.uint8))
    found, commonness = simplest_formulas(ions, 2)
    assert found.formulas() == ["MgO"]
    assert commonness.tolist() == [float(ions.reports[0]) * float(ions.reports[1])]
