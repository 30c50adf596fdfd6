"""The canonical cell is the same for every description of a crystal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from reference_crystals import reference_crystals, triclinic
from scipy.spatial.transform import Rotation

from tfmat.ccdcgan.voxels.cell import (
    canonicalise,
    lattice_from_parameters,
    orient,
    parameters,
    standard_orientation,
)
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.niggli import niggli_lattice
from tfmat.errors import InputError


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_every_description_has_the_same_canonical_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crystal = triclinic(5)
    change = np.eye(3)
    for _ in range(5):
        first, second = rng.permutation(3)[:2]
        change[first] += rng.integers(-2, 3) * change[second]
    rotation = Rotation.random(rng=rng).as_matrix()
    order = rng.permutation(5)
    lattice = change @ crystal.lattice
    positions = crystal.positions[order] + rng.integers(-2, 3, (5, 3)) @ lattice + rng.random(3)
    other = canonicalise(
        Crystal.from_arrays(lattice @ rotation.T, positions @ rotation.T, crystal.numbers[order])
    )
    same = canonicalise(crystal)
    np.testing.assert_allclose(other.lattice, same.lattice, atol=1e-6)
    assert StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.1).fit(
        other.to_structure(), same.to_structure()
    )


@pytest.mark.parametrize("name", reference_crystals())
def test_canonical_cells(name: str) -> None:
    given_crystal = reference_crystals()[name]
    crystal = canonicalise(given_crystal)
    np.testing.assert_array_equal(crystal.lattice, np.tril(crystal.lattice))
    assert (np.diag(crystal.lattice) > 0).all()
    expected = given_crystal.to_structure().lattice.get_niggli_reduced_lattice()
    np.testing.assert_allclose(
        sorted(parameters(crystal.lattice)), sorted(expected.parameters), rtol=1e-3
    )
    middle = (crystal.positions.min(axis=0) + crystal.positions.max(axis=0)) / 2
    np.testing.assert_allclose(middle, crystal.lattice.sum(axis=0) / 2, atol=1e-9)
    # No atom is farther from the first one's Wigner-Seitz cell than the cell is wide.
    assert np.ptp(crystal.positions, axis=0).max() < 12
    for form in (crystal, orient(given_crystal)):
        assert StructureMatcher().fit(given_crystal.to_structure(), form.to_structure())


def test_left_handed_cells_are_not_mirrored() -> None:
    crystal = triclinic(6)
    swapped = Crystal.from_arrays(crystal.lattice[[1, 0, 2]], crystal.positions, crystal.numbers)
    first, second = canonicalise(crystal), canonicalise(swapped)
    np.testing.assert_allclose(first.lattice, second.lattice, atol=1e-9)
    fractional = np.linalg.solve(first.lattice.T, (first.positions - second.positions).T).T
    fractional -= fractional[0]
    np.testing.assert_allclose(fractional, np.round(fractional), atol=1e-6)


def test_niggli_keeps_the_lattice_and_its_orientation() -> None:
    lattice = np.array([[4.0, 0, 0], [7.9, 3.0, 0], [-3.0, 8.0, 5.0]])
    reduced = niggli_lattice(lattice)
    change = reduced @ np.linalg.inv(lattice)
    np.testing.assert_allclose(change, np.round(change), atol=1e-9)
    assert round(abs(np.linalg.det(change))) == 1
    assert np.linalg.det(reduced) > 0


def test_parameters_there_and_back() -> None:
    wanted = np.array([3.0, 4.0, 5.0, 75.0, 95.0, 110.0])
    lattice = lattice_from_parameters(wanted[:3], wanted[3:])
    np.testing.assert_allclose(parameters(lattice), wanted)
    np.testing.assert_allclose(standard_orientation(lattice), lattice, atol=1e-12)
    with pytest.raises(InputError, match="angles"):
        lattice_from_parameters(wanted[:3], np.array([30.0, 30.0, 170.0]))


def test_cells_without_volume() -> None:
    for lattice in (np.zeros((3, 3)), np.ones((3, 3))):
        with pytest.raises(InputError):
            niggli_lattice(lattice)
    with pytest.raises(InputError, match="volume"):
        standard_orientation(np.zeros((3, 3)))
