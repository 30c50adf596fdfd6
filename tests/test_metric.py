"""The one type of metric: shares, means, what is of nothing, and JSON there and back."""

import json
import math
import statistics
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmat import __version__
from tfmat.metric import (
    Judge,
    Metric,
    Tolerance,
    find,
    mean,
    metric_of,
    read_metrics,
    read_stages,
    records,
    share,
    where,
)

KEYS = [entry.name for entry in fields(Metric)]
JUDGE = Judge("tool", "1.2", {"limit": 0.5, "sets": ["a"]})


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_share_is_numerator_over_denominator(part, more):
    found = share("s", part, part + more, sampled=True)
    assert (found.numerator, found.denominator) == (part, part + more)
    assert found.value == part / (part + more)
    # The spread of the mean of zeros and ones.
    answers = [1.0] * part + [0.0] * more
    spread = statistics.pstdev(answers) / math.sqrt(len(answers))
    assert found.standard_error == pytest.approx(spread)
    assert share("s", part, part + more).standard_error is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_a_mean_and_its_standard_error(values):
    found = mean("m", values, "eV", sampled=True)
    assert found.value == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert (found.numerator, found.denominator) == (None, len(values))
    spread = statistics.stdev(values) / math.sqrt(len(values))
    assert found.standard_error == pytest.approx(spread, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    "nothing",
    [
        share("s", 0, 0, sampled=True),
        mean("m", [], "eV", sampled=True),
        mean("m", [1.0, math.nan], "eV", sampled=True),
        mean("m", [math.inf, -math.inf], "eV"),
        Metric("n", math.nan, "Å", denominator=np.int64(3)),
        Metric("n", np.float32(math.inf)),
    ],
)
def test_what_is_of_nothing_is_null(nothing):
    record = nothing.record()
    assert record["value"] is None
    assert record["standard_error"] is None
    json.dumps(record, allow_nan=False)
    assert nothing.percent() == nothing.number() == nothing.counted() == "–"


def test_one_value_has_a_mean_but_no_spread():
    found = mean("m", [2.0], "eV", sampled=True)
    assert (found.value, found.standard_error) == (2.0, None)


_TEXT = st.text(max_size=5)


@given(
    st.builds(
        Metric,
        _TEXT,
        st.none() | st.floats(),
        _TEXT,
        st.dictionaries(_TEXT, _TEXT | st.integers(), max_size=2),
        st.none() | st.integers(),
        st.none() | st.floats(),
        st.none() | st.floats(),
        st.none() | st.builds(Tolerance, st.floats(allow_nan=False), _TEXT),
        st.none() | st.builds(Judge, _TEXT, _TEXT, st.dictionaries(_TEXT, _TEXT, max_size=2)),
        _TEXT,
    )
)
def test_json_there_and_back(metric):
    record = metric.record()
    assert list(record) == KEYS
    (again,) = read_metrics(json.loads(json.dumps({"metrics": records([metric])})))
    assert again == metric
    assert again.record() == record


def test_numbers_of_numpy_become_plain_ones():
    found = share("s", np.int64(3), np.int64(4), judge=JUDGE)
    assert json.loads(json.dumps(found.record()))["numerator"] == 3
    assert type(found.numerator) is int
    assert type(Metric("n", np.float32(0.5)).value) is float


def test_records_of_before_are_read():
    """Runs and packages written before kept value, unit and note by name."""
    old = {"value": 0.9, "unit": "1", "note": "share of 5 atoms", "command": "tfmat generate x"}
    (found,) = read_stages({"sites-ae": {"atom_recall": old}})
    assert found.subset == {"stage": "sites-ae"}
    assert (found.name, found.value, found.about) == ("atom_recall", 0.9, "share of 5 atoms")
    assert (found.denominator, found.judge, found.tolerance) == (None, None, None)


def test_they_are_found_by_name_and_exact_subset():
    metrics = [
        share("s", 1, 2),
        share("s", 1, 4, subset={"n": "3"}),
        share("s", 1, 8, subset={"n": "3", "set": "a"}),
    ]
    assert find(metrics, "s").denominator == 2
    assert find(metrics, "s", n="3").denominator == 4
    assert metric_of({"metrics": records(metrics)}, "s", set="a", n="3").denominator == 8
    assert [metric.denominator for metric in where(metrics, n="3")] == [4, 8]
    with pytest.raises(KeyError, match="s"):
        find(metrics, "s", n="4")


def test_how_it_is_written():
    found = share("s", 1234, 5000, "share of these", judge=JUDGE)
    assert found.counted() == "1,234 (24.7%)"
    assert (found.percent(2), found.number()) == ("24.68%", "0.247")
    assert found.about == "share of these (tool 1.2, limit 0.5, sets ['a'])"
    own = Judge.own("tfmat.x", mode="robust")
    assert str(own) == f"tfmat.x {__version__}, mode robust"
