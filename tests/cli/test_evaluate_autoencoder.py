import json

import pytest

pytest.importorskip("onnx")

from oracle import GIVEN, make_package
from tfmat.cli.main import main

from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.metric import metric_of


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    with DatasetWriter(folder / "data", {"name": "known"}) as writer:
        for copy in range(4):
            for k, crystal in enumerate(GIVEN):
                writer.add(crystal, f"{copy}-{k}", {})
    package = make_package(folder / "oracle")
    metadata = json.loads((package / "metadata.json").read_text("utf-8"))
    metadata["dataset"] = {"name": "data", "sha256": Dataset.open(folder / "data").sha256}
    (package / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    return folder


def evaluate(capsys, place, *arguments):
    command = ["evaluate", "reconstruction", place / "data", *arguments]
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in command])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def test_splits_add_up(capsys, place):
    found = {}
    for split in ("all", "test", "train"):
        code, stdout, _ = evaluate(
            capsys, place, "--stage", "autoencoder", "--model", place / "oracle",
            "--split", split, "--json",
        )  # fmt: skip
        assert code == 0
        found[split] = json.loads(stdout)
        assert found[split]["split"] == split
        assert metric_of(found[split], "atom_recall").value == 1.0
        assert metric_of(found[split], "atom_precision").value == 1.0
        # Every fifth is refused for atoms that are too close.
        refused = found[split]["not_decoded"].get("atoms closer than 0.5 Å", 0)
        assert found[split]["reproduced"] == found[split]["structures"] - refused
    assert found["all"]["structures"] == 20
    assert metric_of(found["all"], "reproduced").value == 0.8
    assert found["test"]["structures"] > 0
    assert found["test"]["structures"] + found["train"]["structures"] == 20


def test_limits_are_the_models_unless_others_are_given(capsys, place):
    words = ("--stage", "autoencoder", "--model", place / "oracle")
    code, stdout, _ = evaluate(capsys, place, *words, "--max-atoms", 1)
    assert code == 0
    assert "4 of 4 structures reproduced" in stdout
    assert "left out: 16 (too many atoms or too long a cell)" in stdout
    code, stdout, _ = evaluate(capsys, place, *words, "--max-length", 30, "--json")
    assert json.loads(stdout)["structures"] == 20
    code, _, stderr = evaluate(capsys, place, *words, "--max-length", 30, "--split", "test")
    assert code == 2
    assert "its split has no larger structures" in stderr
    assert len(stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stage", "autoencoder"], "needs --model"),
        (["--split", "test"], "voxels learn nothing"),
        (["--stage", "autoencoder", "--model", "unknown"], "no such package"),
    ],
)
def test_wrong_words_are_one_line(capsys, place, arguments, message):
    code, _, stderr = evaluate(capsys, place, *arguments)
    assert code == 2
    assert message in stderr
    assert len(stderr.splitlines()) == 1
