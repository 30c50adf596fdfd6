"""What a relaxation comes to: the metrics of its summary beside the rows of its table."""

import csv
import json

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from click.testing import CliRunner
from tfmat.cli.main import tfmat

from tfmat.metric import find, read_metrics, where


def relaxed(folder):
    """Relaxes four copper-gold cells, of two more of which nothing can be said."""
    frames = []
    for index in range(4):
        atoms = bulk("Cu", "fcc", a=3.75, cubic=True)
        atoms.numbers[:index] = 79
        atoms.rattle(0.08, seed=index)
        frames.append(atoms)
    frames += [bulk("Fe", "bcc", a=2.8), bulk("Cu", "fcc", a=20.0)]
    write(folder / "alloys.extxyz", frames, format="extxyz")
    words = ["relax", f"{folder}/alloys.extxyz", "--out", f"{folder}/out", "--potential", "emt"]
    result = CliRunner().invoke(tfmat, [*words, "--cache", f"{folder}/cache", "--json"])
    assert result.exit_code == 0, result.output
    return folder / "out", json.loads(result.stdout)


def test_metrics_are_those_of_the_table(tmp_path):
    out, summary = relaxed(tmp_path)
    with (out / "relaxation.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["status"] == "converged"]
    metrics = read_metrics(summary)
    assert find(metrics, "converged").value == len(rows) / 6
    assert find(metrics, "failed").value == 2 / 6
    kept = sum(row["kept_prototype"] == "1" for row in rows)
    assert (find(metrics, "kept_prototype").numerator, kept > 0) == (kept, True)
    energies = [float(row["formation_energy_per_atom"]) for row in rows]
    below = sum(energy < 0 for energy in energies)
    assert find(metrics, "negative").value == below / len(rows)
    group = {metric.name: metric for metric in where(metrics, structures="relaxed")}
    deltas = [float(row["delta_formation_energy_per_atom"]) for row in rows]
    for kind, value in (
        ("mean", np.mean(deltas)),
        ("median", np.median(deltas)),
        ("minimum", min(deltas)),
        ("maximum", max(deltas)),
    ):
        found = group[f"{kind}_delta_formation_energy_per_atom"]
        assert found.value == pytest.approx(value, abs=2e-6)
        assert (found.unit, found.denominator) == ("eV/atom", len(rows))
    near = group["small_change"]
    assert near.numerator == sum(delta < 0.2 for delta in deltas)
    assert (near.judge.name, near.judge.settings["fmax"]) == ("EMT", 0.05)
    card = (out / "README.md").read_text("utf-8")
    assert f"| ΔEf < 0.2 eV/atom, all relaxed | {near.numerator} of {near.denominator} (" in card
