"""``tfmat data import`` and ``tfmat data info`` as a user meets them."""

import json
import shutil
import subprocess
import sys

import pytest
from tfmat.cli.main import main

from tfmat.datasets.folders import SHIPPED

FRAME = """2
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 material_id={} e_form=-1 eg=no note=x
Na 0 0 0
Cl 2 2 2
"""

SHIPPED_ONES = ["bi-se", "formulas"]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.extxyz"
    path.write_text(
        FRAME.format("mp-1") + FRAME.format("mp-2") + FRAME.format("mp-3").replace("Na", "Q")
    )
    return path


def run(capsys, *words):
    with pytest.raises(SystemExit) as error:
        main(["data", *map(str, words)])
    captured = capsys.readouterr()
    return error.value.code, captured.out, captured.err


def test_import_and_info(source, tmp_path, capsys):
    code, out, err = run(capsys, "import", source, "--out", tmp_path / "set")
    assert code == 0
    assert "kept 2 of 3 structures (4 atoms)" in out
    assert "1  unknown element" in out
    assert "formation_energy_per_atom from column 'e_form': 2 known" in out
    assert "band_gap from column 'eg': 0 known, 2 no number and so unknown" in out
    assert "columns left out (keep numbers with --property): note" in out
    assert "importing: 3/3" in err
    rejected = (tmp_path / "set" / "rejected.csv").read_text().splitlines()
    assert rejected[1] == "frame 3,mp-3,unknown element: 'Q'"
    code, out, _ = run(capsys, "info", tmp_path / "set")
    assert code == 0
    assert "passes      2 of 2 (100.0%)" in out
    assert "█" in out


def test_json_summaries(source, tmp_path, capsys):
    code, out, _ = run(
        capsys, "import", source, "--out", tmp_path / "set", "--json",
        "--property", "e=e_form", "--max-atoms", 20, "--max-length", 10, "--limit", 2,
        "--energy-scale", "legacy",
    )  # fmt: skip
    summary = json.loads(out)
    record = json.loads((tmp_path / "set" / "metadata.json").read_text("utf-8"))
    assert record["extra"]["energies"]["scale"] == "legacy"
    assert code == 0
    assert (summary["read"], summary["kept"], summary["rejected"]) == (2, 2, 0)
    assert summary["properties"]["e"] == {"column": "e_form", "known": 2, "not_numbers": 0}
    assert summary["selection"] == {"max_atoms": 20, "max_length": 10.0, "cell": "Niggli"}
    code, out, _ = run(capsys, "info", tmp_path / "set", "--max-length", 3, "--json")
    assert code == 0
    assert json.loads(out)["passes_selection"]["structures"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "nowhere", "--out", "x"], "nowhere: no such file or folder"),
        (["import", "SOURCE"], "Missing option '--out'"),
        (["import", "SOURCE", "--out", "x", "--property", "=a"], "give NAME or NAME=COLUMN"),
        (["import", "SOURCE", "--out", "x", "--property", "a="], "give NAME or NAME=COLUMN"),
        (
            ["import", "SOURCE", "--out", "x", "--property", "a=eg", "--property", "a=e_form"],
            "'a' is given twice",
        ),
        (["import", "SOURCE", "--out", "x", "--property", "gap=g"], "no column 'g'"),
        (["import", "SOURCE", "--out", "x", "--structure", "g"], "extxyz does not have"),
        (["import", "SOURCE", "--out", "x", "--limit", "9" * 30], "is larger than 9,223,372"),
        (["import", "SOURCE", "--out", "x", "--id", "g"], "no column 'g'"),
        (["import", "SOURCE", "--out", "x", "--max-atoms", "0"], "--max-atoms"),
        (["import", "SOURCE", "--out", "x", "--max-length", "nan"], "--max-length"),
        (["import", "SOURCE", "--out", "x", "--table", "SOURCE"], "--table belongs to a folder"),
        (["import", "SOURCE", "--out", "SOURCE"], "is a file; give a folder"),
        (["import", "SOURCE", "--out", "."], "not empty; give another --out"),
        (["info", "nowhere"], "nowhere: no such dataset"),
        (["info", "."], "holds no dataset"),
        (["infos"], "did you mean"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    source, tmp_path, capsys, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *(str(source) if word == "SOURCE" else word for word in words))
    assert code == 2
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("tfmat: ")
    assert message in last
    assert not (tmp_path / "x").exists()


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from tfmat.cli.main import main\n"
        "for words in (['data', '--help'], ['data', 'import', '--help'], ['data', 'info', '-h']):\n"
        "    try:\n"
        "        main(words)\n"
        "    except SystemExit as end:\n"
        "        assert end.code == 0\n"
        "heavy = {'numpy', 'pymatgen', 'ase', 'scipy', 'tensorflow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_datasets_are_listed_by_name_and_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SHIPPED / "bi-se", tmp_path / "data" / "mine")
    (tmp_path / "data" / "other").mkdir()
    for words, expected in (
        ([], [*SHIPPED_ONES, "data/mine"]),
        (["data"], [*SHIPPED_ONES, "data/mine"]),
        (["."], SHIPPED_ONES),
    ):
        with pytest.raises(SystemExit) as end:
            main(["data", "list", *words])
        assert end.value.code in (0, None)
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == expected
    with pytest.raises(SystemExit):
        main(["data", "list", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [(row["kind"], row["rows"], row["shipped"]) for row in rows] == [
        ("structures", 4188, True),
        ("compositions", 25091, True),
        ("structures", 4188, False),
    ]


def test_a_dataset_is_not_replaced_by_what_is_read_from_it(source, tmp_path, capsys):
    place = tmp_path / "set"
    assert run(capsys, "import", source, "--out", place)[0] == 0
    shutil.copy(source, place / "a.extxyz")
    before = {file.name: file.read_bytes() for file in place.iterdir()}
    for words in (
        ["import", place / "a.extxyz", "--out", place, "--overwrite"],
        ["augment", place, "--system", "Cu-Au", "--out", place, "--overwrite"],
        ["build", "cu-au", "--prototypes", place, "--out", place, "--overwrite"],
    ):
        if words[0] != "import":  # the potential that every install has
            words = [*words, "--potential", "emt"]
        code, _, err = run(capsys, *words)
        assert (code, len(err.splitlines())) == (2, 1)
        assert "is read and would be replaced; give another --out" in err
    assert {file.name: file.read_bytes() for file in place.iterdir()} == before
