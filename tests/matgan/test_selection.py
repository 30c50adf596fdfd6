"""The papers' selections, against a plain loop over rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.selection import RULES, Selection, apply_rule, keep_lowest, keep_valid
from tfmat.matgan.validity.checker import ValiditySettings

FORMULAS = st.dictionaries(
    st.sampled_from([1, 2, 3, 8, 11, 17, 26, 36, 54]), st.integers(1, 10), min_size=1, max_size=3
)
ENERGIES = st.sampled_from([-3.0, -2.0, -1.0, 0.0, math.nan])
ROWS = st.lists(st.tuples(FORMULAS, ENERGIES, st.sampled_from([0.0, 1.5, math.nan])), max_size=30)


def select(rows, rule):
    compositions = Compositions.from_mappings([row[0] for row in rows])
    energies = np.array([row[1] for row in rows])
    selection = Selection(len(rows))
    record = apply_rule(selection, rule, compositions, energies, np.array([row[2] for row in rows]))
    keep_lowest(selection, compositions, energies)
    return selection, record


def allowed(formula):
    known = all(symbols()[number] in ELEMENTS for number in formula)
    return len(formula) > 1 and max(formula.values()) <= 8 and known


@given(ROWS)
@settings(deadline=None)
@pytest.mark.parametrize("rule", ["none", "mp", "icsd", "bandgap"])
def test_rules_keep_what_a_loop_keeps(rule, rows):
    kept: dict[tuple, int] = {}
    for index, (formula, energy, gap) in enumerate(rows):
        if rule != "none" and not allowed(formula):
            continue
        if rule == "bandgap" and not gap > 0:
            continue
        key = tuple(sorted(formula.items()))
        best = rows[kept[key]][1] if key in kept else math.nan
        # Lower than the best so far, or known where that is not; the first of equals stays.
        if key not in kept or energy < best or (math.isnan(best) and not math.isnan(energy)):
            kept[key] = index
    selection, _ = select(rows, rule)
    assert np.flatnonzero(selection.kept).tolist() == sorted(kept.values())


@given(ROWS)
@settings(deadline=None)
@pytest.mark.parametrize("rule", RULES)
def test_every_removed_row_is_counted_once(rule, rows):
    selection, _ = select(rows, rule)
    assert sum(step.removed for step in selection.steps) == np.count_nonzero(~selection.kept)
    left = len(rows)
    for index, step in enumerate(selection.steps):
        left -= step.removed
        assert (step.removed, step.left) == (np.count_nonzero(selection.removed_by == index), left)
    assert ((selection.removed_by < 0) == selection.kept).all()


def test_outliers_go_and_unknown_energies_stay():
    formulas = [{3: 1, 8: index % 8 + 1, 11 + index // 8: 1} for index in range(200)]
    energies = np.random.default_rng(0).normal(size=200)
    energies[[0, 1]] = 30.0, math.nan
    # Not counted for mean and deviation, as it is no compound.
    rows = [({8: 1}, 1e6, 0.0), *((f, e, 0.0) for f, e in zip(formulas, energies, strict=True))]
    rows = [row for row in rows if len(row[0]) in (1, 3)]
    selection, record = select(rows, "oqmd")
    step = next(step for step in selection.steps if "σ" in step.name)
    assert step.removed == 1
    assert np.flatnonzero(selection.removed_by == selection.steps.index(step)).tolist() == [1]
    assert selection.kept[2]
    known = energies[[row for row in range(200) if row != 1 and allowed(formulas[row])]]
    assert record["energies_known"] == len(known)
    assert record["energy_mean"] == pytest.approx(known.mean())
    assert record["energy_std"] == pytest.approx(known.std())


def test_without_known_energies_there_are_no_outliers():
    selection, record = select([({3: 1, 8: 1}, math.nan, 0.0)], "oqmd")
    assert selection.kept.all()
    assert record == {"energy_mean": None, "energy_std": None, "energies_known": 0}


def test_only_valid_formulas_stay():
    formulas = [{11: 1, 17: 1}, {11: 1, 17: 2}, {26: 1, 29: 1}, {8: 1, 9: 2}]
    compositions = Compositions.from_mappings(formulas)
    selection = Selection(4)
    selection.remove("for a test", np.array([False, False, False, True]))
    keep_valid(selection, compositions, ValiditySettings())
    assert selection.kept.tolist() == [True, False, False, False]
    assert [step.removed for step in selection.steps] == [1, 1, 1]
    with_alloys = Selection(4)
    keep_valid(with_alloys, compositions, ValiditySettings(alloys=True))
    assert with_alloys.kept[2]


def test_mistakes():
    compositions = Compositions.from_mappings([{1: 9}])
    for rule, name in (("oqmd", "formation_energy_per_atom"), ("bandgap", "band_gap")):
        with pytest.raises(InputError, match=f"`rule` {rule}: needs the property {name}"):
            apply_rule(Selection(1), rule, compositions, None, None)
    with pytest.raises(InputError, match=r"`rule` icsd-filer: no such rule .did you mean"):
        apply_rule(Selection(1), "icsd-filer", compositions, None, None)
    selection = Selection(1)
    apply_rule(selection, "mp", compositions, None, None)
    with pytest.raises(InputError, match=r"a: no formula is left of 3 rows \(unreadable: 2, only"):
        selection.require_rows("a", unreadable=2)
