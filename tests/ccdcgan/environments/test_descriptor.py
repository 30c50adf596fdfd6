"""Environments against neighbour lists of pymatgen and ASE, and what must not change them."""

import numpy as np
import pytest
from ase.neighborlist import neighbor_list
from disturbed import described
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.pairs import pairs_within
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.niggli import niggli_lattice
from tfmat.errors import InputError

BI_SE = Descriptor((83, 34))
seeds = st.integers(0, 2**31)


def crystal(seed: int, atoms: int | None = None, elements=(83, 34)) -> Crystal:
    """Atoms anywhere in a cell of any shape, of 10 to 40 Å³ for each."""
    random = np.random.default_rng(seed)
    atoms = atoms or int(random.integers(1, 7))
    cell = np.eye(3) + random.uniform(-0.7, 0.7, size=(3, 3))
    while abs(np.linalg.det(cell)) < 0.1:
        cell = np.eye(3) + random.uniform(-0.7, 0.7, size=(3, 3))
    cell *= (random.uniform(10, 40) * atoms / abs(np.linalg.det(cell))) ** (1 / 3)
    positions = random.uniform(-1, 2, size=(atoms, 3)) @ cell
    return Crystal.from_arrays(cell, positions, random.choice(elements, size=atoms))


def literal(crystal: Crystal, descriptor: Descriptor, first, second, distances) -> np.ndarray:
    """The formula of the environments, from a list of neighbours."""
    centres = np.arange(descriptor.shortest, descriptor.longest + 1e-6, descriptor.spacing)
    count = len(descriptor.numbers)
    rows = np.zeros((len(crystal), count, len(centres)))
    for i, j, distance in zip(first, second, distances, strict=True):
        heights = np.exp(-((distance - centres) ** 2) / (2 * descriptor.width**2))
        if distance < descriptor.shortest:
            heights[0] = 1
        element = descriptor.numbers.index(crystal.numbers[j])
        rows[i, element] += heights * 9 / centres**2
    own = crystal.numbers[:, None] == np.array(descriptor.numbers)
    volume = abs(np.linalg.det(crystal.lattice)) / len(crystal)
    logarithm = np.full((len(crystal), 1), np.log(volume / 30))
    return np.concatenate([rows.reshape(len(crystal), -1), own, logarithm], axis=1)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_environments_are_those_of_pymatgens_and_ases_neighbours(seed):
    some = crystal(seed)
    first, second, _, distances = some.to_structure().get_neighbor_list(
        BI_SE.cutoff, numerical_tol=1e-8, exclude_self=True
    )
    expected = literal(some, BI_SE, first, second, distances)
    np.testing.assert_allclose(BI_SE.describe([some]), expected, rtol=1e-5, atol=2e-5)
    by_ase = literal(some, BI_SE, *neighbor_list("ijd", some.to_atoms(), BI_SE.cutoff))
    np.testing.assert_allclose(by_ase, expected, rtol=1e-5, atol=2e-5)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_other_systems_and_other_gaussians(seed):
    descriptor = Descriptor((8, 22, 56), shortest=0.9, longest=5.1, spacing=0.3, width=0.25)
    some = crystal(seed, 5, (8, 22, 56))
    assert descriptor.size == 3 * 15 + 3 + 1
    listed = neighbor_list("ijd", some.to_atoms(), descriptor.cutoff)
    expected = literal(some, descriptor, *listed)
    np.testing.assert_allclose(descriptor.describe([some]), expected, rtol=1e-5, atol=5e-5)


def test_two_elements_take_57_numbers():
    assert BI_SE.size == 57
    assert len(BI_SE.centres) == 27


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_every_pair_is_found_once(seed):
    some = [crystal(seed), crystal(seed + 1), crystal(seed + 2)]
    found, starts = [], np.cumsum([0] + [len(each) for each in some])
    for pairs in pairs_within(some, 6.0):
        for a, b, distance in zip(pairs.first, pairs.second, pairs.distances, strict=True):
            one, other = pairs.atoms[a], pairs.atoms[b]
            found.append((one, other, round(distance, 6)))
            if one != other:
                found.append((other, one, round(distance, 6)))
    expected = []
    for start, each in zip(starts, some, strict=False):
        for i, j, distance in zip(*neighbor_list("ijd", each.to_atoms(), 6.0), strict=True):
            expected.append((i + start, j + start, round(distance, 6)))
    assert len(found) == len(expected)
    for one, other in zip(sorted(found), sorted(expected), strict=True):
        assert one == pytest.approx(other, abs=2e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([1, 2, 3, 4]))
