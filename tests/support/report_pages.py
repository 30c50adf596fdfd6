"""Folders that a page is made of, and that no command needs long for."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

from tfmat import checksums
from tfmat.datasets.generated import hashes
from tfmat.training.run import Run


def without_structures(generated: Path, out: Path) -> Path:
    """Copies a folder of ``tfmat generate`` as if none of its crystal graphs were a structure."""
    shutil.copytree(generated, out)
    (out / "structures.extxyz").write_text("", "utf-8")
    for file in (out / "cif").iterdir():
        file.unlink()
    with (out / "results.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    for row in rows[1:]:
        row[1:] = ["no atoms", *[""] * (len(row) - 2)]
    with (out / "results.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    summary |= {"structures": 0, "reasons": {"no atoms": summary["graphs"]}, "metrics": []}
    del summary["files"], summary["seal"]
    checksums.write_sealed(out / "summary.json", {**summary, "files": hashes(out)})
    return out


def run_folder(out: Path) -> Path:
    """Writes a run whose log has two curves."""
    recipe = {"name": "tiny", "family": "matgan", "description": "Only for tests."}
    dataset = {"name": "few", "path": "few", "sha256": "0" * 64}
    run = Run.start(out, recipe, 0, dataset)
    lines = [
        {"stage": "composition-ae", "step": step, "time": "2026-01-01T00:00:00Z",
         "loss": 1 / (1 + step), "test_loss": 2 / (1 + step)}
        for step in range(0, 100, 5)
    ]  # fmt: skip
    log = "".join(json.dumps(line) + "\n" for line in lines)
    (run.folder / "log.jsonl").write_text(log, "utf-8")
    return out
