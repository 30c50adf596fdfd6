import csv
import json

import pytest
from hull_systems import GENERATED, KNOWN, above_by_pymatgen, write
from pymatgen.core import Composition
from tfmat.cli.main import main

from tfmat.datasets.store import Dataset


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hull")
    write(folder / "known", KNOWN, scale="PBE")
    more = {"delta_formation_energy_per_atom": [0.0, 0.1, 0.3, 0.2, 0.1, 0.2, 0.19]}
    write(folder / "made", GENERATED, more, scale="PBE")
    write(folder / "failed", [*GENERATED, ("LiCd", float("nan"))])
    write(folder / "elements", [("Li", 0.0), ("Cd", 0.1)])
    with (folder / "made.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "cif", "formation_energy_per_atom"])
        dataset = Dataset.open(folder / "made")
        for row, (_, energy) in enumerate(GENERATED):
            cif = dataset[row].to_structure().to(fmt="cif")
            writer.writerow([dataset.ids[row], cif, energy])
    return folder


def run(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "hull", *map(str, words)])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def judged(capsys, *words):
    code, stdout, stderr = run(capsys, *words, "--json")
    assert code == 0, stderr
    return json.loads(stdout)


def refused(capsys, *words):
    code, stdout, stderr = run(capsys, *words)
    assert (code, stdout) == (2, "")
    lines = [line for line in stderr.splitlines() if not line.startswith("importing: ")]
    assert len(lines) == 1
    return lines[0]


def rows_of(file):
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_generated_structures_against_known_ones(capsys, place, tmp_path):
    out = tmp_path / "out"
    words = [place / "made", "--against", place / "known", "--out", out]
    summary = judged(capsys, *words, "--system", "Cd-Li", "--system", "Li-Co-O")
    # Far below lies what the known ones lack; LiCd2 is less than 25 meV/atom below.
    lacking = dict(line.split(" lies ", 1) for line in summary["warnings"])
    assert list(lacking) == ["Li2CoO3", "Li4Cd3"]
    for formula, energy in (("Li2CoO3", -1.9), ("Li4Cd3", -0.26)):
        depth = -above_by_pymatgen(formula, energy, KNOWN, [*Composition(formula).as_dict()])
        assert lacking[formula].startswith(f"{1000 * depth:.0f} meV/atom below the hull of ")
        assert "which holds nothing of that formula" in lacking[formula]
    assert [row["system"] for row in summary["table"]] == ["Cd-Li", "Li-Co-O", "all"]
    assert [row["structures"] for row in summary["table"]] == [4, 2, 6]
    assert [entry["formula"] for entry in summary["below_hull"]][:1] == ["Li2CoO3"]
    assert {entry["formula"] for entry in summary["below_hull"]} == {"Li2CoO3", "Li4Cd3", "LiCd2"}
    cd_li, ternary = summary["hulls"]
    assert cd_li["no_longer_on_the_hull"] == ["LiCd", "Li3Cd"]
    assert ternary["redefined"]
    assert {path.name for path in (out / "pictures").iterdir()} == {
        f"{name}.{ending}" for name in ("Cd-Li", "Li-Co-O") for ending in ("png", "svg")
    }
    assert json.loads((out / "summary.json").read_text("utf-8")) == {
        key: value for key, value in summary.items() if key != "out"
    }
    rows = rows_of(out / "hull.csv")
    assert summary["structures"] == len(rows) == len(GENERATED) + len(KNOWN) - 1
    for row, (formula, energy) in zip(rows, GENERATED, strict=False):
        elements = list(Composition(formula).get_el_amt_dict())
        assert row["set"] == "generated"
        assert float(row["formation_energy_per_atom"]) == energy
        for column, data in (
            ("e_above_known_hull", KNOWN),
            ("e_above_redefined_hull", KNOWN + GENERATED),
        ):
            expected = above_by_pymatgen(formula, energy, data, elements)
            assert float(row[column]) == pytest.approx(expected, abs=2e-6)
    assert rows[0]["x"] == f"{4 / 7:.6g}"  # Li is on the right of Cd-Li
    text = (out / "README.md").read_text("utf-8")
    assert "PBE" in text
    assert "0.100 eV/atom" in text


