"""What mattergen-evaluate gets of relaxed structures, against ASE's calculator on its own."""

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from tfmat.cli.main import main

SYMBOLS = ("Cu4", "Cu3Au", "Au4", "Cu2Au2", "Pd3Ni")


def run(*words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code == 0


def write(file):
    """Writes cells of four atoms in an order that no name or energy has, one of them twice."""
    frames = []
    for number, symbols in enumerate((*SYMBOLS, SYMBOLS[1])):
        atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
        atoms.symbols = symbols
        if number % 2:  # so that sizes differ
            atoms = atoms.repeat((2, 1, 1))
        atoms.rattle(0.05, seed=number)
        atoms.info["id"] = f"z{9 - number}"
        frames.append(atoms)
    ase.io.write(file, frames, format="extxyz")
    return frames


def test_total_energies_are_those_of_the_potential(tmp_path):
    made = write(tmp_path / "made.extxyz")
    run("relax", tmp_path / "made.extxyz", "--potential", "emt", "--steps", 15,
        "--cache", tmp_path / "cache", "--out", tmp_path / "relaxed")  # fmt: skip
    place = tmp_path / "for-mattergen"
    run("evaluate", "structures", tmp_path / "relaxed", "--export", "mattergen", place,
        "--out", tmp_path / "judged")  # fmt: skip
    frames = ase.io.read(place / "structures.extxyz", ":")
    energies = np.load(place / "energies.npy", allow_pickle=False)
    assert energies.shape == (len(made),)
    assert energies.dtype == np.float64
    assert [atoms.info["id"] for atoms in frames] == [atoms.info["id"] for atoms in made]
    for before, atoms, energy in zip(made, frames, energies, strict=True):
        assert sorted(atoms.symbols) == sorted(before.symbols)
        atoms.calc = EMT()
        # Total, of all atoms of the frame, and not that of formation.
        assert energy == pytest.approx(atoms.get_potential_energy(), abs=2e-4)
    # The file itself says no energy that a reader could take for another one.
    assert all("energy" not in atoms.info and atoms.calc.name == "emt" for atoms in frames)
