"""What ``tfmat generate matgan`` writes, measured: both must count the same."""

import json

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from random_matgan import make_run

from tfmat.evaluation.formulas.measure import References, measure
from tfmat.evaluation.formulas.sets import Distinct
from tfmat.evaluation.formulas.sources import read_sample
from tfmat.matgan.generating.generate import FormulaRequest, FormulaSampler
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.generating.results import Amount, generate_into
from tfmat.matgan.validity.checker import ValidityChecker
from tfmat.metric import find, metric_of

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("runs") / "random")
    return CompositionModel.load(run, backend="onnx", threads=2)


@pytest.mark.parametrize("valid_only", [False, True])
def test_counts_agree_with_the_generators_summary(model, tmp_path, valid_only):
    results = {}
    for name, unique in (("all.csv", False), ("unique.parquet", True)):
        file = tmp_path / name
        sampler = FormulaSampler(model, 7, ValidityChecker(), FormulaRequest(valid_only=valid_only))
        generate_into(file, sampler, Amount(5000, unique=unique))
        summary = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        measured = measure(read_sample(file), ValidityChecker(), References())
        result, results[name] = measured.counts, measured
        assert result["samples"] == summary["kept"]
        assert result["distinct"] == summary["unique"]
        assert find(measured.metrics, "uniqueness").value == metric_of(summary, "unique").value
        assert result["drawn"] == {"samples": 5000, "accepted": summary["accepted"]}
        drawn = [metric for metric in measured.metrics if metric.name.endswith("_of_drawn")]
        for kind in ("neutral", "balanced"):
            expected = 1 if valid_only else metric_of(summary, kind).value
            assert find(measured.metrics, kind).value == expected
        # What the generator and the evaluation give the same name is the same.
        assert [metric.value for metric in drawn] == [
            metric_of(summary, metric.name).value for metric in drawn
        ]
        assert len(drawn) == (0 if valid_only else 2)
    # The order is in one file, the times in the other.
    ordered, counted = (
        [metric for metric in found.metrics if "samples" not in metric.subset]
        for found in results.values()
    )
    assert ordered == counted


def test_nothing_generated_is_novel_against_itself(model, tmp_path):
    file = tmp_path / "made.csv"
    generate_into(file, FormulaSampler(model, 1, ValidityChecker()), Amount(2000))
    sample = read_sample(file)
    known = References(Distinct.of(sample.compositions))
    metrics = measure(sample, ValidityChecker(), known).metrics
    assert find(metrics, "novelty").numerator == 0
    assert find(metrics, "recovery_training").value == 1
