"""Drawn voxels against the plain formula, faithful decoders against the original's steps."""

from __future__ import annotations

import numpy as np
import pytest
from literal_voxels import literal_channel, literal_lattice, literal_peaks
from reference_crystals import reference_crystals

from tfmat.ccdcgan.voxels.cell import canonicalise, orient, parameters
from tfmat.ccdcgan.voxels.decode import decode_sites
from tfmat.ccdcgan.voxels.frame import box_positions
from tfmat.ccdcgan.voxels.lattice import decode_lattice, encode_lattice
from tfmat.ccdcgan.voxels.sites import SitesCanvas, encode_channels, encode_sites
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.errors import InputError

SPECS = {
    "reference": VoxelSpec(),
    "compact": VoxelSpec(sites_grid=32, box=12.0, sites_sigma=0.5, lattice_sigma=0.5),
    "paper": VoxelSpec(sites_sigma=0.15, lattice_sigma=0.15),
}
CRYSTALS = reference_crystals()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("name", ["wurtzite", "Bi2Se3", "triclinic"])
@pytest.mark.parametrize("prepare", [canonicalise, orient])
def test_voxels_are_the_formula(name: str, spec: VoxelSpec, prepare) -> None:
    crystal = prepare(CRYSTALS[name])
    elements = np.unique(crystal.numbers).tolist()
    # Bi2Se3 as it is given reaches out of the box and comes in at its other side.
    voxels = encode_sites(crystal, elements, spec, wrap=True)
    assert voxels.dtype == np.float32
    positions = box_positions(crystal)
    for number, voxel in zip(elements, voxels, strict=True):
        literal = literal_channel(positions[crystal.numbers == number], spec)
        assert np.abs(voxel - literal).max() <= 3e-7
    lattice = encode_lattice(crystal.lattice, spec)
    assert np.abs(lattice - literal_lattice(crystal.lattice, spec)).max() <= 3e-7


def test_atoms_at_the_edge_of_the_box_are_drawn_around_it() -> None:
    spec = SPECS["reference"]
    edge = np.array([[-7.5, -7.4, 7.5], [7.45, 0.0, 0.0]])
    assert (
        np.abs(encode_channels([edge], spec)[0, ..., 0] - literal_channel(edge, spec)).max() < 3e-7
    )


def test_overlapping_atoms_add_up() -> None:
    spec = SPECS["reference"]
    pair = np.array([[0.0, 0.0, 0.0], [0.3, 0.2, 0.1], [0.3, 0.2, 0.1]])
    assert (
        np.abs(encode_channels([pair], spec)[0, ..., 0] - literal_channel(pair, spec)).max() < 5e-7
    )


def test_a_buffer_is_cleared_before_it_is_drawn_into() -> None:
    spec = SPECS["compact"]
    rng = np.random.default_rng(0)
    canvas = SitesCanvas(spec)
    shape = (spec.sites_grid,) * 3
    buffer = np.full((2, *shape, 1), 7.0, dtype=np.float32)
    for count in (2, 5, 1, 2):
        channels = [rng.uniform(-5, 5, (rng.integers(0, 9), 3)) for _ in range(count)]
        fresh = encode_channels(channels, spec)
        assert fresh.shape == (count, *shape, 1)
        np.testing.assert_array_equal(canvas.encode(channels), fresh)
        if count == 2:
            assert encode_channels(channels, spec, out=buffer) is buffer
            np.testing.assert_array_equal(buffer, fresh)
    with pytest.raises(InputError, match="float32"):
        encode_channels(channels, spec, out=buffer.astype(np.float64))
    crystal = canonicalise(CRYSTALS["rocksalt"])
    out = np.ones((2, *shape), dtype=np.float32)
    np.testing.assert_array_equal(
        encode_sites(crystal, [11, 17], spec, out), encode_sites(crystal, [11, 17], spec)
    )
    lattice = np.ones((32,) * 3, dtype=np.float32)
    np.testing.assert_array_equal(
        encode_lattice(crystal.lattice, spec, lattice), encode_lattice(crystal.lattice, spec)
    )


def test_elements_keep_their_order_and_absent_ones_stay_empty() -> None:
    crystal = canonicalise(CRYSTALS["rocksalt"])
    voxels = encode_sites(crystal, [34, 17, 11], SPECS["compact"])
    assert not voxels[0].any()
    np.testing.assert_array_equal(voxels[:0:-1], encode_sites(crystal, [11, 17], SPECS["compact"]))


@pytest.mark.parametrize("name", ["rutile", "triclinic"])
def test_faithful_peaks_are_those_of_the_originals_steps(name: str) -> None:
    spec = SPECS["reference"]
    crystal = canonicalise(CRYSTALS[name])
    rng = np.random.default_rng(0)
    for voxel in encode_sites(crystal, np.unique(crystal.numbers).tolist(), spec):
        noisy = voxel + rng.normal(0, 0.002, voxel.shape).astype(np.float32)
        for image in (voxel, noisy, (voxel > 0.5).astype(np.float64)):
            found = decode_sites(image, spec, "faithful")
            np.testing.assert_allclose(found, literal_peaks(image, spec), atol=1e-12)


def test_faithful_lattice_needs_exact_zeros() -> None:
    spec = SPECS["reference"]
    lattice = 4.0 * np.eye(3)
    voxel = encode_lattice(lattice, spec)
    exact = parameters(decode_lattice(voxel, spec, "faithful"))
    np.testing.assert_allclose(exact, parameters(lattice), atol=1e-4)
    voxel[16, 16, 3] = 1e-3
    spoilt = parameters(decode_lattice(voxel, spec, "faithful"))
    assert abs(spoilt[2] - exact[2]) > 1.0
    np.testing.assert_allclose(
        parameters(decode_lattice(voxel, spec)), parameters(lattice), atol=1e-2
    )


def test_the_specification_is_checked() -> None:
    for values in ({"sites_grid": 33}, {"box": 0.0}, {"cutoff": 1.0}, {"lattice_sigma": -1.0}):
        with pytest.raises(InputError, match="VoxelSpec"):
            VoxelSpec(**values)
