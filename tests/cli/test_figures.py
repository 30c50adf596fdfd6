"""Pictures of commands: where they are asked for, and nothing paid where they are not."""

import csv
import json

import pytest
from ase.build import bulk
from ase.io import write
from click.testing import CliRunner
from fresh import run_and_list_modules
from tfmat.cli.main import main, tfmat

from tfmat.datasets.generated import check
from tfmat.figures import writing

BOTH = ("png", "svg")


def run(*words):
    done = CliRunner().invoke(tfmat, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_generated_structures(tmp_path):
    out = tmp_path / "made"
    # The data of this model ship.
    words = ["generate", "ccdcgan", "--model", "ccdcgan-bi-se-compact", "-n", 5, "--out", out]
    code, modules, _ = run_and_list_modules(*words)
    assert (code, {"matplotlib", "tensorflow"} & modules) == (0, set())
    assert "figures" not in names(out)
    code, modules, _ = run_and_list_modules(*words, "--figures", "--overwrite")
    # The light install is enough.
    assert (code, {"tensorflow", "keras"} & modules) == (0, set())
    drawn = ["crystals.png", "crystals.svg", "structures.png", "structures.svg"]
    assert names(out / "figures") == drawn
    assert "bi-se (4,188)" in (out / "figures" / "structures.svg").read_text("utf-8")
    before = {name: (out / "figures" / name).read_bytes() for name in drawn}
    check(out, with_cif=True)
    run(*words, "--figures", "--overwrite")
    assert {name: (out / "figures" / name).read_bytes() for name in drawn} == before
    run(*words, "--no-figures", "--overwrite")
    assert "figures" not in names(out)


def test_generated_formulas(tmp_path):
    out = tmp_path / "made.csv"
    words = ["generate", "matgan", "-n", 300, "--out", out]
    run(*words, "--figures")
    pictures = tmp_path / "made.csv.figures"
    assert names(pictures) == ["formulas.png", "formulas.svg"]
    text = (pictures / "formulas.svg").read_text("utf-8")
    # The data of this package do not ship.
    assert "generated (300)" in text
    assert "how many times" not in text
    run(*words, "--overwrite")
    assert names(tmp_path) == ["made.csv", "made.csv.json"]


def test_a_picture_that_fails_is_one_line(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise MemoryError("too little of it")

    monkeypatch.setattr(writing, "save", broken)
    out = tmp_path / "made"
    with pytest.raises(SystemExit) as end:
        main(["generate", "ccdcgan", "-n", "3", "--out", str(out), "--figures"])
    assert end.value.code == 0
    assert names(out) == ["cif", "results.csv", "structures.extxyz", "summary.json"]
    printed = capsys.readouterr()
    assert "structures from 3 crystals begun" in printed.out
    lines = [line for line in printed.err.splitlines() if "picture" in line]
    assert lines == [
        "tfmat: no picture structures: too little of it",
        "tfmat: no picture crystals: too little of it",
    ]


def test_relaxing(tmp_path):
    frames = []
    for index in range(11):
        atoms = bulk("Cu", "fcc", a=3.6 + 0.01 * index, cubic=True)
        atoms.rattle(0.05, seed=index)
        frames.append(atoms)
    write(tmp_path / "few.extxyz", frames[:3])
    write(tmp_path / "many.extxyz", frames)
    words = ("--potential", "emt", "--cache", tmp_path / "cache", "--steps", 20)
    run("relax", tmp_path / "few.extxyz", "--out", tmp_path / "few", *words)
    run("relax", tmp_path / "many.extxyz", "--out", tmp_path / "many", *words)
    assert "figures" not in names(tmp_path / "few")
    assert names(tmp_path / "many" / "figures") == ["relaxation.png", "relaxation.svg"]
    # What is drawn says nothing of the command on the card.
    assert "figures" not in (tmp_path / "many" / "README.md").read_text("utf-8")


def test_evaluating(tmp_path):
    run("evaluate", "reconstruction", "bi-se", "--limit", 4, "--figures", tmp_path / "back")
    assert names(tmp_path / "back") == ["reconstruction.png", "reconstruction.svg"]
    made, out = tmp_path / "made", tmp_path / "judged"
    run("generate", "ccdcgan", "-n", 6, "--out", made)
    words = ["evaluate", "structures", made, "--out", out]
    run(*words, "--figures")
    assert names(out) == ["elements.csv", "figures", "structures.csv", "summary.json"]
    drawn = [f"{name}.{ending}" for name in ("distinct", "fig4b-elements") for ending in BOTH]
    assert names(out / "figures") == drawn
    run(*words, "--overwrite")
    assert names(out) == ["elements.csv", "structures.csv", "summary.json"]
    done = CliRunner().invoke(tfmat, ["evaluate", "structures", str(made), "--figures"])
    assert done.exit_code != 0
    (tmp_path / "list.txt").write_text("Li2O\nNaCl\nLi2O\n")
    words = ("evaluate", "compositions", tmp_path / "list.txt", "--figures", tmp_path / "unique")
    run(*words)
    assert names(tmp_path / "unique") == [
        f"{name}.{ending}" for name in ("fig4a-validity", "fig5a-uniqueness") for ending in BOTH
    ]


@pytest.mark.train
def test_a_run(tmp_path):
    pytest.importorskip("tensorflow")
    pytest.importorskip("tf2onnx")
    import tiny

    tiny.write_dataset(tmp_path / "data")
    tiny.write_recipe(tmp_path / "tiny.toml")
    words = ["train", "constraint", "--recipe", tmp_path / "tiny.toml", "--threads", 1]
    words += ["--data", tmp_path / "data", "--out", tmp_path / "run"]
    run(*words)
    expected = [f"{name}.{ending}" for name in ("constraint", "learning") for ending in BOTH]
    assert names(tmp_path / "run" / "figures") == sorted([*expected, "constraint.csv"])
    with (tmp_path / "run" / "figures" / "constraint.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    metric = record["stages"]["constraint"]["metrics"]["test_mae"]
    assert len(rows) == metric["denominator"]
    # Keras measured it, ONNX Runtime predicts here.
    error = sum(abs(float(row["true"]) - float(row["predicted"])) for row in rows) / len(rows)
    assert error == pytest.approx(metric["value"], rel=1e-3)
    run(*words, "--resume", "--no-figures")
    assert names(tmp_path / "run" / "figures") == sorted([*expected, "constraint.csv"])
