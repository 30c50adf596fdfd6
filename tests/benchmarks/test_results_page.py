"""The page of the benchmarks is the one that its command makes, and refuses what is no record."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "results_page.py"
FILES = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


def run(*words):
    # The program's helper lies beside it, and it imports nothing of tfmat.
    given = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    words = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=given)


@pytest.fixture
def recorded(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module("recorded")


def test_the_page_is_that_of_the_committed_numbers(tmp_path):
    made = run("--out", tmp_path / "page.md")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "page.md").read_text("utf-8") == (ROOT / "docs/benchmarks.md").read_text(
        "utf-8"
    ), "run `python benchmarks/results_page.py`"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_record_names_its_benchmark_and_no_place(file):
    text = file.read_text("utf-8")
    assert (ROOT / "benchmarks" / f"{json.loads(text)['benchmark']}.py").exists()
    assert not [part for part in ("/home/", "/root", "/work/", "/tmp", "/mnt/") if part in text]
    assert len(text) < 100_000


def test_what_is_written_is_read_again(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["a.py", "--data", "/some/where/mp", "--json", "x.json", "-n", "3"]
    )
    columns = {"what": "text", "share": "share", "rate": "number", "times": "count"}
    rows = [["a | b", 0.123456789, 1234.5678, 100_000_001], ["c", None, 0.0, 2]]
    table = recorded.Table("One", columns, rows, "A note.")
    recorded.write(tmp_path / "a.json", "/some/where/a.py", "A", [table], {"more": [1.0]})
    found = recorded.read(tmp_path / "a.json")
    assert found["command"] == "python benchmarks/a.py --data mp -n 3"
    assert found["tables"][0]["rows"] == [["a | b", 0.12346, 1234.6, 100_000_001], rows[1]]
    made = run(tmp_path, "--out", tmp_path / "page.md")
    assert made.returncode == 0, made.stderr
    lines = (tmp_path / "page.md").read_text("utf-8").splitlines()
    assert "| a \\| b | 12% | 1,235 | 100,000,001 |" in lines
    assert "| c |  | 0 | 2 |" in lines


BROKEN = {
    "cut off": lambda text: text[: len(text) // 2],
    "not JSON": lambda text: "step 3: 4 ms\n",
    "a list": lambda text: "[]",
    "foreign": lambda text: '{"seconds": 3}',
    "without a table": lambda text: text.replace('"tables"', '"fables"'),
    "an unknown kind": lambda text: text.replace('"share"]', '"colour"]'),
    "a text for a number": lambda text: text.replace("0.5,", '"half",'),
    "a row too short": lambda text: text.replace(", 7]", "]"),
    "bytes": lambda text: "\udcff",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_of_another_form_is_one_line_and_code_2(recorded, tmp_path, name):
    columns = {"part": "share", "times": "count"}
    recorded.write(
        tmp_path / "a.json", "a.py", "A", [recorded.Table("One", columns, [[0.5, 7]])], {}
    )
    text = BROKEN[name]((tmp_path / "a.json").read_text("utf-8"))
    (tmp_path / "a.json").write_text(text, "utf-8", "surrogateescape")
    made = run(tmp_path, "--out", tmp_path / "page.md")
    assert made.returncode == 2
    assert made.stderr.count("\n") == 1
    assert made.stderr.startswith("results_page.py: a.json: ")
    assert not (tmp_path / "page.md").exists()


def test_an_empty_folder_is_one_line_and_code_2(tmp_path):
    made = run(tmp_path, "--out", tmp_path / "page.md")
    assert (made.returncode, made.stderr.count("\n")) == (2, 1)