def test_everything_that_was_generated_without_a_choice(capsys, place, tmp_path):
    words = [place / "made", "--against", place / "known", "--out", tmp_path / "out"]
    summary = judged(capsys, *words, "--pictures", 1)
    assert [row["system"] for row in summary["table"]] == ["Cd-Li", "Co-Li-O", "Co-O", "all"]
    assert summary["table"][-1]["structures"] == len(GENERATED)
    assert summary["pictures"] == ["Cd-Li"]
    # A hull that is not drawn, but redefined, is told.
    assert [entry["system"] for entry in summary["hulls"]] == ["Cd-Li", "Co-Li-O"]


def test_the_hull_of_the_data_alone(capsys, place, tmp_path):
    out = tmp_path / "out"
    summary = judged(capsys, "--against", place / "known", "--out", out)
    assert summary["generated"] is None
    assert summary["below_hull"] == []
    rows = rows_of(out / "hull.csv")
    assert len(rows) == len(KNOWN)  # also the pure elements
    assert all(float(row["e_above_known_hull"]) >= 0 for row in rows)
    code, stdout, _ = run(capsys, "--against", place / "known", "--out", out, "--overwrite")
    assert code == 0
    assert "# structures" in stdout
    assert "below" not in stdout


def test_the_same_bytes_again(capsys, place, tmp_path):
    words = [place / "made", "--against", place / "known", "--system", "Cd-Li"]
    files = []
    for name in ("a", "b"):
        judged(capsys, *words, "--out", tmp_path / name)
        files.append({p.name: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()})
    assert files[0] == files[1]
    assert len(files[0]) == 7


def test_a_csv_file_and_several_datasets(capsys, place, tmp_path):
    words = ["--against", place / "known", "--system", "Cd-Li", "--system", "Co-Li-O"]
    one = judged(capsys, place / "made", *words, "--out", tmp_path / "a")
    two = judged(capsys, place / "made.csv", *words, "--out", tmp_path / "b")
    assert [e["formula"] for e in one["below_hull"]] == [e["formula"] for e in two["below_hull"]]
    assert one["table"][0]["mean_above_hull"] == pytest.approx(two["table"][0]["mean_above_hull"])
    more = ["--against", place / "made", *words]
    three = judged(capsys, place / "made.csv", *more, "--out", tmp_path / "c")
    assert three["below_hull"] == []


def test_rows_without_an_energy_are_counted(capsys, place, tmp_path):
    words = [place / "failed", "--against", place / "known", "--out", tmp_path / "out"]
    code, stdout, stderr = run(capsys, *words)
    assert code == 0
    assert f"{place / 'failed'}: 1 left out (no formation energy)" in stdout
    assert "3 structures lie below the hull of the known ones:" in stdout
    warning, *_ = [line for line in stderr.splitlines() if line.startswith("warning")]
    assert "names no energy scale" in warning


def test_a_system_without_known_compounds_is_said(capsys, place, tmp_path):
    made = write(tmp_path / "made", [("Bi2Se3", -0.3), ("LiCd", -0.1)], scale="PBE")
    words = [made, "--against", f"mp={place / 'known'}", "--out", tmp_path / "out"]
    summary = judged(capsys, *words)
    (warning,) = summary["warnings"]
    assert warning.startswith("no known compound in Bi-Se: ")
    assert summary["against"] == ["mp"]
    assert [entry["below_hull"] for entry in summary["below_hull"]] == [pytest.approx(0.3)]


def test_rows_that_cannot_be_read_are_counted(capsys, place, tmp_path):
    table = tmp_path / "some.csv"
    table.write_text((place / "made.csv").read_text("utf-8") + "made-7,no CIF,-0.1\n", "utf-8")
    words = [table, "--against", place / "known", "--out", tmp_path / "out"]
    assert judged(capsys, *words)["left_out"] == {str(table): {"broken CIF": 1}}


