"""Training on two logical CPU devices: each trap of Keras 3 under tf.distribute has a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
from logical_devices import run

from tfmat.errors import InputError

pytest.importorskip("tensorflow")
from tfmat.training.strategy import Devices, choose

pytestmark = pytest.mark.train


def run_case(name: str, folder: Path) -> dict[str, Any]:
    recipe = tiny.write_recipe(folder / "tiny.toml")
    printed = run(Path(__file__).with_name("two_devices.py"), name, recipe)
    values: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return values


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> dict[str, Any]:
    return run_case("fit", tmp_path_factory.mktemp("fit"))


def test_two_devices_take_the_steps_of_one(fitted):
    assert fitted["replicas"] == 2
    # Summed instead of averaged gradients would differ by a factor of two.
    assert fitted["autoencoder"] < 1e-6
    one, two = fitted["autoencoder_losses"]
    assert two == pytest.approx(one, rel=1e-6)


def test_batch_statistics_are_those_of_the_whole_batch(fitted):
    assert fitted["normalised"] < 1e-5
    one, two = fitted["normalised_losses"]
    assert two == pytest.approx(one, rel=1e-5)


def test_dropout_differs_between_replicas_and_repeats(fitted):
    assert fitted["dropout"]["differ"]
    assert fitted["dropout"]["differ_by_step"]
    assert fitted["dropout"]["repeat"]
    # The reason for all this; if it fails, Keras does it itself and `separate_dropout` can go.
    assert not fitted["dropout"]["plain_keras_differs"]


def test_gan_on_two_devices_resumes_exactly(tmp_path):
    losses = run_case("gan", tmp_path)
    assert losses["resumed"] == losses["whole"]
    assert all(len(values) == 2 for values in losses["whole"].values())


class TwoReplicas:
    num_replicas_in_sync = 2


def test_a_batch_that_cannot_be_shared_is_refused():
    devices = Devices("mirrored", TwoReplicas())
    devices.check_batch(4, "gan.batch_size")
    with pytest.raises(InputError, match=r"use `settings` gan\.batch_size=4 or `strategy` one"):
        devices.check_batch(3, "gan.batch_size")


def test_choose_on_this_machine(monkeypatch):
    assert choose("one") == Devices("one")
    assert choose("auto").replicas == 1
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="needs TF_CONFIG"):
        choose("multiworker")
    with pytest.raises(InputError, match="use one of auto, one"):
        choose("many")
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(InputError, match='needs "cluster" and "task"'):
        choose("auto")
