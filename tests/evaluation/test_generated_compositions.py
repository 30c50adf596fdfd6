"""What ``tfmat generate matgan`` writes, measured: both must count the same."""

import json

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from random_matgan import make_run

from tfmat.evaluation.formulas.measure import References, measure
from tfmat.evaluation.formulas.sets import Distinct
from tfmat.evaluation.formulas.sources import read_sample
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.generating.generate import FormulaRequest, FormulaSampler
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.generating.results import Amount, generate_into
from tfmat.matgan.validity.checker import ValidityChecker

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("runs") / "random")
    return CompositionModel.load(run, backend="onnx", threads=2)


def judge(formulas: Compositions):
    verdict = ValidityChecker().check(formulas)
    return verdict.neutral, verdict.balanced


@pytest.mark.parametrize("valid_only", [False, True])
def test_counts_agree_with_the_generators_summary(model, tmp_path, valid_only):
    results = {}
    for name, unique in (("all.csv", False), ("unique.parquet", True)):
        file = tmp_path / name
        sampler = FormulaSampler(model, 7, ValidityChecker(), FormulaRequest(valid_only=valid_only))
        generate_into(file, sampler, Amount(5000, unique=unique))
        summary = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        result = results[name] = measure(read_sample(file), judge, References())
        assert result["samples"] == summary["kept"]
        assert result["distinct"] == summary["unique"]
        assert result["uniqueness"] == pytest.approx(summary["unique_rate"])
        assert result["drawn"] == {"samples": 5000, "accepted": summary["accepted"]}
        for kind, rate in (("charge_neutral", "neutral_rate"), ("balanced", "balanced_rate")):
            found = result["validity"][kind]
            assert found["of_samples"] == (1 if valid_only else pytest.approx(summary[rate]))
            expected = None if valid_only else pytest.approx(summary[f"{rate}_of_samples"])
            assert found["of_drawn"] == expected
    # The order is in one file, the times in the other.
    ordered, counted = results.values()
    assert ordered["validity"] == counted["validity"]
    assert ordered["n_elements"] == pytest.approx(counted["n_elements"])
    hows = [result["uniqueness_curve"]["how"].split()[0] for result in (ordered, counted)]
    assert hows == ["counted", "expected"]


def test_nothing_generated_is_novel_against_itself(model, tmp_path):
    file = tmp_path / "made.csv"
    generate_into(file, FormulaSampler(model, 1, ValidityChecker()), Amount(2000))
    sample = read_sample(file)
    result = measure(sample, judge, References(Distinct.of(sample.compositions)))
    assert result["novel"] == 0
    assert result["recovery"][-1]["training"]["all"]["share"] == 1
