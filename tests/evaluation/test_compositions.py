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
from tfmat.metric import find, records

# Valid, neutral but not balanced, neither; two to five elements.
FORMULAS = ["NaCl", "Na2O", "NaCl2", "LiFePO4", "FeAl", "CO2", "KO", "CaTiO3", "BaTiO3", "ClO",
            "Na2SO4", "LiCoO2", "MgAl2O4", "NaAlSi2O6", "KAlSi3O8", "LiNaKSO4"]  # fmt: skip


def compositions(formulas):
    return Compositions.from_mappings(
        {Element(symbol).Z: int(n) for symbol, n in Composition(formula).get_el_amt_dict().items()}
        for formula in formulas
    )


CHECKER = ValidityChecker()


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


def counted(metric):
    """Numerator and denominator of a share, whose value they must give."""
    assert metric.value == share(metric.numerator, metric.denominator)
    return metric.numerator, metric.denominator


@given(st.lists(st.sampled_from(FORMULAS), min_size=1, max_size=30))
def test_rates_are_smacts_over_samples_and_over_distinct(order):
    measured = measure(Sample("made", compositions(order)), CHECKER, References())
    result, metrics = measured.counts, measured.metrics
    distinct = sorted(set(order))
    assert (result["samples"], result["distinct"]) == (len(order), len(distinct))
    assert find(metrics, "uniqueness").value == len(distinct) / len(order)
    sizes = Counter(len(Composition(formula)) for formula in order)
    for size in (None, *sizes):
        samples, once = (
            [f for f in part if size is None or len(Composition(f)) == size]
            for part in (order, distinct)
        )
        subset = {} if size is None else {"n_elements": str(size)}
        for name, pauling in (("neutral", False), ("balanced", True)):
            for key, part in ((name, samples), (f"{name}_of_distinct", once)):
                good = sum(says_smact(formula, pauling) for formula in part)
                found = find(metrics, key, **subset)
                assert (found.numerator, found.denominator) == (good, len(part))
                assert found.value == share(good, len(part))
    found = {m.subset["n_elements"]: m.value for m in metrics if m.name == "n_elements"}
    expected = {str(n): number / len(order) for n, number in sizes.items()}
    assert found == pytest.approx(expected)


@given(st.data())
def test_novelty_recovery_and_confirmation_are_those_of_sets(data):
    part = st.lists(st.sampled_from(FORMULAS), min_size=1, max_size=20)
    order, training, listed = data.draw(part), set(data.draw(part)), set(data.draw(part))
    held_out = set(FORMULAS) - training
    known = references(sorted(training), sorted(held_out), other=sorted(listed))
    metrics = measure(Sample("made", compositions(order)), CHECKER, known).metrics
    made = set(order)
    novel = made - training
    assert counted(find(metrics, "novelty")) == (len(novel), len(made))
    for name, formulas in (("training", training), ("held_out", held_out)):
        found = [metric for metric in metrics if metric.name == f"recovery_{name}"]
        assert ("samples" in {key for metric in found for key in metric.subset}) is False
        sizes = {len(Composition(formula)) for formula in formulas}
        assert len(found) == 1 + len(sizes) + 1
        for metric in found:
            size = metric.subset.get("n_elements")
            wanted = {
                f for f in formulas
                if size is None
                or (len(Composition(f)) >= 4 if size == "4+" else len(Composition(f)) == int(size))
            }  # fmt: skip
            assert counted(metric) == (len(wanted & made), len(wanted))
    unseen = listed - training
    confirmed = len(unseen & novel)
    assert counted(find(metrics, "confirmed_of_list", list="other")) == (confirmed, len(unseen))
    assert counted(find(metrics, "confirmed_of_novel", list="other")) == (confirmed, len(novel))
    json.dumps(records(metrics), allow_nan=False)


def test_curves_follow_the_order_of_sampling(monkeypatch):
    monkeypatch.setattr(evaluation, "CURVE", (2, 4, 6, 100))
    monkeypatch.setattr(evaluation, "RECOVERY", (3, 100))
    order = ["NaCl", "NaCl", "KO", "CO2", "NaCl", "KO", "LiCoO2", "CO2"]
    known = references(["NaCl", "CO2"], ["KO"])
    metrics = measure(Sample("made", compositions(order)), CHECKER, known).metrics
    curve = [metric for metric in metrics if metric.name == "uniqueness"]
    assert [counted(metric) for metric in curve] == [(4, 8), (1, 2), (3, 4), (3, 6)]
    assert all(metric.note.endswith(IN_ORDER) for metric in curve[1:])
    for draws, training, held_out in (({"samples": 3}, 1, 1), ({}, 2, 1)):
        assert find(metrics, "recovery_training", **draws).numerator == training
        assert find(metrics, "recovery_held_out", **draws, n_elements="2").numerator == held_out


def test_times_generated_weigh_rows_and_give_expected_curves(monkeypatch):
    monkeypatch.setattr(evaluation, "CURVE", (3,))
    monkeypatch.setattr(evaluation, "RECOVERY", (3,))
    generator = np.random.default_rng(0)
    order = generator.choice(FORMULAS[:6], 12).tolist()
    times = Counter(order)
    known = references(FORMULAS[:3], FORMULAS[3:6])
    result = measure(
        Sample("counted", compositions(times), np.array(list(times.values()))), CHECKER, known
    )
    whole = measure(Sample("in order", compositions(order)), CHECKER, known)
    for key in ("samples", "distinct"):
        assert result.counts[key] == whole.counts[key]
    of_all = [metric for metric in whole.metrics if "samples" not in metric.subset]
    assert [metric for metric in result.metrics if "samples" not in metric.subset] == of_all
    assert find(result.metrics, "uniqueness", samples=3).note.endswith(RAREFACTION)
    # Expected numbers: the mean over many orders.
    shuffled = [
        measure(Sample("", compositions(generator.permutation(order))), CHECKER, known)
        for _ in range(400)
    ]
    for name in ("uniqueness", "recovery_training", "recovery_held_out"):
        values = [find(found.metrics, name, samples=3).numerator for found in shuffled]
        error = np.std(values) / np.sqrt(len(values))
        expected = find(result.metrics, name, samples=3).numerator
        assert expected == pytest.approx(np.mean(values), abs=4 * error)


def test_the_training_set_itself():
    known = references(FORMULAS, ["MgO"])
    metrics = measure(Sample("training set", compositions(FORMULAS)), CHECKER, known).metrics
    values = {metric.name: metric.value for metric in metrics if not metric.subset}
    assert (values["novelty"], values["n_elements_distance"]) == (0, 0)
    assert values["element_correlation"] == pytest.approx(1)
    assert values["pair_correlation"] == pytest.approx(1)
    assert values["recovery_training"] == 1
    assert counted(find(metrics, "recovery_held_out")) == (0, 1)
    assert counted(find(metrics, "recovery_held_out", n_elements="4+")) == (0, 0)
