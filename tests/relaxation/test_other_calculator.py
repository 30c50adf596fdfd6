"""Any ASE calculator by its import path."""

import json
import re

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.io import write
from click.testing import CliRunner
from tfmat.cli.main import tfmat

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.relaxation.in_memory import relax
from tfmat.relaxation.potentials.other import choose_potential, load_calculator

LENNARD_JONES = "ase.calculators.lj:LennardJones"


def crystal(symbol="Ar", size=1.1):
    atoms = bulk(symbol, "fcc", a=size * 2**0.5)
    return Crystal(atoms.cell.array, atoms.positions, atoms.numbers.astype("uint8"))


def test_energies_are_those_of_the_calculator():
    calculator = load_calculator(LENNARD_JONES)
    own = crystal()
    atoms = Atoms(own.numbers, own.positions, cell=own.lattice, pbc=True, calculator=LennardJones())
    found = calculator.evaluate([own])
    assert found.energies[0] == pytest.approx(atoms.get_potential_energy())
    assert found.stresses[0] == pytest.approx(atoms.get_stress(voigt=False))
    assert calculator.name == LENNARD_JONES
    assert calculator.weights_sha256 == ""


def test_it_is_recorded_by_its_path(tmp_path):
    source = tmp_path / "cu.extxyz"
    write(source, [bulk("Cu", "fcc", a=3.7)])
    out = tmp_path / "out"
    words = ["relax", str(source), "--out", str(out), "--cache", str(tmp_path / "cache"), "--json"]
    result = CliRunner().invoke(tfmat, [*words, "--calculator", "ase.calculators.emt:EMT"])
    assert result.exit_code == 0, result.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["potential"]["name"] == "ase.calculators.emt:EMT"
    card = (out / "README.md").read_text()
    assert "ase.calculators.emt:EMT" in card
    assert "--calculator ase.calculators.emt:EMT" in card


def test_it_works_in_other_processes_and_from_python(tmp_path):
    sources = tmp_path / "cu.extxyz"
    write(sources, [bulk("Cu", "fcc", a=3.7 + 0.01 * step) for step in range(34)])
    out = tmp_path / "out"
    words = ["relax", str(sources), "--out", str(out), "--cache", str(tmp_path / "cache")]
    emt = ["--calculator", "ase.calculators.emt:EMT", "--steps", "0", "--workers", "2"]
    result = CliRunner().invoke(tfmat, [*words, *emt])
    assert result.exit_code == 0, result.output
    one = relax(sources, calculator="ase.calculators.emt:EMT", steps=0, cache=tmp_path / "cache")
    other = relax(sources, potential="emt", steps=0, cache=tmp_path / "cache")
    energies = [[item.properties["energy_per_atom"] for item in found] for found in (one, other)]
    assert energies[0] == energies[1]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("ase.calculators.emt", "write MODULE:CLASS"),
        (":EMT", "write MODULE:CLASS"),
        ("ase.calculators.emt:__import__('os')", "write MODULE:CLASS"),
        ("nowhere.at_all:EMT", "No module named 'nowhere'"),
        ("ase.calculators.emt:Nothing", "has no attribute 'Nothing'"),
        ("ase.io:read", "cannot be made without arguments"),
        ("collections:OrderedDict", "is no ASE calculator"),
        ("builtins:exit", "cannot be made without arguments"),
        ("leaves:Any", "install its package"),
        ("fails:Any", "division by zero; install its package"),
    ],
)
def test_what_is_no_calculator_is_one_line(path, message, tmp_path, monkeypatch):
    (tmp_path / "leaves.py").write_text("raise SystemExit")
    (tmp_path / "fails.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        choose_potential("emt", path).factory()
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["7net-omni", "7net-mf-ompa", "sevennet-omat"])
def test_checkpoints_that_would_be_downloaded_are_refused(name):
    with pytest.raises(InputError, match="would be downloaded; there are: sevennet"):
        choose_potential(name, None)
