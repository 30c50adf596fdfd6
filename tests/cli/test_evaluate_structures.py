import csv
import json

import numpy as np
import pytest
from ase.io import write
from disturbed import described, disturb
from fresh import run_and_list_modules
from tfmat.cli.main import main

from tfmat.datasets.credit import Credit
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.metric import metric_of

BI_SE = Dataset.open("bi-se")


def run(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "structures", *map(str, words)])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def refused(capsys, *words):
    code, stdout, stderr = run(capsys, *words)
    assert (code, stdout) == (2, "")
    assert len(stderr.splitlines()) == 1
    return stderr


@pytest.fixture
def place(tmp_path):
    """Known structures, and frames: two known ones, a copy, a new one and a broken one."""
    with DatasetWriter(tmp_path / "known", {"name": "known"}) as writer:
        for row in range(0, 400, 10):
            writer.add(BI_SE[row], BI_SE.ids[row])
    rng = np.random.default_rng(4)
    twice = described(BI_SE[0], np.diag([2, 1, 1]))
    crystals = [BI_SE[10], disturb(BI_SE[0], rng, 0.05, 0.01), twice, BI_SE[0]]
    crystals[3] = type(twice)(twice.lattice * 1.0, twice.positions, twice.numbers[::-1] // 2)
    frames = [crystal.to_atoms() for crystal in crystals]
    for row, atoms in enumerate(frames):
        atoms.info = {"id": f"made-{row}", "formation_energy_per_atom": -0.1 * row}
    write(tmp_path / "made.extxyz", frames, format="extxyz")
    with (tmp_path / "made.extxyz").open("a", encoding="utf-8") as stream:
        stream.write('1\nProperties=species:S:1:pos:R:3 id="flat"\nBi 0 0 0\n')
    return tmp_path


def test_table_summary_and_novel_dataset(capsys, place):
    words = ("--against", f"mine={place / 'known'}", "--out", place / "out")
    code, stdout, stderr = run(
        capsys, place / "made.extxyz", *words, "--novel", place / "novel", "--json"
    )
    assert code == 0, stderr
    summary = json.loads(stdout)
    assert (summary["structures"], summary["not_judged"]) == (4, 1)
    assert (summary["distinct"], summary["novel"], summary["novel_distinct"]) == (3, 1, 1)
    assert metric_of(summary, "uniqueness").value == 0.75
    assert summary["against"]["mine"]["structures"] == 40
    assert metric_of(summary, "novelty", against="mine").value == 0.25
    assert summary["novel_written"] == 1
    with (place / "out" / "structures.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == [*(f"made-{n}" for n in range(4)), "flat"]
    assert [row["distinct"] for row in rows] == ["1", "1", "0", "1", ""]
    assert [row["novel"] for row in rows] == ["0", "0", "0", "1", ""]
    assert rows[0]["mine_id"] == BI_SE.ids[10]
    assert float(rows[0]["mine_rms_angstrom"]) == pytest.approx(0, abs=1e-5)
    assert (rows[2]["copy_of_id"], rows[2]["copy_of_form"]) == ("made-1", "primitive")
    assert 0.01 < float(rows[1]["mine_rms_angstrom"]) < 0.1
    assert rows[4]["reason"]
    written = json.loads((place / "out" / "summary.json").read_text("utf-8"))
    assert summary.items() >= written.items()
    novel = Dataset.open(place / "novel")
    assert list(novel.ids) == ["made-3"]
    assert novel.property("formation_energy_per_atom").tolist() == pytest.approx([-0.3])
    assert novel.metadata["extra"]["novelty"]["against"]["mine"]["structures"] == 40
    assert (place / "known.novelty" / "metadata.json").is_file()
    # The same again, from the index, in words.
    code, stdout, _ = run(capsys, place / "made.extxyz", *words, "--overwrite", "--no-distances")
    assert code == 0
    first, second, third, valid, fourth, last = stdout.splitlines()
    assert first == "distinct: 3 of 4 structures (75.0%)"
    assert second == "novel: 1 of 4 structures (25.0%): not among the 40 of mine"
    assert third == "distinct and novel: 1 of 4 structures (25.0%)"
    assert valid.startswith("valid: ")
    assert "; mine " in valid
    assert fourth.startswith("not judged: 1 (")
    assert "StructureMatcher" in last


def test_the_novel_keep_scale_and_credit_and_replace_only_datasets(capsys, place):
    energies = {"method": "m", "scale": "PBE"}
    source = {"name": "made", "license": "CC-BY-4.0", "attribution": ["One (2001)"]}
    with DatasetWriter(place / "made", source, extra={"energies": energies}) as writer:
        writer.add(BI_SE[1005], "new", {"formation_energy_per_atom": -0.1})
    words = (place / "made", "--against", place / "known", "--no-distances")
    code, _, stderr = run(capsys, *words, "--novel", place / "novel")
    assert code == 0, stderr
    novel = Dataset.open(place / "novel")
    assert novel.metadata["extra"]["energies"] == energies
    assert novel.credit == Credit("CC-BY-4.0", ("One (2001)",))
    assert run(capsys, *words, "--novel", place / "novel", "--overwrite")[0] == 0
    # An index has a record, too, but is no dataset.
    index = place / "known.novelty"
    assert "has not written" in refused(capsys, *words, "--novel", index, "--overwrite")


def test_datasets_without_known_ones_and_other_places(capsys, place):
    code, stdout, _ = run(capsys, place / "known", "--json", "--no-distances")
    assert code == 0
    summary = json.loads(stdout)
    assert summary["structures"] == 40
    assert summary["against"] == {}
    words = ("--against", place / "known", "--json")
    code, stdout, _ = run(capsys, place / "made.extxyz", *words, "--no-index")
    assert code == 0
    assert not (place / "known.novelty").exists()
    run(capsys, place / "made.extxyz", *words, "--index", place / "indices")
    assert (place / "indices" / "known.novelty" / "metadata.json").is_file()
    assert json.loads(stdout)["novel"] == 1


def test_failures_of_the_generator_are_kept(capsys, place):
    folder = place / "made"
    folder.mkdir()
    (place / "made.extxyz").rename(folder / "structures.extxyz")
    (folder / "results.csv").write_text(
        "id,status\nmade-0,structure\nnone-1,no atoms\nmade-1,structure\n", "utf-8"
    )
    code, stdout, _ = run(capsys, folder, "--json", "--no-distances")
    assert code == 0
    summary = json.loads(stdout)
    assert summary["structures"] == 4
    assert summary["not_judged_by_reason"]["no atoms"] == 1


def test_wrong_words(capsys, place):
    made = place / "made.extxyz"
    assert "--novel needs known structures" in refused(capsys, made, "--novel", place / "new")
    assert "no such dataset" in refused(capsys, made, "--against", place / "nothing")
    twice = ("--against", place / "known", "--against", f"known={place / 'known'}")
    assert "'known' is given twice" in refused(capsys, made, *twice)
    assert "leave out --index" in refused(capsys, made, "--no-index", "--index", place / "i")
    (place / "mine").mkdir()
    (place / "mine" / "a.txt").write_text("mine", "utf-8")
    words = (made, "--against", place / "known")
    assert "has not written" in refused(capsys, *words, "--out", place / "mine", "--overwrite")
    assert "exists and is not empty" in refused(capsys, *words, "--novel", place / "mine")
    assert "no such file" in refused(capsys, place / "nothing.cif")
    out = place / "out"
    for one, other in ((out, out), (out, out / "new"), (out / "table", out)):
        message = refused(capsys, *words, "--out", one, "--novel", other)
        assert "give two folders, none in the other" in message
    assert not out.exists()
    before = sorted(path.name for path in (place / "known").iterdir())
    message = refused(capsys, *words, "--no-index", "--novel", place / "known", "--overwrite")
    assert "is read and would be replaced" in message
    assert sorted(path.name for path in (place / "known").iterdir()) == before
    (place / "known.novelty").mkdir()
    (place / "known.novelty" / "a.txt").write_text("mine", "utf-8")
    assert "is in the way" in refused(capsys, *words)


def test_no_network_library_is_imported(place):
    code, modules, _ = run_and_list_modules("evaluate", "structures", "--help")
    assert code == 0
    assert not modules & {"pymatgen", "scipy", "tensorflow", "torch"}
    known = place / "known"
    code, modules, _ = run_and_list_modules("evaluate", "structures", known, "--against", known)
    assert code == 0
    assert not modules & {"tensorflow", "keras", "torch", "onnxruntime"}
