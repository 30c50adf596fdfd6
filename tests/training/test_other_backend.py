"""A stage begun on TensorFlow goes on, by the same steps, on another backend, and comes back."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny

pytest.importorskip("tensorflow")
import keras

from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.errors import OutOfTimeError
from tfmat.release.exporting import write_light
from tfmat.training.chain import Order, train
from tfmat.training.loop import Stage
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train

PARTS = ("lattice_encoder", "lattice_decoder")


def test_a_stage_goes_on_elsewhere_and_comes_back(tmp_path, monkeypatch):
    backends = [name for name in ("jax", "torch") if importlib.util.find_spec(name) is not None]
    if not backends:
        pytest.skip("neither JAX nor PyTorch is installed")
    recipe, data = tiny.write_recipe(tmp_path / "tiny.toml"), tiny.write_dataset(tmp_path / "data")

    def order(out: Path, **options) -> Order:
        return Order("lattice-ae", out, str(recipe), data=str(data), **options)

    def stop(stage: Stage, _: float, done: str) -> None:
        if done.startswith("10 of"):
            raise OutOfTimeError(done)

    monkeypatch.setattr(Stage, "check_time", stop)
    begun = tmp_path / "begun"
    with pytest.raises(OutOfTimeError):
        train(CcdcganChain(), order(begun), lambda: Devices("one"), lambda _: None)
    monkeypatch.undo()
    for name in backends:
        shutil.copytree(begun, tmp_path / name)
        words = ["train", "lattice-ae", "--resume", "--out", str(tmp_path / name), "--threads", "1"]
        subprocess.run(
            [sys.executable, "-c", "from tfmat.cli.main import main; main()", *words],
            env=os.environ | {"KERAS_BACKEND": name},
            check=True,
            capture_output=True,
            timeout=300,
        )
    train(CcdcganChain(), order(begun, resume=True), lambda: Devices("one"), lambda _: None)
    expected, networks = losses(begun), Run.open(begun).networks(PARTS)
    for name in backends:
        np.testing.assert_allclose(losses(tmp_path / name), expected, rtol=1e-5)
        for part, model in Run.open(tmp_path / name).networks(PARTS).items():
            for weight, wanted in zip(model.weights, networks[part].weights, strict=True):
                np.testing.assert_allclose(weight.numpy(), wanted.numpy(), atol=1e-3)
        # TensorFlow takes the networks over, and exports them.
        again = train(
            CcdcganChain(),
            order(tmp_path / name, resume=True),
            lambda: Devices("one"),
            print,
            write_light,
        )
        assert again["stages"] == {"lattice-ae": "finished before"}
        assert (tmp_path / name / "package" / "metadata.json").exists()
    assert keras.backend.backend() == "tensorflow"


def losses(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40]
    return [line["loss"] for line in lines]
