from __future__ import annotations

import numpy as np
import pytest

from tfmat.ccdcgan.training.metrics import AtomCount, atom_metrics, lattice_errors
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_channels
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.metric import find

SPEC = VoxelSpec(sites_grid=32, box=12.0, sites_sigma=0.5, lattice_sigma=0.5)


def test_counts_by_hand():
    true = np.array([[0.0, 0, 0], [2, 0, 0], [4, 0, 0]])
    decoded = np.array([[4.3, 0, 0], [0.0, 0.4, 0], [9, 0, 0], [0.2, 0, 0]])
    count = AtomCount()
    count.add(true, decoded)
    count.add(np.zeros((1, 3)), np.zeros((0, 3)))
    assert (count.true, count.decoded, count.matched) == (4, 4, 2)
    assert count.recall == 0.5
    assert count.precision == 0.5
    assert count.rms == pytest.approx(np.sqrt((0.3**2 + 0.2**2) / 2))


def test_most_pairs_win_over_the_nearest_pair():
    # Pairing the two nearest (0.1 Å apart) would leave the others 0.9 Å apart.
    count = AtomCount()
    count.add(np.array([[0.0, 0, 0], [0.5, 0, 0]]), np.array([[0.4, 0, 0], [0.9, 0, 0]]))
    assert count.matched == 2


def test_nothing_there_is_not_zero():
    count = AtomCount()
    assert np.isnan(count.recall)
    assert np.isnan(count.precision)
    assert np.isnan(count.rms)


def test_metrics_of_perfect_and_of_half_empty_voxels():
    random = np.random.default_rng(0)
    far_apart = np.array([[-3.0, 0, 0], [0, 0, 0], [3, 0, 0]])
    channels = [far_apart + random.uniform(-0.5, 0.5, (3, 3)) for _ in range(4)]
    voxels = encode_channels(channels, SPEC)[..., 0]
    found = atom_metrics(channels, voxels, SPEC, [10 * np.eye(3)] * 4)
    assert find(found, "atom_recall").value == 1.0
    assert find(found, "atom_precision").value == 1.0
    assert find(found, "atom_rms").value < 1e-4
    voxels[:2] = 0.0
    found = atom_metrics(channels, voxels, SPEC, [10 * np.eye(3)] * 4)
    assert find(found, "atom_recall").value == 0.5
    assert find(found, "atom_precision").value == 1.0
    assert "12 atoms of 4 held-out channels" in find(found, "atom_recall").note


def test_metrics_of_lattices():
    cells = [np.diag([3.0, 4.0, 5.0]), np.diag([4.0, 4.0, 6.0])]
    voxels = np.stack([encode_lattice(cell, SPEC) for cell in cells])
    found = lattice_errors([1.1 * cell for cell in cells], voxels, SPEC)
    assert find(found, "lattice_decoded").value == 1.0
    assert find(found, "lattice_length_error").value == pytest.approx(1 - 1 / 1.1, abs=1e-5)
    assert find(found, "lattice_angle_error").value < 1e-3
    voxels[0] = 0.0
    found = lattice_errors(cells, voxels, SPEC)
    assert find(found, "lattice_decoded").value == 0.5
    nothing = lattice_errors(cells, np.zeros_like(voxels), SPEC)
    assert find(nothing, "lattice_length_error").value is None