def test_what_is_wrong_is_said_in_one_line(capsys, place, tmp_path):
    out = ["--out", tmp_path / "out"]
    known = ["--against", place / "known"]
    assert "no structure of it" in refused(capsys, *known, *out, "--system", "Bi-Se")
    assert "'Xx' is no element" in refused(capsys, *known, *out, "--system", "Bi-Xx")
    assert "--against" in refused(capsys, place / "made", *out)
    assert "only pure elements" in refused(capsys, place / "elements", *known, *out)
    assert "no such dataset" in refused(capsys, place / "nothing", *known, *out)
    empty = tmp_path / "plain.csv"
    empty.write_text((place / "made.csv").read_text("utf-8").replace("formation_energy", "x"))
    assert "tfmat relax" in refused(capsys, empty, *known, *out)
    assert not (tmp_path / "out").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    text = refused(capsys, place / "made", *known, "--out", other, "--overwrite")
    assert "leaves alone" in text


def test_without_a_known_compound_nothing_is_called_stable(capsys, place, tmp_path):
    write(tmp_path / "known", [("LiCd", -0.2), ("LiCoO2", -1.0)], scale="PBE")
    made = [("LiCd", -0.21), ("CoO", -0.9), ("LiCoO2", -1.1)]
    write(tmp_path / "made", made, scale="PBE")
    words = [tmp_path / "made", "--against", tmp_path / "known"]
    summary = judged(capsys, *words, "--out", tmp_path / "out")
    table = {row["system"]: row for row in summary["table"]}
    columns = ("structures", "judged", "below_hull", "stable", "metastable")
    for name in ("on_hull", "within_25_mev", "within_50_mev", "within_100_mev"):
        assert [table[system][name] for system in ("Co-O", "Cd-Li", "all")] == [None, 1, 2]
    assert [table["Co-O"][name] for name in columns] == [1, 0, None, None, None]
    assert [table["Cd-Li"][name] for name in columns] == [1, 1, 1, 1, 1]
    assert [table["all"][name] for name in columns] == [3, 2, 2, 2, 2]
    cells = {row["system"]: row for row in rows_of(tmp_path / "out" / "table.csv")}
    assert [cells["Co-O"][name] for name in columns[2:]] == [""] * 3
    text = (tmp_path / "out" / "table.md").read_text("utf-8")
    assert "| Co-O*" in text
    assert r"\* no known compound" in text
    alone, edges, lacking = summary["warnings"]
    assert lacking.startswith("LiCoO2 lies 100 meV/atom below")
    assert "which holds that formula only 100 meV/atom higher" in lacking
    assert "no known compound in Co-O: " in alone
    assert "Co-Li (in Co-Li-O), Co-O (in Co-Li-O), Li-O (in Co-Li-O)" in edges


def test_the_fields_counts_stand_beside_the_papers_words(capsys, place, tmp_path):
    words = [place / "made", "--against", place / "known", "--system", "Cd-Li"]
    summary = judged(capsys, *words, "--out", tmp_path / "a")
    inside = [row for row in GENERATED if set(Composition(row[0]).as_dict()) <= {"Cd", "Li"}]
    above = [above_by_pymatgen(*row, KNOWN, ["Cd", "Li"]) for row in inside]
    (row,) = summary["table"]
    for name, limit in (
        ("on_hull", 0.001),
        ("within_25_mev", 0.025),
        ("within_50_mev", 0.05),
        ("within_100_mev", 0.1),
    ):
        assert row[name] == sum(value <= limit for value in above)
    code, stdout, _ = run(capsys, *words, "--out", tmp_path / "b")
    assert code == 0
    head = [cell.strip() for cell in stdout.splitlines()[0].split("|")]
    assert head[-7:-1] == [
        "# on hull", "# ≤ 25 meV", "# ≤ 50 meV", "# ≤ 100 meV", "# stable (004)",
        "# metastable (004)",
    ]  # fmt: skip
    cells = [cell.strip() for cell in stdout.splitlines()[2].split("|")]
    assert cells[-7:-3] == [str(row[name]) for name in row if name.startswith(("on_", "within_"))]


def test_a_hull_of_prototypes_says_so(capsys, place, tmp_path):
    made = write(tmp_path / "made", [("Bi3Se4", -1.0)])
    words = [made, "--against", "bi-se", "--out", tmp_path / "out"]
    (*_, warning) = judged(capsys, *words)["warnings"]
    assert warning.startswith("Bi3Se4 lies ")
    assert "below the hull of bi-se (filled prototypes), which holds" in warning
