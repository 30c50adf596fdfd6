"""The symmetric part of forces and stresses against ASE's constraint."""

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixSymmetry

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.kept_symmetry import Symmetry

PROTOTYPES = [prototype for prototype in aflow() if len(prototype) <= 20][::9]


@pytest.mark.parametrize("prototype", PROTOTYPES, ids=lambda prototype: prototype.name)
def test_projections_are_those_of_ase(prototype):
    crystal = prototype.filled((29, 79))
    atoms = Atoms(crystal.numbers, crystal.positions, cell=crystal.lattice, pbc=True)
    constraint = FixSymmetry(atoms, symprec=0.01)
    symmetry = Symmetry.of(crystal)
    random = np.random.default_rng(0)
    forces = random.normal(size=(len(crystal), 3))
    stress = random.normal(size=(3, 3))
    stress = stress + stress.T
    expected = forces.copy()
    constraint.adjust_forces(atoms, expected)
    np.testing.assert_allclose(symmetry.forces(forces), expected, atol=1e-3)
    voigt = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    constraint.adjust_stress(atoms, voigt)
    found = symmetry.stress(stress)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    np.testing.assert_allclose(found, voigt, atol=1e-3)


def test_supercells_have_all_their_operations():
    from ase.build import bulk

    atoms = bulk("Cu", cubic=True) * (2, 2, 2)
    crystal = Crystal(atoms.cell.array, atoms.positions, atoms.numbers.astype(np.uint8))
    symmetry = Symmetry.of(crystal)
    assert len(symmetry.rotations) == 48 * 32
    # All atoms are alike: the only symmetric forces are none.
    forces = np.random.default_rng(2).normal(size=(32, 3))
    np.testing.assert_allclose(symmetry.forces(forces), 0, atol=1e-12)


def test_a_crystal_without_symmetry_keeps_its_forces():
    random = np.random.default_rng(1)
    lattice = 4 * np.eye(3) + random.normal(size=(3, 3))
    crystal = Crystal(lattice, random.uniform(size=(5, 3)) @ lattice, np.full(5, 29, np.uint8))
    symmetry = Symmetry.of(crystal)
    forces = random.normal(size=(5, 3))
    np.testing.assert_allclose(symmetry.forces(forces), forces, atol=1e-12)
    np.testing.assert_allclose(
        symmetry.stress(np.diag([1.0, 2, 3])), np.diag([1.0, 2, 3]), atol=1e-12
    )
