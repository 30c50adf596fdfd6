import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Element
from smact.screening import smact_validity

from tfmat.evaluation.formulas import measure as evaluation
from tfmat.evaluation.formulas.measure import IN_ORDER, RAREFACTION, References, measure
from tfmat.evaluation.formulas.sets import Distinct, Sample
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.validity.checker import ValidityChecker

# Valid, neutral but not balanced, neither; two to five elements.
FORMULAS = ["NaCl", "Na2O", "NaCl2", "LiFePO4", "FeAl", "CO2", "KO", "CaTiO3", "BaTiO3", "ClO",
            "Na2SO4", "LiCoO2", "MgAl2O4", "NaAlSi2O6", "KAlSi3O8", "LiNaKSO4"]  # fmt: skip


def compositions(formulas):
    return Compositions.from_mappings(
        {Element(symbol).Z: int(n) for symbol, n in Composition(formula).get_el_amt_dict().items()}
        for formula in formulas
    )


def judge(formulas):
    verdict = ValidityChecker().check(formulas)
    return verdict.neutral, verdict.balanced


def says_smact(formula, pauling):
    return smact_validity(
        formula, use_pauling_test=pauling, include_alloys=False, oxidation_states_set="smact14"
    )


def references(training=(), held_out=(), **lists):
    known = [Distinct.of(compositions(part)) if part else None for part in (training, held_out)]
    further = {name: Distinct.of(compositions(part)) for name, part in lists.items()}
    return References(*known, further)


def share(part, whole):
    return pytest.approx(part / whole) if whole else None


@given(st.lists(st.sampled_from(FORMULAS), min_size=1, max_size=30))
def test_rates_are_smacts_over_samples_and_over_distinct(order):
    result = measure(Sample("made", compositions(order)), judge, References())
    distinct = sorted(set(order))
    assert (result["samples"], result["distinct"]) == (len(order), len(distinct))
    assert result["uniqueness"] == len(distinct) / len(order)
    parts = {"all": result["validity"], **result["validity"]["by_n_elements"]}
    for size, found in parts.items():
        samples, once = (
            [f for f in part if size == "all" or len(Composition(f)) == int(size)]
            for part in (order, distinct)
        )
        if size != "all":
            assert (found["samples"], found["distinct"]) == (len(samples), len(once))
        for name, pauling in (("charge_neutral", False), ("balanced", True)):
            for key, part in (("of_samples", samples), ("of_distinct", once)):
                good = sum(says_smact(formula, pauling) for formula in part)
                assert found[name][key] == share(good, len(part))
    sizes = Counter(len(Composition(formula)) for formula in order)
    expected = {str(n): number / len(order) for n, number in sizes.items()}
    assert result["n_elements"] == pytest.approx(expected)


@given(st.data())
def test_novelty_recovery_and_confirmation_are_those_of_sets(data):
    part = st.lists(st.sampled_from(FORMULAS), min_size=1, max_size=20)
    order, training, listed = data.draw(part), set(data.draw(part)), set(data.draw(part))
    held_out = set(FORMULAS) - training
    known = references(sorted(training), sorted(held_out), other=sorted(listed))
    result = measure(Sample("made", compositions(order)), judge, known)
    made = set(order)
    novel = made - training
    assert (result["novel"], result["novelty"]) == (len(novel), share(len(novel), len(made)))
    (point,) = result["recovery"]
    assert point["samples"] == len(order)
    for name, formulas in (("training", training), ("held_out", held_out)):
        for size, found in point[name].items():
            wanted = {
                f for f in formulas
                if size == "all"
                or (len(Composition(f)) >= 4 if size == "4+" else len(Composition(f)) == int(size))
            }  # fmt: skip
            assert (found["found"], found["of"]) == (len(wanted & made), len(wanted))
            assert found["share"] == share(len(wanted & made), len(wanted))
    confirmed = result["confirmation"]["other"]
    unseen = listed - training
    assert (confirmed["found"], confirmed["listed"]) == (len(unseen & novel), len(unseen))
    assert confirmed["share_of_list"] == share(len(unseen & novel), len(unseen))
    assert confirmed["share_of_novel"] == share(len(unseen & novel), len(novel))
    json.dumps(result, allow_nan=False)


def test_curves_follow_the_order_of_sampling(monkeypatch):
    monkeypatch.setattr(evaluation, "CURVE", (2, 4, 6, 100))
    monkeypatch.setattr(evaluation, "RECOVERY", (3, 100))
    order = ["NaCl", "NaCl", "KO", "CO2", "NaCl", "KO", "LiCoO2", "CO2"]
    result = measure(
        Sample("made", compositions(order)), judge, references(["NaCl", "CO2"], ["KO"])
    )
    assert result["uniqueness_curve"] == {
        "how": IN_ORDER,
        "points": [
            {"samples": 2, "distinct": 1, "uniqueness": 0.5},
            {"samples": 4, "distinct": 3, "uniqueness": 0.75},
            {"samples": 6, "distinct": 3, "uniqueness": 0.5},
            {"samples": 8, "distinct": 4, "uniqueness": 0.5},
        ],
    }
    assert [
        (point["samples"], point["training"]["all"]["found"], point["held_out"]["2"]["found"])
        for point in result["recovery"]
    ] == [(3, 1, 1), (8, 2, 1)]


def test_times_generated_weigh_rows_and_give_expected_curves(monkeypatch):
    monkeypatch.setattr(evaluation, "CURVE", (3,))
    monkeypatch.setattr(evaluation, "RECOVERY", (3,))
    generator = np.random.default_rng(0)
    order = generator.choice(FORMULAS[:6], 12).tolist()
    times = Counter(order)
    known = references(FORMULAS[:3], FORMULAS[3:6])
    result = measure(
        Sample("counted", compositions(times), np.array(list(times.values()))), judge, known
    )
    whole = measure(Sample("in order", compositions(order)), judge, known)
    for key in ("samples", "distinct", "uniqueness", "validity", "n_elements", "novelty",
                "n_elements_distance", "element_correlation", "pair_correlation"):  # fmt: skip
        assert result[key] == whole[key]
    assert result["recovery"][-1] == whole["recovery"][-1]
    assert result["uniqueness_curve"]["how"] == RAREFACTION
    assert result["uniqueness_curve"]["points"][-1] == whole["uniqueness_curve"]["points"][-1]
    # Expected numbers: the mean over many orders.
    shuffled = [
        measure(Sample("", compositions(generator.permutation(order))), judge, known)
        for _ in range(400)
    ]
    for pick in (
        lambda found: found["uniqueness_curve"]["points"][0]["distinct"],
        lambda found: found["recovery"][0]["training"]["all"]["found"],
        lambda found: found["recovery"][0]["held_out"]["all"]["found"],
    ):
        values = [pick(found) for found in shuffled]
        error = np.std(values) / np.sqrt(len(values))
        assert pick(result) == pytest.approx(np.mean(values), abs=4 * error)


def test_the_training_set_itself():
    known = references(FORMULAS, ["MgO"])
    result = measure(Sample("training set", compositions(FORMULAS)), judge, known)
    assert (result["novelty"], result["n_elements_distance"]) == (0, 0)
    assert result["element_correlation"] == pytest.approx(1)
    assert result["pair_correlation"] == pytest.approx(1)
    assert result["recovery"][0]["training"]["all"]["share"] == 1
    assert result["recovery"][0]["held_out"]["all"] == {"found": 0, "of": 1, "share": 0}
    assert result["recovery"][0]["held_out"]["4+"] == {"found": 0, "of": 0, "share": None}
