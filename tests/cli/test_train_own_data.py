"""``tfmat train`` on data of one's own: other elements, other properties, too few, and hints."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tiny

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset, DatasetWriter

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

pytestmark = pytest.mark.train

# Layers without convolutions, as in the default recipe.
RECIPE = tiny.RECIPE.replace('elements = ["Bi", "Se"]\n', "").replace("steps = 40", "steps = 10")


def write(
    folder: Path,
    symbols: tuple[int, ...],
    count: int = 24,
    known: int | None = None,
    hardest: float = 100,
) -> Path:
    random = np.random.default_rng(2)
    with DatasetWriter(folder, {"name": "own"}) as writer:
        for index in range(count):
            cell = np.diag(random.uniform(3.5, 5.0, 3))
            positions = random.uniform(0, 1, (len(symbols), 3)) @ cell
            numbers = random.choice(symbols, len(symbols))
            crystal = Crystal.from_arrays(cell, positions, numbers)
            values = {"formation_energy_per_atom": float(np.log(np.linalg.det(cell)) - 5)}
            if known is None or index < known:
                values["hardness"] = hardest * float(np.linalg.det(cell) / len(symbols))
            writer.add(crystal, f"own-{index}", values)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    (tmp_path / "tiny.toml").write_text(RECIPE, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tfmat(capsys, *words: str) -> tuple[int, str, list[str]]:
    """Runs a command in this process; returns code, output and lines of the other stream."""
    from tfmat.cli.main import main

    code = 0
    try:
        main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    output = capsys.readouterr()
    return code, output.out, output.err.splitlines()


def train(capsys, *words: str) -> tuple[int, str, list[str]]:
    return tfmat(capsys, "train", *words)


def test_a_system_of_six_elements_from_structures_to_cif_files(place, capsys):
    data = write(place / "data", (3, 12, 25, 26, 8, 16))
    base = ["--recipe", "tiny.toml", "--data", "data"]
    words = ["ccdcgan", *base, "--out", "run", "--property", "hardness", "--target", "700"]
    words += ["--property", "formation_energy_per_atom", "--minimise", "--weight", "0.5"]
    code, out, lines = train(capsys, *words, "--json")
    assert code == 0, lines[-1]
    # 8 cells and 10 for each of 6 elements are more than 8 x 8.
    assert "run: the crystal graph grows from 8 x 8 to 12 x 12, for Mg, Li, Mn, Fe, S, O" in (
        "\n".join(lines).replace("for Li, Mg", "for Mg, Li")
    )
    assert any("steered towards 700 of hardness (target, weight 0.1)" in line for line in lines)
    assert any("towards low formation_energy_per_atom (linear, w" in line for line in lines)
    assert list(json.loads(out)["stages"])[3:5] == [
        "constraint",
        "constraint-formation_energy_per_atom",
    ]
    metadata = json.loads((place / "run/package/metadata.json").read_text("utf-8"))
    assert metadata["parts"]["constraint"]["property"] == "hardness"
    values = Dataset.open(data).property("hardness")
    term = metadata["recipe"]["gan"]["terms"][0]
    assert 0.5 * np.std(values) < term["scale"] < 1.5 * np.std(values)
    # Resumed with the same words, and without them.
    for again in (words, ["ccdcgan", "--out", "run"]):
        code, out, lines = train(capsys, *again, "--resume", "--json")
        assert code == 0, lines[-1]
        assert set(json.loads(out)["stages"].values()) == {"finished before"}
    code, _, lines = train(capsys, *words[:-1], "0.7", "--resume")
    assert (code, "gan.terms" in lines[-1]) == (2, True)
    # The networks alone, and the light path.
    runtime = onnxruntime.InferenceSession(place / "run/package/generator.onnx")
    (graphs,) = runtime.run(None, {"noise": np.zeros((2, 8), np.float32)})
    assert graphs.shape == (2, 12, 12, 1)
    code, out, lines = tfmat(capsys, "generate", "ccdcgan", "--model", "run", "-n", "5")
    assert code == 0, lines[-1]
    rows = list(csv.DictReader((place / "generated-ccdcgan/results.csv").open(encoding="utf-8")))
    assert len(rows) == 5
    assert all(np.isfinite(float(row["predicted_hardness"])) for row in rows)


@pytest.mark.slow
def test_another_property_reuses_the_autoencoders(place, capsys):
    write(place / "data", (3, 8))
    code, _, lines = train(
        capsys, "ccdcgan", "--recipe", "tiny.toml", "--data", "data", "--out", "first"
    )
    assert code == 0, lines[-1]
    words = ["--from", "first", "--out", "second", "--property", "hardness", "--maximise"]
    code, out, lines = train(capsys, "ccdcgan", *words, "--json")
    assert code == 0, lines[-1]
    assert json.loads(out)["stages"] == {
        "lattice-ae": "reused",
        "sites-ae": "reused",
        "graphs": "reused",
        "constraint": "trained",
        "gan": "trained",
    }
    assert any("steered towards high hardness" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--property", "hardness"], "say what is wanted of it, one of --target VALUE, --minimise"),
        (["--target", "3"], "--target belongs to the --property before it"),
        (["--property", "hardness", "--target", "3", "--maximise"], "--maximise and another"),
        (["--property", "hardness", "--target", "nan"], "not a finite number"),
        (["--property", "hardness", "--maximise", "--weight", "0"], "--weight"),
        (
            ["--property", "gap", "--minimise"],
            "no property 'gap'; give --property one of these: formation_energy_per_atom, hardness, "
            "or name its column: tfmat data import FILE --property gap=COLUMN (tfmat train dcgan",
        ),
        (
            ["--data", "bare"],
            "no property 'formation_energy_per_atom'; compute it: tfmat relax bare --out "
            "RELAXED (tfmat train dcgan needs none)",
        ),
        (["--property", "hardness", "--minimise"], "hardness is known for 6 structures"),
        (["--set", "data.max_atoms=1"], "too many atoms or too long a cell"),
        (["--data", "few"], "6 of 8 structures are left to learn from, fewer than 10"),
        (["--data", "huge", "--property", "hardness", "--minimise"], "too large to learn; give it"),
    ],
)
def test_wrong_words_and_poor_data_are_one_line_at_once(place, capsys, words, message):
    write(place / "data", (3, 8), known=8)
    write(place / "few", (3, 8), 8)
    with DatasetWriter(place / "bare", {"name": "own"}) as writer:
        writer.add(Crystal.from_arrays(4 * np.eye(3), np.zeros((1, 3)), [3]), "own-0", {})
    write(place / "huge", (3, 8), hardest=1e300)
    base = ["ccdcgan", "--recipe", "tiny.toml", "--data", "data", "--out", "run"]
    code, out, lines = train(capsys, *base, *words)
    assert (code, out) == (2, "")
    assert message in lines[-1]
    assert not (place / "run").exists()


def test_the_hint_of_an_error_can_be_pasted(place, capsys):
    many = (3, 12, 25, 26, 8, 16, 20, 22, 28, 14)
    with DatasetWriter(place / "many", {"name": "many"}) as writer:
        for name in ("one", "two"):
            source = Dataset.open(write(place / name, many if name == "one" else (3, 25, 8)))
            for row, properties in source.property_rows():
                writer.add(source[row], f"{name}-{row}", properties)
    order = ["lattice-ae", "--recipe", "tiny.toml", "--data", "many", "--out", "run"]
    code, _, lines = train(capsys, *order)
    assert code == 2
    hint = shlex.split(re.search(r"--set \S+", lines[-1])[0])
    assert hint == ["--set", "data.elements=Li,Mn,O"]
    code, _, lines = train(capsys, *order, *hint)
    assert code == 0, lines[-1]
    # The same from the published recipe, which names its elements.
    code, _, lines = train(capsys, *order[:1], "--recipe", "bi-se", "--data", "two", "--out", "x")
    assert code == 2
    assert re.search(r"--set \S+$", lines[-1])[0].split() == hint


def test_too_few_formulas_are_refused(place, capsys):
    (place / "few.csv").write_text("formula\nNaCl\nKBr\nLi2O\nMgO\nMgO\nFe\n", "utf-8")
    code, _, lines = tfmat(
        capsys, "data", "import", "few.csv", "--kind", "compositions", "--out", "few"
    )
    assert code == 0, lines[-1]
    words = ["matgan", "--data", "few", "--out", "run", "--set", "data.test_fraction=0.25"]
    code, _, lines = train(capsys, *words)
    assert code == 2
    assert "3 of " in lines[-1]
    assert "formulas are left to learn from" in lines[-1]
    assert not (place / "run").exists()