def test_the_cell_does_not_matter(seed, kind):
    some = crystal(seed)
    own = BI_SE.describe([some])
    random = np.random.default_rng(seed)
    if kind == 1:  # a supercell: every environment comes as often as it is long
        change = np.diag(random.permutation([1, 1, 3]))
        other = described(some, change)
        sorted_own = np.repeat(own, 3, axis=0)
    elif kind == 2:  # a skewed cell
        change = np.eye(3, dtype=int)
        change[0, 1], change[1, 2] = random.integers(-3, 4, 2)
        other, sorted_own = described(some, change), own
    elif kind == 3:  # the Niggli cell, atoms where they are
        other = Crystal(niggli_lattice(some.lattice), some.positions, some.numbers)
        sorted_own = own
    else:  # turned, mirrored, moved as a whole, atoms in another order
        turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
        order = random.permutation(len(some))
        moved = some.positions @ turn + random.uniform(-5, 5, 3)
        moved += random.integers(-2, 3, some.positions.shape) @ (some.lattice @ turn)
        other = Crystal(some.lattice @ turn, moved[order], some.numbers[order])
        np.testing.assert_allclose(BI_SE.describe([other]), own[order], rtol=2e-5, atol=2e-5)
        return
    _same_rows(BI_SE.describe([other]), sorted_own)


def _same_rows(one, other):
    """The rows are the same in some order, of the most alike first."""
    assert one.shape == other.shape
    left = list(other)
    for row in one:
        off = [np.abs(row - each).max() for each in left]
        assert min(off) < 5e-5 * max(1, np.abs(row).max())
        left.pop(int(np.argmin(off)))


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_a_small_move_is_a_small_change_also_through_the_cutoff_and_onto_another_atom(seed):
    random = np.random.default_rng(seed)
    cell = 4 * np.eye(3)
    direction = random.normal(size=3)
    direction /= np.linalg.norm(direction)
    # From one atom on the other to a whole cell further, in steps of 0.01 Å.
    steps = np.arange(0, 9, 0.01)
    crystals = [
        Crystal(cell, np.stack([np.zeros(3), step * direction]), np.array([83, 34], np.uint8))
        for step in steps
    ]
    rows = BI_SE.describe(crystals).reshape(len(steps), 2, -1).astype(np.float64)
    change = np.abs(np.diff(rows, axis=0)).max(axis=(1, 2))
    bend = np.abs(np.diff(rows, 2, axis=0)).max(axis=(1, 2))
    # A Gaussian's slope and curvature: 0.61 / width and 1 / width² of its height, 2.8 at most, here
    # for the at most 12 neighbours that may pass one centre at a time.
    assert change.max() < 0.01 * 0.61 / 0.15 * 2.8 * 12
    assert bend[2:].max() < 1e-4 / 0.15**2 * 2.8 * 12


def test_atoms_on_one_another_are_seen():
    cell = 5 * np.eye(3)
    near, apart = (
        Crystal(cell, np.array([[0, 0, 0], [x, 0, 0]]), np.array([83, 34], np.uint8))
        for x in (0.3, 2.5)
    )
    assert BI_SE.describe([near])[0, 27] == pytest.approx((3 / 1.8) ** 2)
    assert BI_SE.describe([apart])[0, 27] < 1e-3


def test_crystals_come_in_their_order_padded_with_zeros():
    some = [crystal(seed, atoms) for seed, atoms in enumerate((3, 1, 6, 3))]
    rows = BI_SE.padded(some, 8)
    assert rows.shape == (4, 8, 57)
    assert rows.dtype == np.float32
    for row, each in zip(rows, some, strict=True):
        np.testing.assert_array_equal(row[: len(each)], BI_SE.describe([each]))
        assert not row[len(each) :].any()
    assert BI_SE.padded([], 8).shape == (0, 8, 57)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="7 atoms does not fit networks of 6"):
        BI_SE.padded([crystal(1, 7)], 6)
    with pytest.raises(InputError, match="holds Te, which is none of Bi, Se"):
        BI_SE.describe([crystal(1, 7, (52,))])
