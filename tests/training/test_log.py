"""The log of a run: what a line holds, what a resumed stage drops. Without TensorBoard."""

from __future__ import annotations

import math
import re

import pytest

pytest.importorskip("keras")

from tfmat.training import log as logs
from tfmat.training.log import RunLog, read_log

pytestmark = pytest.mark.train


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "on_tensorflow", lambda: False)
    return RunLog(tmp_path)


def steps(log):
    return [(line["stage"], line["step"]) for line in read_log(log.path)]


def test_a_line_holds_stage_step_time_and_what_is_finite(log, tmp_path):
    log.write("gan", 5, {"loss": 0.1, "r2": math.nan, "rate": math.inf})
    (line,) = read_log(log.path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line.pop("time"))
    assert line == {"stage": "gan", "step": 5, "loss": 0.1}
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_rewind_drops_later_lines_of_its_stage_alone(log):
    log.rewind("gan", 0)  # nothing written yet
    assert not log.path.exists()
    for stage, step in (("coder", 10), ("coder", 20), ("gan", 10), ("gan", 20), ("gan", 30)):
        log.write(stage, step, {})
    log.rewind("gan", 10)
    assert steps(log) == [("coder", 10), ("coder", 20), ("gan", 10)]
    log.rewind("gan", 0)
    assert steps(log) == [("coder", 10), ("coder", 20)]


def test_a_line_cut_short_is_passed_over_and_goes_with_a_rewind(log):
    log.write("gan", 10, {"loss": 0.5})
    with log.path.open("a", encoding="utf-8") as stream:
        stream.write('{"stage": "gan", "step": 20, "lo')
    assert steps(log) == [("gan", 10)]
    log.rewind("gan", 10)
    log.write("gan", 20, {"loss": 0.4})
    assert steps(log) == [("gan", 10), ("gan", 20)]
    assert len(log.path.read_text("utf-8").splitlines()) == 2
