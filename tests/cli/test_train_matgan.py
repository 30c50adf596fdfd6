"""``tfmat train matgan`` and ``composition-ae``: whole, killed and resumed, with wrong words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
import tiny_compositions
from programs import program

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from tfmat.inference.package import load
from tfmat.matgan.elements import ELEMENTS
from tfmat.metric import metric_of

pytestmark = pytest.mark.train
WORDS = ["--recipe", "tiny.toml", "--data", "data", "--seed", "5"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("matgan")
    tiny_compositions.write_dataset(folder / "data")
    tiny_compositions.write_recipe(folder / "tiny.toml")
    tiny.write_dataset(folder / "structures", 4)
    tiny.write_recipe(folder / "ccdcgan.toml")
    return folder


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
    return int(caught.value.code or 0), output.out, output.err


@pytest.fixture(scope="module")
def trained(place) -> Path:
    """A whole run of the GAN in a process of its own."""
    script = "from tfmat.cli.main import main; main()"
    words = ["train", "matgan", *WORDS, "--threads", "1", "--out", "whole", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert summary["stages"] == {"formulas": "trained", "gan": "trained"}
    # TensorFlow is mute: every line is ours.
    words = ("whole: ", "model package: ", "formulas: ", "gan: ")
    assert [line for line in done.stderr.splitlines() if not line.startswith(words)] == []
    return place / "whole"


def log(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return [
        {key: value for key, value in line.items() if key not in ("time", "steps_per_second")}
        for line in lines
    ]


def test_the_run_says_what_was_learned_and_from_what(trained):
    info = json.loads((trained / "run.json").read_text("utf-8"))
    assert (info["dataset"]["training"], info["dataset"]["held_out"]) == (60, 20)
    metrics = info["stages"]["gan"]["metrics"]
    assert set(metrics) == {
        "sample_accepted",
        "sample_unique",
        "sample_neutral",
        "sample_balanced",
    }
    assert metrics["sample_balanced"]["judge"]["settings"]["oxidation_states"] == "smact14"
    assert len(info["stages"]["formulas"]["files"]) == 2
    for name, count in (("training", 60), ("held_out", 20)):
        lines = (trained / "stages" / "formulas" / f"{name}.csv").read_text("utf-8").splitlines()
        assert len(lines) == count + 1
    gan = [line for line in log(trained) if line["stage"] == "gan"]
    assert [line["step"] for line in gan] == [10, 20, 30, 40]
    assert {"critic_loss", "generator_loss", "wasserstein", "slope", "sample_accepted"} <= set(
        gan[0]
    )


def test_the_package_says_whose_data_it_has_learned(place, trained, capsys, monkeypatch):
    from tfmat.cli.main import main

    told = {"license": "CC-BY-4.0", "attribution": ["Tiny (2020)"]}
    info = json.loads((trained / "run.json").read_text("utf-8"))
    assert info["dataset"].items() >= told.items()
    assert load(trained).metadata["dataset"].items() >= told.items()
    monkeypatch.chdir(place)
    quick = ("--no-measure", "--no-saved-model", "--no-keras", "--overwrite")
    for words, wanted in (
        ((), told),
        (("--data-license", "MIT"), told | {"license": "MIT"}),
        (
            ("--attribution", "A (1)", "--attribution", "B | C (2)"),
            told | {"attribution": ["A (1)", "B | C (2)"]},
        ),
    ):
        with pytest.raises(SystemExit) as end:
            main(["export", str(trained), "--out", "exported", *quick, *words])
        assert end.value.code == 0, capsys.readouterr().err
        assert load(place / "exported").metadata["dataset"].items() >= wanted.items()
        card = (place / "exported" / "README.md").read_text("utf-8")
        assert f"| licence of the data | {wanted['license']} |" in card
        texts = "; ".join(wanted["attribution"]).replace("|", "\\|")
        assert f"| attribution | {texts} |" in card


def test_a_package_leads_to_the_formulas_of_its_training(place, trained, monkeypatch, tmp_path):
    lists = program(Path(__file__).parents[2] / "benchmarks" / "training_lists.py")
    words = ["training_lists.py", str(trained / "package"), str(place / "data"), str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    lists.main()
    for name in ("training.csv", "held_out.csv"):
        assert (tmp_path / name).read_bytes() == (trained / "stages/formulas" / name).read_bytes()
    tiny_compositions.write_dataset(tmp_path / "other", 79)
    words[2] = str(tmp_path / "other")
    with pytest.raises(SystemExit, match=r"is not what .* has learned from"):
        lists.main()


@pytest.mark.parametrize("batch", [1, 6])
def test_the_package_computes_as_the_weights_do(trained, batch):
    import keras

    package = load(trained, threads=1)
    assert package.parts == ["generator", "critic", "generate"]
    metadata = package.metadata
    assert (metadata["family"], tuple(metadata["elements"])) == ("matgan", ELEMENTS)
    assert metadata["decoding"] == {"rule": "argmax", "threshold": 0.5}
    counts = metadata["parts"]["generate"]["outputs"]["counts"]
    assert counts == {"shape": ["batch", 85], "dtype": "uint8", "unit": "atoms"}
    noise = np.random.default_rng(0).standard_normal((batch, 8), dtype=np.float32)
    generator, critic = (
        keras.models.load_model(trained / "weights" / f"{part}.keras", compile=False)
        for part in ("generator", "critic")
    )
    matrices = np.asarray(generator(noise, training=False))
    made = package.run("generator", noise)
    assert made.shape == (batch, 8, 85, 1)
    np.testing.assert_allclose(made, matrices, atol=1e-6)
    scores = np.asarray(critic(matrices, training=False))
    np.testing.assert_allclose(package.run("critic", matrices), scores, rtol=1e-5, atol=1e-5)
    sampled = package.run("generate", noise)
    assert sampled.dtype == np.uint8
    from tfmat.matgan.matrix import matrix_counts

    np.testing.assert_array_equal(sampled, matrix_counts(made, "argmax", 0.5))


def test_killed_and_resumed_it_learns_the_same(place, trained, capsys):
    script = str(Path(__file__).with_name("killed_train.py"))
    words = ["train", "matgan", *WORDS, "--threads", "1", "--out", "killed"]
    died = subprocess.run(
        [sys.executable, script, "gan", "25", *words], cwd=place, capture_output=True, text=True
    )
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    code, _, err = train(place, capsys, "matgan", *WORDS, "--out", "killed", "--resume")
    assert code == 0, err
    assert log(place / "killed") == log(trained)
    weights = [
        {
            name: part["weights_sha256"]
            for name, part in json.loads((run / "package" / "metadata.json").read_text("utf-8"))[
                "parts"
            ].items()
        }
        for run in (place / "killed", trained)
    ]
    assert weights[0] == weights[1]


def test_the_autoencoder_learns_and_joins_the_package(place, trained, capsys):
    words = ["composition-ae", "--out", "ae", "--from", "whole", "--json"]
    longer = ["--set", "autoencoder.steps=200", "--set", "autoencoder.learning_rate=0.03"]
    code, out, err = train(place, capsys, *words, *longer)
    assert code == 0, err
    summary = json.loads(out)
    assert summary["stages"] == {"formulas": "reused", "composition-ae": "trained"}
    assert metric_of(summary, "train_exact", stage="composition-ae").value > 0.5
    exact = metric_of(summary, "test_exact", stage="composition-ae")
    assert exact.note == "share of 20 held-out formulas decoded exactly"
    package = load(place / "ae", threads=1)
    autoencoder = ["composition_encoder", "composition_decoder"]
    assert package.parts == ["generator", "critic", *autoencoder, "generate"]
    from tfmat.matgan.matrix import encode, matrix_counts, to_counts

    compositions = tiny_compositions.compositions()
    latents = package.run("composition_encoder", encode(compositions)[..., None])
    counts = matrix_counts(package.run("composition_decoder", latents), "argmax", 0.5)
    assert (counts == to_counts(compositions)).all(axis=1).mean() > 0.5


def test_the_package_is_listed(place, trained, capsys):
    from tfmat.cli.main import main

    with pytest.raises(SystemExit) as caught:
        main(["models", "list", "--models-dir", str(place / "whole")])
    assert not caught.value.code
    # Columns are as wide as the longest of all packages that are found.
    assert "package matgan 85 elements" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "structures"], "a dataset of structures, but compositions are needed"),
        (["--data", "nowhere"], "nowhere: no such dataset"),
        (["--recipe", "ccdcgan.toml"], "is a ccdcgan recipe, this command needs matgan"),
        (["--recipe", "matgan-oqdm"], "did you mean matgan-oqmd"),
        (
            ["--set", "gan.batch_size=0"],
            "gan.batch_size must be a whole number of at least 1",
        ),
        (["--set", "gan.epochs=3"], "one of them must be positive, the other 0"),
        (["--set", "data.test_fraction=0.001"], "too few to hold out"),
    ],
)
def test_wrong_words_are_one_line(place, capsys, words, message):
    base = {"--recipe": "tiny.toml", "--data": "data"} | dict([words])
    order = [word for pair in base.items() for word in pair]
    code, out, err = train(place, capsys, "matgan", *order, "--out", "new")
    assert code == 2
    assert message in err.splitlines()[-1]
    assert len(err.splitlines()) == 1
    assert out == ""
    assert not (place / "new").exists()


def test_an_autoencoder_needs_held_out_formulas(place, capsys):
    words = [*WORDS, "--out", "new", "--set", "data.test_fraction=0"]
    code, _, err = train(place, capsys, "composition-ae", *words)
    assert code == 2
    assert "judged by held-out formulas" in err


def test_a_ccdcgan_cannot_be_resumed_as_a_matgan(place, capsys):
    (place / "other").mkdir()
    (place / "other" / "recipe.toml").write_text((place / "ccdcgan.toml").read_text("utf-8"))
    record = {"format": "tfmat-run", "format_version": 1, "created": "", "seed": 0, "stages": {}}
    record |= {"versions": {}, "dataset": {"name": "set", "sha256": "0" * 64}}
    (place / "other" / "run.json").write_text(json.dumps(record))
    code, _, err = train(place, capsys, "matgan", "--out", "other", "--resume")
    assert code == 2
    assert "is a ccdcgan recipe" in err
