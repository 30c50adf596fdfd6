"""Several processes that train together, on one machine: losses, weights, kills, refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import metals
import numpy as np
import pytest
import tiny
from workers import TFMAT, config, ended, start

from tfmat.errors import InputError
from tfmat.training.cluster import Cluster, read_cluster
from tfmat.training.log import read_log
from tfmat.training.run import Run

SCRIPT = Path(__file__).parents[1] / "support" / "two_workers.py"
# Noise within the networks is drawn by each replica for itself.
QUIET = [
    *("--set", "lattice_autoencoder.latent_noise=0", "--set", "sites_autoencoder.latent_noise=0"),
    *("--set", "constraint.latent_noise=0", "--set", "constraint.dropout=0"),
    *("--set", "gan.dropout=0"),
]


def test_a_process_finds_its_place():
    two = ["a:1", "b:1"]
    assert read_cluster(config(two)) == Cluster(0, 2)
    assert read_cluster(config(two, index=1)) == Cluster(1, 2)
    assert read_cluster(config(two, "chief", chief=["c:1"])) == Cluster(0, 3)
    assert read_cluster(config(two, index=1, chief=["c:1"])) == Cluster(2, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs TF_CONFIG in the environment"),
        ("{", "no JSON"),
        ("[]", 'needs "cluster" and "task"'),
        ("{}", 'needs "cluster" and "task"'),
        (config(["a:1"], ps=["b:1"]), r"cluster\.ps has no part"),
        (config(["a:1", "a:1"]), "a:1 is listed twice"),
        (config(["a"]), r"cluster\.worker is no list of addresses"),
        (config("a:1"), r"cluster\.worker is no list of addresses"),
        (config(["a:1"], index=1), "task worker 1 is none of the processes"),
        (config(["a:1"], index=-1), "task worker -1 is none"),
        (config(["a:1"], kind="chief"), "task chief 0 is none"),
        (config([], chief=["a:1", "b:1"], kind="chief"), "more than one address"),
    ],
)
def test_a_wrong_tf_config_is_refused_in_a_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_cluster(text)
    assert "\n" not in str(caught.value)


@pytest.mark.train
@pytest.mark.slow
def test_two_workers_do_what_one_process_does(tmp_path):
    pytest.importorskip("tensorflow")
    together = ended(start([str(SCRIPT), "{worker}.npz"], tmp_path))
    assert [status for status, _ in together] == [0, 0], together[0][1][-2000:]
    alone = {**os.environ, "TF_CONFIG": "", "TF_NUM_INTRAOP_THREADS": "1"}
    subprocess.run([sys.executable, SCRIPT, "alone.npz"], cwd=tmp_path, env=alone, check=True)
    found = {}
    for name in ("0", "1", "alone"):
        with np.load(tmp_path / f"{name}.npz") as arrays:
            found[name] = dict(arrays)
    names = [name for name in found["0"] if name.startswith("weight")]
    assert len(names) == 4
    for name in names:
        np.testing.assert_array_equal(found["0"][name], found["1"][name])
        np.testing.assert_allclose(found["0"][name], found["alone"][name], atol=1e-5)
    np.testing.assert_allclose(found["0"]["losses"], found["alone"]["losses"], rtol=1e-5)
    for name in ("0", "1"):
        assert found[name]["agreed"].tolist() == [False, True, True, True, False]
        assert found[name]["made"] == 2  # of a batch of four
    assert found["alone"]["made"] == 4


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    pytest.importorskip("tf2onnx")
    folder = tmp_path_factory.mktemp("workers")
    tiny.write_dataset(folder / "data")
    tiny.write_recipe(folder / "tiny.toml")
    return folder


def order(out: str, *words: str) -> list[str]:
    chosen = ["--recipe", "tiny.toml", "--data", "data", "--seed", "5", *QUIET, "--no-figures"]
    return ["-c", TFMAT, "train", "ccdcgan", *chosen, "--out", out, *words]


def losses(run: Path) -> dict[tuple[str, int], float]:
    lines = read_log(run / "log.jsonl")
    return {
        (line["stage"], line["step"]): value
        for line in lines
        for name, value in line.items()
        if name in ("loss", "generator_loss")
    }


@pytest.fixture(scope="module")
def alone(place) -> Path:
    """The chain, trained by one process."""
    environment = {**os.environ, "TF_CONFIG": "", "TF_NUM_INTRAOP_THREADS": "1"}
    subprocess.run(
        [sys.executable, *order("alone")], cwd=place, env=environment, check=True, timeout=500
    )
    return place / "alone"


@pytest.mark.train
@pytest.mark.slow
def test_a_chain_of_two_workers_has_one_run(place, alone):
    done = ended(start(order("both", "--strategy", "multiworker"), place))
    assert [status for status, _ in done] == [0, 0], done[0][1][-2000:]
    assert "worker 0 of 2" in done[0][1]
    assert "worker 1 of 2: done" in done[1][1]
    run, other = Run.open(place / "both"), Run.open(alone)
    assert run.finished("export")
    assert {name: run.stage(name)["files"].keys() for name in run.info["stages"]} == {
        name: other.stage(name)["files"].keys() for name in other.info["stages"]
    }
    replicas = [run.stage(name).get("replicas") for name in ("sites-ae", "graphs", "gan")]
    assert replicas == [2, 1, 2]  # the chief alone encodes
    mine, its = losses(place / "both"), losses(alone)
    assert mine.keys() == its.keys()
    stages = {name for name, _ in mine}
    assert stages == {"lattice-ae", "sites-ae", "constraint", "gan"}
    for key in mine:
        # What a stage learns from comes from the networks of those before it.
        assert mine[key] == pytest.approx(its[key], rel=1e-5 if "ae" in key[0] else 1e-3), key
    assert not list(place.glob("both.*"))


@pytest.mark.train
@pytest.mark.slow
def test_a_job_goes_on_after_one_of_its_workers_was_killed(place, alone):
    words = order("killed", "--set", "sites_autoencoder.steps=160")
    workers = start(words, place)
    log = place / "killed" / "log.jsonl"
    deadline = time.monotonic() + 200
    while not log.exists() or "sites-ae" not in log.read_text("utf-8"):
        assert time.monotonic() < deadline
        assert workers[1].poll() is None
        time.sleep(0.2)
    workers[1].send_signal(signal.SIGKILL)
    (chief, said), _ = ended(workers)
    assert chief == 1
    assert "another worker of this training has ended" in said
    assert "Traceback" not in said
    assert not Run.open(place / "killed").finished("sites-ae")
    reached = max(step for name, step in losses(place / "killed") if name == "sites-ae")
    done = ended(start([*words, "--resume"], place))
    assert [status for status, _ in done] == [0, 0], done[0][1][-2000:]
    assert f"sites-ae: {reached}" not in done[0][1]  # it goes on behind that step
    steps = [step for name, step in losses(place / "killed") if name == "sites-ae"]
    assert steps == sorted(set(steps))
    assert steps[-1] == 160


@pytest.mark.train
@pytest.mark.slow
def test_workers_that_share_no_folder_are_told_so(place):
    (place / "0").mkdir()
    (place / "1").mkdir()
    words = order("../{worker}/run")
    words = [word.replace("tiny.toml", "../tiny.toml") for word in words]
    words = ["../data" if word == "data" else word for word in words]
    (place / "start").mkdir()
    done = ended(start(words, place / "start"))
    assert [status for status, _ in done] == [1, 2]
    assert "all workers must share the run folder" in done[1][1]
    assert "another worker of this training could not begin" in done[0][1]


@pytest.mark.train
@pytest.mark.slow
def test_two_workers_train_the_sources_of_many_elements_together(tmp_path):
    pytest.importorskip("tf2onnx")
    metals.write_dataset(tmp_path / "data")
    settings = [*metals.SETTINGS, "prompted.dropout=0", "energies.dropout=0", "energies.noise=0"]
    words = [word for setting in settings for word in ("--set", setting)]
    words = ["--recipe", "mp-writer", "--data", "data", "--seed", "3", "--no-figures", *words]
    words = ["-c", TFMAT, "train", "ccdcgan", *words, "--out"]
    done = ended(start([*words, "both"], tmp_path))
    assert [status for status, _ in done] == [0, 0], done[0][1][-2000:]
    one_process = {**os.environ, "TF_CONFIG": "", "TF_NUM_INTRAOP_THREADS": "1"}
    subprocess.run([sys.executable, *words, "alone"], cwd=tmp_path, env=one_process, check=True)
    run = Run.open(tmp_path / "both")
    assert run.stage("prompted-writer")["replicas"] == 2
    mine, its = (
        {
            line["step"]: line["loss_cell"]
            for line in read_log(tmp_path / name / "log.jsonl")
            if line["stage"] == "prompted-writer"
        }
        for name in ("both", "alone")
    )
    assert mine.keys() == its.keys() != set()
    for step, value in its.items():
        assert mine[step] == pytest.approx(value, rel=1e-4)
