"""``tfmat data import --kind compositions``, ``info`` and ``enumerate`` as a user meets them."""

import json
import signal
import subprocess
import sys
import time

import pytest
from tfmat.cli.data import import_
from tfmat.cli.main import main

from tfmat.matgan.selection import RULES
from tfmat.matgan.validity.oxidation_states import SETS
from tfmat.metric import metric_of

TABLE = """formula,e_form,flag
Fe2O3,-1.5,1
Fe2O3,-1.7,1
Na,0,1
NaCl,bad,0
C61H90,1,1
Zz2O,3,1
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(TABLE)
    return path


def run(capsys, *words):
    with pytest.raises(SystemExit) as error:
        main(["data", *map(str, words)])
    captured = capsys.readouterr()
    return error.value.code, captured.out, captured.err


def test_import_says_what_each_step_removed(source, tmp_path, capsys):
    code, out, _ = run(
        capsys, "import", source, "--out", tmp_path / "set",
        "--kind", "compositions", "--rule", "mp", "--where", "flag=1", "--valid-only",
    )  # fmt: skip
    assert code == 0
    assert "kept 1 of 6 formulas" in out
    for line in (
        "unreadable: 1",
        "not flag=1: 1 removed, 4 left",
        "only one element: 1 removed, 3 left",
        "more than 8 of an element: 1 removed, 2 left",
        "another row of the same formula was kept: 1 removed, 1 left",
        "formation energy unknown (kept): 0",
        "validity by smact_validity 4.0.2, oxidation states smact14, alloys are tested, no "
        "mixed valence",
        "formation_energy_per_atom from column 'e_form': 1 known; no number in 1 of the rows",
    ):
        assert line in out
    code, out, _ = run(capsys, "info", tmp_path / "set")
    assert code == 0
    assert "1 formulas of 2 elements" in out
    assert "selection   rule mp, flag=1, valid" in out
    assert "left out    5\n         1  " in out
    assert "       all          1         100.00%       100.00%" in out


def test_json_summaries(source, tmp_path, capsys):
    words = ("import", source, "--kind", "compositions", "--json", "--out", tmp_path / "set")
    code, out, _ = run(capsys, *words, "--property", "mine=flag", "--limit", 4)
    summary = json.loads(out)
    assert code == 0
    assert (summary["read"], summary["kept"], summary["duplicates"]) == (4, 3, 1)
    assert summary["properties"]["mine"] == {"column": "flag", "known": 3, "not_numbers": 0}
    code, out, _ = run(capsys, "info", tmp_path / "set", "--alloys", "--json")
    found = json.loads(out)
    assert found["kind"] == "compositions"
    assert found["validity_settings"]["alloys"]
    assert metric_of(found, "balanced").denominator == 3


def test_enrichment_counts_samples(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("formula,times_generated\nH2O,3\nHO4,1\nO,9\n")
    words = ("enumerate", "--n-elements", "2", "--elements", "H,O", "--max-count", 2)
    code, out, _ = run(capsys, *words, "--against", tmp_path / "a.csv", "--json")
    assert code == 0
    found = json.loads(out)
    balanced = metric_of(found, "balanced", formulas="given")
    assert (found["left_out"], balanced.denominator) == (9, 4)
    # HO, HO2 and H2O are balanced two times in three: HO2 would need a superoxide.
    assert balanced.value == 0.75
    ratio = metric_of(found, "balanced_over_formulas", formulas="given")
    assert ratio.value == pytest.approx(0.75 / (2 / 3))


def test_enumerate_and_compare(source, tmp_path, capsys):
    words = ("enumerate", "--n-elements", "2-3", "--elements", "Fe,na,Cl O", "--max-count", 2)
    code, out, _ = run(capsys, *words, "--out", tmp_path / "x.csv", "--against", source)
    assert code == 0
    assert "of all (species, charge, ratio) combinations:" in out
    assert "(times the share of all formulas, of all combinations)" in out
    assert "x.csv: 46 formulas" in out
    assert (tmp_path / "x.csv").read_text().startswith("formula,charge_neutral,balanced\n")
    code, out, _ = run(capsys, *words, "--sample", 5, "--json")
    found = json.loads(out)
    assert found["by_elements"]["2"]["examined"] == 5
    assert "±" in run(capsys, *words, "--sample", 5)[1]
    code, out, _ = run(capsys, *words, "--limit", 3)
    assert "-" in out.splitlines()[4].split()
    code, out, _ = run(capsys, *words, "--simplest")
    assert code == 0
    assert "119 common ions" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "SOURCE", "--kind", "formulas", "--out", "x"], "'formulas' is not one of"),
        (["import", "SOURCE", "--out", "x", "--rule", "mp"], "--rule is for formulas"),
        (["import", "SOURCE", "--out", "x"], "import formulas with --kind compositions"),
        (["KIND", "SOURCE", "--out", "x", "--max-atoms", "3"], "--max-atoms is for structures"),
        (["KIND", "SOURCE", "--out", "x", "--rule", "mpp"], "'mpp' is not one of"),
        (["KIND", "SOURCE", "--out", "x", "--rule", "bandgap"], "needs the property band_gap"),
        (["KIND", "SOURCE", "--out", "x", "--where", "flg=1"], "did you mean flag"),
        (["KIND", "SOURCE", "--out", "x", "--where", "flag"], "write it as COLUMN=VALUE"),
        (["KIND", "SOURCE", "--out", "x", "--where", "flag=3"], "no formula is left of 6 rows"),
        (["KIND", "SOURCE", "--out", "x", "--column", "f"], "no column 'f'"),
        (["KIND", "SOURCE", "--out", "SOURCE"], "is a file; give a folder"),
        (["KIND", "nowhere.csv", "--out", "x"], "nowhere.csv: no such file"),
        (["KIND", "bi-se", "--out", "x"], "a dataset of structures, but compositions are needed"),
        (["info", "formulas", "--max-atoms", "3"], "--max-atoms is for structures"),
        (["info", "bi-se", "--alloys"], "--alloys is for formulas"),
        (["enumerate", "--n-elements", "x"], "is no range; write e.g. 3"),
        (["enumerate", "--n-elements", "5"], "--n-elements 5: give a range within 2-4"),
        (["enumerate", "--elements", "Li"], "be there: 1, but a formula needs 2; name more"),
        (["enumerate", "--elements", ","], "names no element"),
        (["enumerate", "--max-count", "9"], "9 is not in the range"),
        (["enumerate", "--out", "x.json"], "must end in"),
        (["enumerate", "--against", "nowhere.csv"], "no such file"),
        (["enumerate", "--simplest", "--exhaustive"], "--simplest goes through no space"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    source, tmp_path, capsys, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    if words[0] == "KIND":
        words = ["import", "--kind", "compositions", *words[1:]]
    code, out, err = run(capsys, *(str(source) if word == "SOURCE" else word for word in words))
    assert code == 2
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("tfmat: ")
    assert message in last
    assert len(err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_an_interrupted_table_leaves_nothing_behind(tmp_path, sent, code, word):
    words = ["data", "enumerate", "--exhaustive", "--out", str(tmp_path / "all.csv")]
    # As at a terminal: a job that a shell runs in the background ignores this signal.
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from tfmat.cli.main import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 60
        # Not the lock, which is there before the table is begun.
        while not any(path.stat().st_size for path in tmp_path.glob(".all.csv.tfmat-*.csv")):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(sent)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code
    finally:
        process.kill()
        process.wait()
    assert said.decode().splitlines()[-1].startswith(f"tfmat: {word}; nothing was kept")
    assert not list(tmp_path.iterdir())


def test_the_choices_are_those_of_the_package():
    # Written out in the command line, so that its help needs no NumPy.
    choices = {p.name: p.type.choices for p in import_.params if hasattr(p.type, "choices")}
    assert tuple(choices["rule"]) == RULES
    assert tuple(choices["oxidation_states"]) == SETS


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from tfmat.cli.main import main\n"
        "try:\n"
        "    main(['data', 'enumerate', '--help'])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "heavy = {'numpy', 'pymatgen', 'pyarrow', 'smact', 'tensorflow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
