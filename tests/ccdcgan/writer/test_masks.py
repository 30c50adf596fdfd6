"""Masks against distances over many images, cells against their parameters."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow")

from tfmat.ccdcgan.voxels.cell import lattice_from_parameters
from tfmat.ccdcgan.writer.masks import far_enough, in_order, lattices, possible
from tfmat.ccdcgan.writer.tokens import BINS, angle_values, length_values
from tfmat.crystals.niggli import niggli_lattice

pytestmark = pytest.mark.train
WIDE = np.array(list(itertools.product(range(-3, 4), repeat=3)))


def reduced_cell(random):
    while True:
        lattice = random.uniform(-6, 6, (3, 3))
        if abs(np.linalg.det(lattice)) > 20:
            return niggli_lattice(lattice)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_far_enough_is_what_all_images_say(seed):
    random = np.random.default_rng(seed)
    lattice = reduced_cell(random)
    points, atoms = random.random((9, 3)), random.random((5, 3))
    limits = random.uniform(0, 3, 5) * random.integers(0, 2, 5)
    found = np.asarray(
        far_enough(*(np.float32(each)[None] for each in (points, atoms, limits, lattice)))
    )[0]
    images = (points[:, None, None] - atoms[:, None] + WIDE) @ lattice
    distances = np.linalg.norm(images, axis=-1).min(axis=-1)
    unclear = (np.abs(distances - limits) < 1e-3).any(axis=1)
    assert np.array_equal(found[~unclear], (distances >= limits).all(axis=1)[~unclear])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_lattices_are_those_of_the_parameters(seed):
    random = np.random.default_rng(seed)
    bins = np.concatenate([random.integers(0, 100, 3), random.integers(0, 122, 3)])
    lengths, angles = length_values(bins[:3]), angle_values(bins[3:])
    found, square = lattices(np.float32(lengths)[None], np.int32(bins[None, 3:]))
    cosines = np.cos(np.radians(angles))
    wanted = 1 + 2 * cosines.prod() - (cosines**2).sum()
    assert abs(float(square[0]) - wanted) < 1e-5
    if wanted > 0.05:
        np.testing.assert_allclose(
            np.asarray(found)[0], lattice_from_parameters(lengths, angles), atol=1e-4
        )


def test_right_angles_are_exact():
    found, square = lattices(np.float32([[3, 4, 5]]), np.int32([[60, 60, 60]]))
    assert np.array_equal(np.asarray(found)[0], np.diag([3, 4, 5]))
    assert float(square[0]) == 1


@pytest.mark.parametrize(
    ("cell", "least", "good"),
    [
        ([10, 20, 30, 60, 60, 60], 2.5, True),
        ([10, 20, 30, 60, 60, 60], 2.9, False),  # a is 2.84 Å
        ([20, 10, 30, 60, 60, 60], 2.0, False),  # a is longer than b
        ([10, 30, 20, 60, 60, 60], 2.0, False),
        ([10, 10, 10, 0, 0, 0], 2.0, True),
        ([30, 30, 30, 120, 120, 120], 2.0, False),  # flat: three times 120 degrees
        ([30, 30, 30, 120, 60, 60], 4.5, False),  # b + c is 4.44 Å at 120 degrees
        ([30, 30, 30, 120, 60, 60], 4.4, True),
    ],
)
def test_possible_cells(cell, least, good):
    lengths = np.float32(length_values(np.array(cell[:3])))[None]
    lattice, square = lattices(lengths, np.int32(cell[3:])[None])
    found = possible(np.int32(cell)[None], lattice, square, np.float32([least]))
    assert bool(found[0]) is good


def test_order():
    free = np.asarray(in_order(np.int32([40, 40, 95]), np.array([False, True, True]), last=False))
    assert free[0].all()
    assert np.flatnonzero(free[1]).tolist() == list(range(40, BINS))
    assert np.flatnonzero(free[2]).tolist() == [95]
    last = np.asarray(in_order(np.int32([40, 95]), np.array([True, True]), last=True))
    assert np.flatnonzero(last[0]).tolist() == list(range(41, BINS))
    # Behind the last bin there is none: the draw then gives a place that is too near.
    assert not last[1].any()
