"""``tfmat train``: a whole chain, killed and resumed, in parts, and with wrong words."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny

from tfmat.datasets.store import Dataset
from tfmat.metric import read_stages, records
from tfmat.training.run import Run

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

pytestmark = pytest.mark.train

STAGES = ["lattice-ae", "sites-ae", "graphs", "constraint", "gan"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    tiny.write_dataset(folder / "data")
    tiny.write_recipe(folder / "tiny.toml")
    return folder


def start(place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=place,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def tfmat(place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return start(place, "-c", "from tfmat.cli.main import main; main()", *words, **environment)


ORDER = ["--recipe", "tiny.toml", "--data", "data", "--seed", "5", "--threads", "1"]


@pytest.fixture(scope="module")
def chain(place) -> dict[str, Any]:
    """An unbroken run of the whole chain in a process of its own."""
    result = tfmat(place, "train", "ccdcgan", *ORDER, "--out", "whole", "--json")
    assert result.returncode == 0, result.stderr[-2000:]
    return {"summary": json.loads(result.stdout), "stderr": result.stderr, "run": place / "whole"}


def log(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return [
        {key: value for key, value in line.items() if key not in ("time", "steps_per_second")}
        for line in lines
    ]


def test_the_chain_leaves_a_run_folder(chain):
    run, summary = chain["run"], chain["summary"]
    assert summary["stages"] == dict.fromkeys(STAGES, "trained")
    assert summary["seed"] == 5
    info = json.loads((run / "run.json").read_text("utf-8"))
    assert [name for name, stage in info["stages"].items() if stage["state"] == "finished"] == [
        *STAGES,
        "export",
    ]
    assert info["dataset"]["training"] + info["dataset"]["held_out"] == 24
    assert info["dataset"]["sha256"]
    constraint = info["stages"]["constraint"]["metrics"]
    assert constraint["test_mae"]["unit"] == "eV/atom"
    assert "held-out structures (random split)" in constraint["test_r2"]["note"]
    assert info["stages"]["sites-ae"]["metrics"]["atom_recall"]["unit"] == "1"
    package = json.loads((run / "package" / "metadata.json").read_text("utf-8"))
    assert len(package["parts"]) == 7
    assert package["elements"] == ["Bi", "Se"]
    assert package["dataset"]["sha256"] == info["dataset"]["sha256"]
    domain = package["domain"]
    assert domain["structures"] == package["dataset"]["training"]
    assert set(domain["bond_sums"]) == {"Bi", "Se"}
    # The dataset has the volumes of all; ranges of so few structures leave none out.
    volumes = Dataset.open(info["dataset"]["path"]).property("volume_per_atom")
    least, most = domain["volume_per_atom"]
    assert min(volumes) - 1e-3 <= least < most <= max(volumes) + 1e-3
    assert sum(least <= value <= most for value in volumes) >= domain["structures"]
    assert sorted(path.name for path in (run / "stages" / "gan").iterdir()) == []
    assert (run / "tensorboard" / "gan").is_dir()


def test_log_lines_hold_what_was_learned(chain):
    lines = log(chain["run"])
    for stage in ("lattice-ae", "sites-ae", "constraint"):
        own = [line for line in lines if line["stage"] == stage]
        assert [line["step"] for line in own] == [10, 20, 30, 40]
        assert all({"loss", "test_loss"} <= set(line) for line in own)
    gan = [line for line in lines if line["stage"] == "gan"]
    assert {
        "discriminator_real_loss",
        "discriminator_fake_loss",
        "generator_loss",
        "predicted_formation_energy_per_atom",
        "sample_formation_energy_per_atom",
    } <= set(gan[0])


def test_plain_lines_where_there_is_no_terminal(chain):
    lines = chain["stderr"].splitlines()
    assert any(line.startswith("sites-ae: 40/40, ") and "step/s" in line for line in lines)
    # TensorFlow is mute: every line is ours.
    words = ("whole: ", "model package: ", *(f"{stage}: " for stage in STAGES))
    assert [line for line in lines if not line.startswith(words)] == []


@pytest.fixture(scope="module")
def killed(place) -> Path:
    """A run that was killed in the middle of each stage, and then finished."""
    script = str(Path(__file__).with_name("killed_train.py"))
    order = ["train", "ccdcgan", *ORDER, "--out", "killed"]
    for stage, count in zip(STAGES, (15, 25, 16, 39, 12), strict=True):
        result = start(place, script, stage, str(count), *order)
        assert result.returncode == -signal.SIGKILL, result.stderr[-2000:]
        state = json.loads((place / "killed" / "run.json").read_text("utf-8"))["stages"]
        assert state[stage]["state"] == "running"
        order += [] if "--resume" in order else ["--resume"]
    result = tfmat(place, *order)
    assert result.returncode == 0, result.stderr[-2000:]
    return place / "killed"


def test_killed_in_every_stage_it_learns_the_same(chain, killed):
    assert log(killed) == log(chain["run"])
    metrics = json.loads((killed / "run.json").read_text("utf-8"))["stages"]
    learned = read_stages({stage: metrics[stage]["metrics"] for stage in STAGES})
    assert records(learned) == chain["summary"]["metrics"]
    packages = [run / "package" / "metadata.json" for run in (killed, chain["run"])]
    parts = [json.loads(path.read_text("utf-8"))["parts"] for path in packages]
    weights = [{name: part["weights_sha256"] for name, part in entry.items()} for entry in parts]
    assert weights[0] == weights[1]


def train_here(place: Path, capsys, *words: str) -> tuple[int, str, str]:
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
    return int(caught.value.code or 0), output.out, output.err


def test_a_finished_run_resumes_to_nothing(place, chain, capsys):
    code, out, err = train_here(place, capsys, "ccdcgan", "--out", "whole", "--resume", "--json")
    assert code == 0, err
    assert set(json.loads(out)["stages"].values()) == {"finished before"}


def test_dcgan_reuses_the_stages_of_a_chain(place, chain, capsys):
    words = ["dcgan", "--out", "dcgan", "--from", "whole", "--json", "--set", "gan.steps=10"]
    code, out, err = train_here(place, capsys, *words)
    assert code == 0, err
    summary = json.loads(out)
    assert summary["stages"] == {
        "lattice-ae": "reused",
        "sites-ae": "reused",
        "graphs": "reused",
        "gan": "trained",
    }
    assert summary["seed"] == 5
    # Its energies are predicted by the chain's constraint, so that both can be compared.
    last = log(place / "dcgan")[-1]
    assert "sample_formation_energy_per_atom" in last
    assert "predicted_formation_energy_per_atom" not in last
    package = json.loads((place / "dcgan" / "package" / "metadata.json").read_text("utf-8"))
    assert "constraint" in package["parts"]
    assert package["recipe"]["gan"]["terms"] == []


def test_a_stage_alone_and_then_another_in_the_same_run(place, chain, capsys, monkeypatch):
    words = [*ORDER[:-2], "--out", "parts", "--set", "sites_autoencoder.steps=10"]
    code, _, err = train_here(place, capsys, "sites-ae", *words)
    assert code == 0, err
    assert "bit-equal" not in err
    # TensorFlow has started long ago; this is only what the run is told.
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "97")
    code, out, err = train_here(place, capsys, "lattice-ae", *words, "--resume", "--json")
    assert code == 0, err
    assert err.count("now 97; losses will not be bit-equal") == 1
    assert json.loads(out)["stages"] == {"lattice-ae": "trained"}
    package = json.loads((place / "parts" / "package" / "metadata.json").read_text("utf-8"))
    assert set(package["parts"]) == {
        "lattice_encoder",
        "lattice_decoder",
        "sites_encoder",
        "sites_decoder",
    }
    words = ["constraint", "--out", "again", "--from", "whole", "--set", "constraint.steps=10"]
    code, out, err = train_here(place, capsys, *words, "--json")
    assert code == 0, err
    assert json.loads(out)["stages"]["constraint"] == "trained"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "whole"], "holds a run already; add --resume"),
        (["--out", "whole", "--resume", "--seed", "6"], "was started with --seed 5, not 6"),
        (["--out", "whole", "--resume", "--set", "gan.steps=7"], "gan.steps = 40, not 7"),
        (["--out", "data"], "not empty"),
        (["--out", "new", "--data", "nowhere"], "nowhere: no such dataset"),
        (["--out", "new", "--from", "data"], "holds no training run"),
        (["--out", "new", "--from", "whole", "--seed", "1"], "trained with other seed (5, not 1)"),
        (
            ["--out", "new2", "--from", "whole", "--set", "voxels.box=11"],
            "nothing to reuse (its lattice-ae was trained with voxels.box = 10.0, not 11.0)",
        ),
        (["--out", "new3", "--set", "data.property=colour"], "no property 'colour'"),
        (["--out", "new", "--set", "gan.step=7"], "did you mean steps?"),
        (["--out", "new", "--strategy", "multiworker"], "needs TF_CONFIG"),
    ],
)
def test_wrong_words_are_one_line(place, chain, capsys, words, message):
    base = [] if "--resume" in words or "--from" in words else ORDER[:-2]
    code, out, err = train_here(place, capsys, "ccdcgan", *base, *words)
    assert code == 2
    assert message in err.splitlines()[-1]
    assert out == ""


def test_other_data_cannot_be_resumed(place, chain, capsys):
    tiny.write_dataset(place / "more", 30)
    words = ["--recipe", "tiny.toml", "--data", "more", "--out", "whole", "--resume"]
    code, _, err = train_here(place, capsys, "ccdcgan", *words)
    assert code == 2
    assert "was started with other data" in err.splitlines()[-1]


def test_moved_data_can_be_resumed(place, chain, capsys):
    shutil.copytree(place / "data", place / "moved")
    words = ["--recipe", "tiny.toml", "--data", "moved", "--out", "whole", "--resume"]
    code, _, err = train_here(place, capsys, "ccdcgan", *words)
    assert code == 0, err


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_stopped_training_says_how_to_go_on(place, capsys, monkeypatch, number, code, word):
    from tfmat.training.loop import Stage

    monkeypatch.setattr(Stage, "train", lambda *_, **__: signal.raise_signal(number))
    out = f"stopped by {word}"
    words = ["sites-ae", *ORDER[:-2], "--out", out]
    found, _, err = train_here(place, capsys, *words)
    assert found == code
    assert err.splitlines()[-1] == (
        f"tfmat: {word}; go on with: tfmat train sites-ae --out '{out}' --resume"
    )
    assert (place / out / "run.json").exists()
    # And before there is a run.
    monkeypatch.setattr("tfmat.training.chain.open_run", lambda *_: signal.raise_signal(number))
    found, _, err = train_here(place, capsys, *words[:-1], "nothing", "--from", out)
    assert found == code
    assert err.splitlines()[-1].startswith(f"tfmat: {word}; nothing was kept")
    assert not (place / "nothing").exists()


def test_a_run_is_replaced_only_when_asked(place, capsys):
    run = place / "replaced"
    words = ["lattice-ae", *ORDER[:-2], "--set", "lattice_autoencoder.steps=1", "--out", "replaced"]
    assert train_here(place, capsys, *words)[0] == 0
    before = json.loads((run / "run.json").read_text("utf-8"))["created"]
    code, _, err = train_here(place, capsys, *words)
    assert code == 2
    assert "--resume to go on with it or --overwrite to replace it" in err
    assert train_here(place, capsys, *words, "--overwrite", "--seed", "6")[0] == 0
    after = json.loads((run / "run.json").read_text("utf-8"))
    assert (after["seed"], after["created"] >= before) == (6, True)
    with Run.open(run).locked():
        code, _, err = train_here(place, capsys, *words, "--overwrite")
    assert code == 2
    assert "another process is writing there" in err
    assert json.loads((run / "run.json").read_text("utf-8")) == after


def test_every_constraint_of_a_multi_objective_run_is_trained_and_exported(chain, place):
    terms = (
        'gan.terms=[{property = "formation_energy_per_atom"}, '
        '{property = "volume_per_atom", form = "target", target = 20.0, weight = 0.01}]'
    )
    words = ["train", "ccdcgan", "--from", "whole", "--data", "data", "--out", "multi"]
    result = tfmat(place, *words, "--set", terms, "--threads", "1", "--json")
    assert result.returncode == 0, result.stderr[-2000:]
    stages = json.loads(result.stdout)["stages"]
    assert stages["graphs"] == "reused"
    assert stages["constraint-volume_per_atom"] == "trained"
    metadata = json.loads((place / "multi/package/metadata.json").read_text("utf-8"))
    assert metadata["parts"]["constraint-volume_per_atom"]["property"] == "volume_per_atom"
    assert (place / "multi/package/constraint-volume_per_atom.onnx").is_file()
    gan = [line for line in log(place / "multi") if line["stage"] == "gan"]
    assert "predicted_volume_per_atom" in gan[-1]
    made = tfmat(place, "generate", "ccdcgan", "--model", "multi", "-n", "3", "--out", "new")
    assert made.returncode == 0, made.stderr
    header = (place / "new/results.csv").read_text("utf-8").splitlines()[0]
    assert "predicted_volume_per_atom" in header


def test_resume_refuses_a_folder_without_a_run(place):
    result = tfmat(place, "train", "ccdcgan", "--out", "mistyped", "--resume")
    assert result.returncode == 2
    assert "no run to resume" in result.stderr
    assert not (place / "mistyped").exists()


def test_a_dataset_that_was_changed_is_not_trained_on(place):
    shutil.copytree(place / "data", place / "changed")
    file = place / "changed" / "positions.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    for words in (
        ["train", "lattice-ae", "--out", "x", "--data", "changed", "--recipe", "tiny.toml"],
        ["data", "info", "changed"],
    ):
        result = tfmat(place, *words)
        assert result.returncode == 2
        assert "changed since it was written" in result.stderr


def test_a_dcgan_cannot_go_on_in_a_ccdcgan_run(chain, place):
    result = tfmat(place, "train", "dcgan", "--out", "whole", "--resume", "--data", "data")
    assert result.returncode == 2
    assert "is a CCDCGAN" in result.stderr


def test_a_limit_of_time(place):
    result = tfmat(place, "train", "lattice-ae", *ORDER, "--out", "short", "--minutes", "0.001")
    assert result.returncode == 75
    assert result.stderr.splitlines()[-1] == (
        "tfmat: lattice-ae: the time is over, 0 of 40 steps done; go on with --resume"
    )
