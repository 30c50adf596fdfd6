"""The papers' selections of formulas, and the space of formulas: counts, time and memory.

    python benchmarks/selections.py --data FOLDER

FOLDER holds `compositions_oqmd.csv.gz`, `compositions_mp.csv.gz` and
`compositions_icsd_like.csv.gz`. Every line is one command in a process of its own: what it counts
(beside the paper's number, where that has one), its processor seconds, and its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import child

from tfmat.metric import metric_of

# Name, file, options, formulas in the paper.
SELECTIONS = (
    ("oqmd", "oqmd", ("--rule", "oqmd"), 291_884),
    ("oqmd without 5 sigma", "oqmd", ("--rule", "mp"), None),
    ("mp", "mp", ("--rule", "mp", "--where", "in_mp2020=1"), 63_922),
    ("mp, all rows", "mp", ("--rule", "mp"), None),
    ("mp, valid", "mp", ("--rule", "mp", "--where", "in_mp2020=1", "--valid-only"), None),
    ("icsd", "icsd_like", ("--rule", "icsd", "--where", "icsd_flag=1"), 28_137),
    ("icsd-filter", "icsd_like", ("--rule", "icsd-filter", "--where", "icsd_flag=1"), None),
    ("bandgap", "mp", ("--rule", "bandgap", "--where", "in_mp2020=1"), None),
)
SPACES = (
    ("binaries and ternaries", ("--n-elements", "2-3")),
    ("10 million quaternaries", ("--n-elements", "4", "--sample", "10000000", "--seed", "1")),
)


def main() -> int:
    """Parses the words, runs the commands and prints two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the three files")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    print(f"{'selection':>24} {'rows':>9} {'formulas':>9} {'paper':>9} {'s':>6} {'MB':>5}")
    for name, file, words, paper in SELECTIONS:
        with tempfile.TemporaryDirectory() as folder:
            source = options.data / f"compositions_{file}.csv.gz"
            command = ("import", str(source), "--kind", "compositions", "--out", f"{folder}/x")
            one = found[name] = run(*command, *words)
        print(
            f"{name:>24} {one['read']:>9,} {one['kept']:>9,} "
            f"{format(paper, ',') if paper else '-':>9} "
            f"{one['cpu_seconds']:>6.2f} {one['megabytes']:>5.0f}"
        )
    print(f"{'space':>24} {'formulas':>14} {'balanced':>19} {'s':>6} {'MB':>5}")
    for name, words in SPACES:
        one = found[name] = run("enumerate", *words)
        total, balanced = one["total"], metric_of(one, "balanced")
        print(
            f"{name:>24} {total['space']:>14,} {balanced.percent(3):>9} "
            f"± {balanced.standard_error or 0:.3%} {one['cpu_seconds']:>6.2f} "
            f"{one['megabytes']:>5.0f}"
        )
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def run(*words: str) -> dict[str, Any]:
    """Runs `tfmat data` with some words; returns its summary with processor time and memory."""
    script = "from tfmat.cli.main import main; main()"
    code, output, used = child.run(
        [sys.executable, "-c", script, "data", *words, "--json"],
        stdout=subprocess.PIPE,
        environment=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if code:
        raise SystemExit(f"tfmat data {' '.join(words)}: failed")
    took = {"cpu_seconds": round(used.processor, 2), "megabytes": used.megabytes}
    return json.loads(output) | took


if __name__ == "__main__":
    sys.exit(main())
