"""Relaxation of Cu-Au with ASE's effective medium theory, against ASE's own optimiser."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from pymatgen.analysis.structure_matcher import StructureMatcher

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.databases.perturb import perturbed
from tfmat.relaxation.potentials.calculator import AseCalculator
from tfmat.relaxation.relax import _BATCH, APART, NO_END, relax
from tfmat.relaxation.volume import NO_ENERGY


@pytest.fixture
def emt() -> AseCalculator:
    return AseCalculator(EMT(), "EMT")


def starts(count: int, strain: float = 0.05, displacement: float = 0.2) -> list[Crystal]:
    random = np.random.default_rng(11)
    found = []
    for number in range(count):
        atoms = bulk("Cu", cubic=True) if number % 2 else bulk("Au", "fcc", a=3.9) * (2, 1, 1)
        numbers = atoms.numbers.copy()
        numbers[0] = 79
        crystal = Crystal(atoms.cell.array, atoms.positions, numbers.astype(np.uint8))
        found.append(perturbed(crystal, random, strain=strain, displacement=displacement))
    return found


def attached(crystal: Crystal) -> Atoms:
    return Atoms(
        crystal.numbers, crystal.positions, cell=crystal.lattice, pbc=True, calculator=EMT()
    )


def test_it_finds_the_minima_that_ase_finds(emt):
    crystals = starts(6)
    for start, end in zip(crystals, relax(crystals, emt, fmax=0.005), strict=True):
        atoms = attached(start)
        assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.005, steps=300)
        assert end.converged
        assert not end.reason
        assert end.energy == pytest.approx(atoms.get_potential_energy() / len(atoms), abs=2e-4)
        expected = Crystal(atoms.cell.array, atoms.positions, start.numbers)
        matcher = StructureMatcher(scale=False)
        rms, _ = matcher.get_rms_dist(end.crystal.to_structure(), expected.to_structure())
        assert rms < 0.01


def test_converged_means_what_it_means_in_ase(emt):
    for end in relax(starts(4), emt, fmax=0.03):
        forces = FrechetCellFilter(attached(end.crystal)).get_forces()
        assert np.linalg.norm(forces, axis=1).max() < 0.03 * 1.01
        assert end.max_force == pytest.approx(
            np.linalg.norm(attached(end.crystal).get_forces(), axis=1).max(), abs=1e-9
        )
        np.testing.assert_allclose(
            end.stress, attached(end.crystal).get_stress(voigt=False), atol=1e-9
        )


def test_more_crystals_than_a_batch_come_back_in_their_order(emt):
    crystals = starts(_BATCH + 5)
    steps = []
    together = relax(crystals, emt, steps=4, on_step=steps.append)
    assert sum(steps) == len(crystals)
    for row in (0, 7, _BATCH, _BATCH + 4):
        (alone,) = relax([crystals[row]], emt, steps=4)
        assert alone.energy == together[row].energy
        np.testing.assert_array_equal(alone.crystal.positions, together[row].crystal.positions)


def test_no_steps_only_labels(emt):
    (crystal,) = starts(1)
    (end,) = relax([crystal], emt, steps=0)
    assert end.steps == 0
    assert not end.converged
    assert end.crystal is crystal
    assert end.energy == end.initial_energy
    assert end.energy == attached(crystal).get_potential_energy() / len(crystal)
    assert end.initial_max_force == end.max_force


def test_a_fixed_cell_stays(emt):
    (crystal,) = starts(1, displacement=0.3)
    (end,) = relax([crystal], emt, cell=False, fmax=0.01)
    assert end.converged
    np.testing.assert_allclose(end.crystal.lattice, crystal.lattice, atol=1e-12)
    atoms = attached(crystal)
    BFGS(atoms, logfile=None).run(fmax=0.01, steps=200)
    assert end.energy == pytest.approx(atoms.get_potential_energy() / len(atoms), abs=1e-4)


def test_elements_that_the_potential_does_not_know_are_named_and_the_rest_goes_on(emt):
    unknown = Crystal(5 * np.eye(3), np.zeros((1, 3)), np.array([92], dtype=np.uint8))
    lost, found = relax([unknown, *starts(1)], emt)
    assert lost.reason == NO_ENERGY
    assert np.isnan(lost.energy)
    assert not lost.converged
    assert found.converged


class Failing(AseCalculator):
    """A real potential that gives up after some calls, as one does when atoms run into another."""

    def __init__(self, calls: int) -> None:
        super().__init__(EMT(), "EMT")
        self.left = calls

    def evaluate(self, crystals):
        found = super().evaluate(crystals)
        self.left -= 1
        if self.left < 0:
            found.energies[:] = np.nan
        return found


def test_a_failure_on_the_way_keeps_the_last_sound_geometry():
    (crystal,) = starts(1)
    (end,) = relax([crystal], Failing(3))
    assert end.reason == NO_END
    assert not end.converged
    energy = attached(end.crystal).get_potential_energy() / len(end.crystal)
    assert end.energy == pytest.approx(energy, abs=1e-12)


def test_where_it_does_not_come_to_rest_the_lowest_geometry_counts(emt):
    # Steps that are too long for so stiff a crystal go up and down.
    crystals = starts(8, strain=0.15, displacement=0.6)
    for steps in (1, 2, 3):
        for end in relax(crystals, emt, steps=steps, fmax=1e-6):
            assert not end.converged
            assert end.energy <= end.initial_energy
            atoms = attached(end.crystal)
            assert end.energy == pytest.approx(atoms.get_potential_energy() / len(atoms))
            assert end.max_force == pytest.approx(
                np.linalg.norm(atoms.get_forces(), axis=1).max(), abs=1e-9
            )


class Pushing(AseCalculator):
    """A potential that drives every cell apart."""

    def evaluate(self, crystals):
        found = super().evaluate(crystals)
        found.stresses[:] = -np.eye(3)
        return found


def test_a_cell_that_comes_apart_is_no_relaxation():
    (end,) = relax(starts(1), Pushing(EMT(), "pushing"))
    assert end.reason == APART
    assert not end.converged


def bcc_copper(strain: float) -> Crystal:
    """A saddle: on the Bain path copper falls from bcc to fcc."""
    atoms = bulk("Cu", "bcc", a=2.87, cubic=True)
    lattice = atoms.cell.array * [1, 1, 1 + strain]
    return Crystal(lattice, atoms.positions * [1, 1, 1 + strain], atoms.numbers.astype(np.uint8))


def test_symmetry_keeps_a_prototype_on_its_saddle(emt):
    # The start is cubic to less than spglib's precision; the difference must not grow.
    start = bcc_copper(0.001)
    (free,) = relax([start], emt, fmax=1e-4)
    (kept,) = relax([start], emt, fmax=1e-4, symmetry=True)
    assert free.converged
    assert kept.converged
    assert free.energy < kept.energy - 0.01

    def ratio(end):
        lengths = np.linalg.norm(end.crystal.lattice, axis=1)
        return lengths[2] / lengths[0]

    assert ratio(kept) == pytest.approx(1.001, abs=2e-4)
    assert abs(ratio(free) - np.sqrt(2)) < 0.02 or abs(ratio(free) - 1 / np.sqrt(2)) < 0.02
