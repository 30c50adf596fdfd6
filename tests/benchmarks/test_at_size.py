"""What a size costs is measured on what the commands make, and goes on after a stop."""

import json
import sys
from pathlib import Path

from programs import program


def test_shards_give_what_one_process_gives(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    at_size = program(Path(__file__).parents[2] / "benchmarks" / "at_size.py")
    words = ["at_size.py", "formulas", "--work", str(tmp_path), "--sizes", "9000,20000"]
    words += ["--part", "10000", "--json", str(tmp_path / "found.json")]
    monkeypatch.setattr(sys, "argv", [*words, "--figure", str(tmp_path / "cost.png")])
    at_size.main()
    one, two = json.loads((tmp_path / "found.json").read_text("utf-8"))["extra"]["sizes"]
    assert (one["processes"], two["processes"]) == (1, 3)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("20000-1.parquet.j")]
    whole = tmp_path / "whole.parquet"
    run = at_size.run(tmp_path, whole, ["generate", "matgan", "-n", "20000", "--unique",
                                        "--no-figures", "--out", str(whole)])  # fmt: skip
    assert run.megabytes > 50
    assert at_size.rows("formulas", whole) == two["rows"]
    assert whole.read_bytes() == (tmp_path / "20000.parquet").read_bytes()
    assert (tmp_path / "cost.png").stat().st_size > 5000
    # Nothing is made a second time.
    before = (tmp_path / "measured.jsonl").read_bytes()
    capsys.readouterr()
    at_size.main()
    assert (tmp_path / "measured.jsonl").read_bytes() == before
    assert f"{two['rows']:,} rows" in capsys.readouterr().out
