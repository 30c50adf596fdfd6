"""Contacts and sums of bonds beside the literal sums over images."""

import itertools

import numpy as np
import pytest
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.crystals.contacts import bond_sums, volume_per_atom
from tfmat.crystals.crystal import Crystal


def crystal_from(seed: int) -> Crystal:
    random = np.random.default_rng(seed)
    atoms = int(random.integers(1, 6))
    lattice = np.diag(random.uniform(3, 7, 3)) + random.uniform(-1.5, 1.5, (3, 3))
    positions = random.uniform(0, 1, (atoms, 3)) @ lattice
    return Crystal(lattice, positions, random.choice([8, 34, 79, 83], atoms).astype(np.uint8))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_sums_of_bonds_are_those_over_all_images(seed):
    crystal = crystal_from(seed)
    expected = np.zeros(len(crystal))
    for first, second in itertools.product(range(len(crystal)), repeat=2):
        unit = covalent_radii[crystal.numbers[first]] + covalent_radii[crystal.numbers[second]]
        for shift in itertools.product(range(-5, 6), repeat=3):
            if first == second and shift == (0, 0, 0):
                continue
            vector = crystal.positions[second] + shift @ crystal.lattice - crystal.positions[first]
            ratio = np.linalg.norm(vector) / unit
            if ratio <= 2:
                expected[first] += 1 / ratio**6
    np.testing.assert_allclose(bond_sums(crystal), expected, rtol=1e-6)


def test_rocksalt_by_hand():
    """Six bonds of length 1, twelve of sqrt 2 within the same kind, eight of sqrt 3, by radii."""
    bi, se = covalent_radii[[83, 34]]
    half = bi + se
    lattice = half * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], float)
    crystal = Crystal(lattice, np.array([[0, 0, 0], [half, 0, 0]]), np.array([83, 34], np.uint8))
    bonds = {6: (1, half), 12: (2**0.5, None), 8: (3**0.5, half)}
    for place, radius in enumerate((bi, se)):
        expected = 0.0
        for count, (length, unit) in bonds.items():
            ratio = length * half / (unit or 2 * radius)
            expected += count * ratio**-6 * (ratio <= 2)
        # Of fourth neighbours, 2 half away and of the same kind, only those of the large Bi count.
        ratio = 2 * half / (2 * radius)
        expected += 6 * ratio**-6 * (ratio <= 2)
        ratio = 5**0.5
        expected += 24 * ratio**-6 * (ratio <= 2)
        assert bond_sums(crystal)[place] == pytest.approx(expected)


def test_an_atom_alone_has_no_bonds():
    crystal = Crystal(np.eye(3) * 20, np.zeros((1, 3)), np.array([34], np.uint8))
    assert bond_sums(crystal).tolist() == [0.0]
    assert volume_per_atom(crystal) == pytest.approx(8000)
