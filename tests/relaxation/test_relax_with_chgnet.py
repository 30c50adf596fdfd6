"""tfmat relax with CHGNet, the potential that it takes by default."""

import csv
import json

import numpy as np
import pytest
from ase.io import write
from click.testing import CliRunner
from pymatgen.core import Structure
from tfmat.cli.main import tfmat

from tfmat.datasets.store import Dataset

GPA = 160.21766


@pytest.mark.relax
def test_bismuth_selenide_with_chgnet(tmp_path):
    chgnet = pytest.importorskip("chgnet.model.dynamics")
    structure = Structure.from_spacegroup(
        "R-3m",
        [[4.14, 0, 0], [-2.07, 4.14 * 3**0.5 / 2, 0], [0, 0, 28.6]],
        ["Bi", "Se", "Se"],
        [[0, 0, 0.4], [0, 0, 0], [0, 0, 0.21]],
    ).get_primitive_structure()
    atoms = structure.to_ase_atoms()
    atoms.rattle(0.02, seed=0)
    write(tmp_path / "bi2se3.extxyz", atoms, format="extxyz")
    words = ["relax", str(tmp_path / "bi2se3.extxyz"), "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(tfmat, [*words, "--cache", str(tmp_path / "cache")])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["kept_prototype"] == summary["converged"] == 1
    with (tmp_path / "out" / "relaxation.csv").open(newline="", encoding="utf-8") as stream:
        [row] = csv.DictReader(stream)
    assert row["prototype"] == "A2B3_hR5_166_c_ac"
    # The Materials Project's uncorrected PBE value for Bi2Se3 is -0.384 eV/atom.
    assert float(row["formation_energy_per_atom"]) == pytest.approx(-0.384, abs=0.06)
    [crystal] = Dataset.open(tmp_path / "out")
    atoms = crystal.to_atoms()
    atoms.calc = chgnet.CHGNetCalculator(use_device="cpu")
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() < 0.05
    assert np.abs(atoms.get_stress()).max() * GPA == pytest.approx(
        float(row["max_stress"]), abs=1e-3
    )
    # CHGNet's own energy carries the correction of -0.472 eV for each Se.
    energy = atoms.get_potential_energy() / len(atoms) + 0.6 * 0.472
    assert float(row["energy_per_atom"]) == pytest.approx(energy, abs=1e-4)
    assert "uncorrected" in (tmp_path / "out" / "README.md").read_text("utf-8")
