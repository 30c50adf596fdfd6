"""Environments of any elements, against a literal form and under what must not matter."""

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from tfmat.ccdcgan.element_descriptors import descriptors, properties
from tfmat.ccdcgan.environments.any_elements import _REACH, _SHELL, AnyElements
from tfmat.crystals.crystal import Crystal

DESCRIPTOR = AnyElements((1,), 0.6, 2.4, 0.1, 0.08)


def crystal(seed, atoms=5):
    random = np.random.default_rng(seed)
    cell = np.eye(3) * random.uniform(3.5, 6, 3) + random.uniform(-0.6, 0.6, (3, 3))
    numbers = random.choice([3, 8, 26, 57, 83], atoms).astype(np.uint8)
    return Crystal(cell, random.random((atoms, 3)) @ cell, numbers)


def literal(one):
    """The same in words: one atom and one neighbour at a time."""
    atoms = Atoms(one.numbers, one.positions, cell=one.lattice, pbc=True)
    centres, width, table = DESCRIPTOR.centres, DESCRIPTOR.width, properties()
    found = np.zeros((len(one), 5, len(centres)))
    for i, j, distance in zip(*neighbor_list("ijd", atoms, _REACH), strict=True):
        a, b = int(one.numbers[i]), int(one.numbers[j])
        off = (distance / (covalent_radii[a] + covalent_radii[b]) - centres) / width
        off[0] = max(off[0], 0)
        height = np.exp(-0.5 * off**2) / (_SHELL * centres**2)
        charge = table[b, 0] - table[a, 0]
        for way, weight in enumerate((1, charge, charge**2, table[b, 13] - table[a, 13], a == b)):
            found[i, way] += weight * height
    spheres = 4 / 3 * np.pi * covalent_radii[one.numbers] ** 3
    room = np.log(atoms.get_volume() / spheres.sum())
    return [
        np.concatenate([sums.ravel(), [1], descriptors()[int(number)], [room]])
        for sums, number in zip(found, one.numbers, strict=True)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_literal_form(seed):
    one = crystal(seed)
    assert DESCRIPTOR.describe([one]) == pytest.approx(np.array(literal(one)), abs=2e-4)


def test_crystals_at_once_are_crystals_one_by_one():
    some = [crystal(0), crystal(1, 1), crystal(2, 8)]
    together = DESCRIPTOR.describe(some)
    alone = np.concatenate([DESCRIPTOR.describe([one]) for one in some])
    assert together == pytest.approx(alone, abs=1e-5)
    assert DESCRIPTOR.padded(some, 8).shape == (3, 8, DESCRIPTOR.size)
    assert DESCRIPTOR.describe([]).shape == (0, DESCRIPTOR.size)


def test_another_cell_and_another_order_give_the_same_atoms():
    one = crystal(3)
    shift = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])
    order = np.random.default_rng(0).permutation(len(one))
    other = Crystal(shift @ one.lattice, one.positions[order] + one.lattice[1], one.numbers[order])
    assert DESCRIPTOR.describe([other]) == pytest.approx(
        DESCRIPTOR.describe([one])[order], abs=1e-4
    )
    twice = np.concatenate([one.positions, one.positions + one.lattice[0]])
    double = Crystal(one.lattice * [[2], [1], [1]], twice, np.tile(one.numbers, 2))
    expected = np.tile(DESCRIPTOR.describe([one]), (2, 1))
    assert DESCRIPTOR.describe([double]) == pytest.approx(expected, abs=1e-4)


def test_the_number_that_says_atom_is_where_it_is_looked_for():
    rows = DESCRIPTOR.padded([crystal(0)], 7)
    own = DESCRIPTOR.elements
    assert rows[0, :, own.start].tolist() == [1] * 5 + [0] * 2
