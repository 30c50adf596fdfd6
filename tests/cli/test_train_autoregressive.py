"""``tfmat train matgan`` with the autoregressive generator: whole, killed, resumed, reused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_compositions

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from tfmat.inference.package import load
from tfmat.matgan.matrix import accept
from tfmat.metric import metric_of

pytestmark = pytest.mark.train
SETTINGS = {
    "gan.form": '"autoregressive"',
    "gan.latent": "6",
    "gan.critic_steps": "1",
    "gan.steps": "10",
    "autoregressive.slots": "3",
    "autoregressive.width": "4",
    "autoregressive.units": "[8]",
    "autoregressive.batch_size": "16",
    "autoregressive.epochs": "0",
    "autoregressive.steps": "20",
}
WORDS = ["matgan", "--recipe", "tiny.toml", "--data", "data", "--seed", "5"]
WORDS += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]


def train(place, capsys, *words):
    """Runs the command in this process, which has TensorFlow already."""
    from tfmat.cli.main import main

    before = Path.cwd()
    os.chdir(place)
    try:
        with pytest.raises(SystemExit) as caught:
            main(["train", *words])
    finally:
        os.chdir(before)
    output = capsys.readouterr()
    assert not caught.value.code, output.err
    return json.loads(output.out)


def log(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return [
        {key: value for key, value in line.items() if key not in ("time", "steps_per_second")}
        for line in lines
    ]


@pytest.mark.slow
def test_killed_in_the_likelihood_and_resumed_it_learns_the_same(tmp_path, capsys):
    tiny_compositions.write_dataset(tmp_path / "data")
    tiny_compositions.write_recipe(tmp_path / "tiny.toml")
    whole = train(tmp_path, capsys, *WORDS, "--out", "whole", "--json")
    assert list(whole["stages"]) == ["formulas", "likelihood", "gan"]
    loss = metric_of(whole, "test_negative_log_likelihood", stage="likelihood")
    assert loss.unit == "nat"
    assert metric_of(whole, "sample_accepted", stage="gan").value == 1.0

    script = str(Path(__file__).with_name("killed_train.py"))
    words = ["train", *WORDS, "--threads", "1", "--out", "killed"]
    died = subprocess.run(
        [sys.executable, script, "likelihood", "15", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    resumed = train(tmp_path, capsys, *WORDS, "--out", "killed", "--resume", "--json")
    assert resumed["stages"]["likelihood"] == "trained"
    assert log(tmp_path / "killed") == log(tmp_path / "whole")

    words = ["--from", "whole", "--set", "policy.rarity=0.0", "--out", "other", "--json"]
    other = train(tmp_path, capsys, *WORDS, *words)
    assert other["stages"] == {"formulas": "reused", "likelihood": "reused", "gan": "trained"}

    package = load(tmp_path / "whole", threads=1)
    assert package.parts == ["generator", "critic", "generate"]
    noise = np.random.default_rng(0).standard_normal((300, 6)).astype(np.float32)
    compositions, accepted = accept(package.run("generate", noise))
    assert accepted.all()
    assert set(compositions.n_elements.tolist()) <= {2, 3}
    matrices = package.run("generator", noise)
    assert package.run("critic", matrices).shape == (300, 1)
