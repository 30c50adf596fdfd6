import csv
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.io import read as read_frames
from fresh import run_and_list_modules
from tfmat.cli.main import main

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def _no_faults(serving):
    serving.clear()


def tfmat(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def predict(capsys, url, package, out, *arguments):
    return tfmat(capsys, "predict", "--url", url, "--package", package, "--out", out, *arguments)


def rows(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("protocol", ["rest_url", "grpc_url"])
def test_structures_are_those_of_generate(capsys, serving, tmp_path, protocol):
    words = ["-n", 12, "--seed", 3, "--batch-size", 5, "--require", "Bi", "--json"]
    package, here, there = serving.crystals, tmp_path / "here", tmp_path / "there"
    code, stdout, _ = tfmat(
        capsys, "generate", "ccdcgan", "--model", package, "--out", here, *words
    )
    assert code == 0
    expected = json.loads(stdout)
    code, stdout, stderr = predict(capsys, getattr(serving, protocol), package, there, *words)
    assert code == 0, stderr
    found = json.loads(stdout)
    assert found.pop("server") == getattr(serving, protocol)
    assert found.pop("served_models") == {
        part: f"oracle-{part} version 1"
        for part in ("generator", "lattice_decoder", "sites_decoder", "constraint")
    }
    for name in expected.keys() - {"out", "seal", "sha256"}:
        if name.startswith("mean"):
            assert found[name] == pytest.approx(expected[name], abs=1e-5)
        else:
            assert found[name] == expected[name]
    assert found["structures"] > 5
    assert {path.name for path in there.iterdir()} == {path.name for path in here.iterdir()}
    for one, other in zip(rows(here), rows(there), strict=True):
        for name in ("id", "status", "formula", "atoms", "space_group", "latent_sha256"):
            assert one[name] == other[name]
    frames = [read_frames(folder / "structures.extxyz", ":") for folder in (here, there)]
    for one, other in zip(*frames, strict=True):
        assert one.info["id"] == other.info["id"]
        assert np.abs(one.cell.array - other.cell.array).max() < 1e-4
        assert np.abs(one.positions - other.positions).max() < 1e-4


@pytest.mark.parametrize(
    ("protocol", "criteria"),
    [
        ("rest_url", []),
        ("grpc_url", []),
        # Scores need all composition matrices on the way.
        ("grpc_url", ["--critic-keep", 0.4, "--unique"]),
    ],
)
def test_formulas_are_those_of_generate(capsys, serving, tmp_path, protocol, criteria):
    words = ["-n", 9000, "--seed", 7, "--json", *criteria]
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    package, url = serving.formulas, getattr(serving, protocol)
    _, stdout, _ = tfmat(capsys, "generate", "matgan", "--model", package, "--out", here, *words)
    expected = json.loads(stdout)
    code, stdout, stderr = predict(capsys, url, package, there, *words)
    assert code == 0, stderr
    assert there.read_bytes() == here.read_bytes()
    found = json.loads(stdout)
    assert found.pop("server") == url
    parts = ("generator", "critic") if criteria else ("generate",)
    models = {part: f"random-{part} version 2" for part in parts}
    assert found.pop("served_models") == models
    assert found.pop("backend") == "tensorflow-serving"
    assert found.keys() == expected.keys() - {"backend"}
    for name in ("generator_weights_sha256", "precision", "model", "kept", "unique"):
        assert found[name] == expected[name]


def test_faults_on_the_way_change_nothing(capsys, serving, tmp_path):
    words = ["-n", 600, "--batch-size", 50]
    predict(capsys, serving.rest_url, serving.formulas, tmp_path / "a.csv", *words)
    for kind in ("status", "half", "reset", "truncated"):
        serving.inject(kind, only="predict")
    serving.inject("status", only="metadata", code="RESOURCE_EXHAUSTED")
    code, _, _ = predict(capsys, serving.rest_url, serving.formulas, tmp_path / "b.csv", *words)
    assert code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("kind", ["crystals", "formulas"])
@pytest.mark.parametrize(
    ("arguments", "fault", "code", "message"),
    [
        (["--version", 9], None, 2, "has no version 9"),
        (["--prefix", "x"], None, 2, "serves no model x-gen"),
        (["--version", 2**63], None, 2, "'--version': 9223372036854775808 is not in the range"),
        (["--version", 1, "--label", "a"], None, 2, "give one of them"),
        (["--mode", "wrong", "--unique", "yes"], None, 2, ""),
        (["--retries", 0], {"kind": "status"}, 1, "HTTP 503: Servable is being moved; try"),
        (["--retries", 0], {"kind": "truncated"}, 1, "no whole JSON"),
        ([], {"kind": "garbage"}, 2, "not in JSON (text/html)"),
        ([], {"kind": "rows"}, 2, "answered"),
        ([], {"kind": "status", "code": "INTERNAL"}, 1, "HTTP 500"),
    ],
)
def test_one_line_and_nothing_half_written(
    capsys, serving, tmp_path, kind, arguments, fault, code, message
):
    if fault:
        serving.inject(times=50, **fault)
    out = tmp_path / ("new.csv" if kind == "formulas" else "new")
    found, stdout, stderr = predict(
        capsys, serving.rest_url, getattr(serving, kind), out, "-n", 40, *arguments
    )
    assert (found, stdout) == (code, "")
    lines = [line for line in stderr.splitlines() if not line.startswith("generating")]
    assert len(lines) == 1
    assert message in lines[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["crystals", "formulas"])
def test_interrupted_call_waits_for_no_answer(serving, tmp_path, kind):
    serving.inject("slow", times=4, seconds=30)
    out = tmp_path / ("new.csv" if kind == "formulas" else "new")
    words = ["--url", serving.rest_url, "--package", getattr(serving, kind), "--out", out]
    # Whoever runs the tests in the background has this signal ignored, and children inherit that.
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from tfmat.cli.main import main; main(sys.argv[1:])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, "predict", *map(str, words)], stderr=subprocess.PIPE
    ) as process:
        while not any(request.startswith("predict") for request in serving.requests):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=25)
    assert process.returncode == 130
    assert stderr.decode().splitlines()[-1].startswith("tfmat: interrupted; nothing was kept")
    assert list(tmp_path.iterdir()) == []


def test_nobody_there(capsys, serving, tmp_path):
    code, _, stderr = predict(
        capsys, "http://127.0.0.1:1", serving.crystals, tmp_path / "new", "--retries", 1
    )
    assert code == 1
    assert "no connection (connection refused) (2 tries); start the server" in stderr


def test_help_follows_the_package(capsys, serving):
    code, stdout, _ = tfmat(capsys, "predict", "--help")
    assert code == 0
    assert "--critic-keep" not in stdout
    assert "--symmetrise" not in stdout
    _, stdout, _ = tfmat(capsys, "predict", "--package", serving.formulas, "--help")
    assert "--critic-keep" in stdout
    assert "--symmetrise" not in stdout
    _, stdout, _ = tfmat(capsys, "predict", f"--package={serving.crystals}", "--help")
    assert "--symmetrise" in stdout
    for local in ("--threads", "--backend", "--precision", "--model "):
        assert local not in stdout
    code, _, stderr = tfmat(capsys, "predict", "--url", "http://x")
    assert code == 2
    assert "--package" in stderr


def test_light_install_predicts_by_rest(serving, tmp_path):
    """No module of the extras is imported, nor ONNX Runtime."""
    code, modules, output = run_and_list_modules(
        "predict", "--url", serving.rest_url, "--package", serving.crystals,
        "--out", tmp_path / "new", "-n", 2, "--json",
    )  # fmt: skip
    assert code == 0, output
    extras = ("tensorflow", "keras", "onnx", "onnxruntime", "grpc", "tensorflow_serving", "sklearn")
    assert modules.isdisjoint(extras)
