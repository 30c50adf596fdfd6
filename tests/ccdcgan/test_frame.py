"""The frame of the cell: periodic, counted from an atom, and reversible."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from reference_crystals import reference_crystals, triclinic

from tfmat.ccdcgan.reconstruction import measure, through_voxels
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.ccdcgan.voxels.decode import decode_channels, decode_structure, decode_structures
from tfmat.ccdcgan.voxels.frame import (
    cell_positions,
    element_channels,
    fits,
    sites_positions,
)
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.reasons import DecodeError
from tfmat.ccdcgan.voxels.sites import encode_channels, encode_sites
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.importing import ImportOptions
from tfmat.datasets.select import passes
from tfmat.datasets.sources import read_source

SPEC = VoxelSpec(frame="cell", sites_grid=16, lattice_grid=16, sites_sigma=1.0, lattice_sigma=1.0)
CRYSTALS = [canonicalise(crystal) for crystal in reference_crystals().values()]
CRYSTALS += [canonicalise(triclinic(atoms, atoms)) for atoms in (3, 9, 14)]


def test_its_unit_is_the_voxel():
    assert SPEC.box == 16.0
    assert SPEC.step == 1.0
    assert np.isinf(SPEC.room)
    assert VoxelSpec(box=12.0).room == 12.0


@pytest.mark.parametrize("crystal", CRYSTALS)
def test_positions_come_back_up_to_a_translation(crystal):
    positions = sites_positions(crystal, SPEC)
    assert np.abs(positions).max() <= 8.0
    # One of the rarest element lies at the origin.
    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    rarest = numbers[counts == counts.min()]
    origin = np.abs(positions).max(axis=1) < 1e-9
    assert np.isin(crystal.numbers[origin], rarest).all()
    assert origin.sum() == 1
    apart = cell_positions(positions, crystal.lattice, SPEC) - crystal.positions
    apart = (apart - apart[0]) @ np.linalg.inv(crystal.lattice)
    np.testing.assert_allclose(apart, np.round(apart), atol=1e-9)


@pytest.mark.parametrize("crystal", CRYSTALS)
def test_where_the_cell_begins_does_not_matter(crystal):
    random = np.random.default_rng(3)
    positions = sites_positions(crystal, SPEC)
    for _ in range(4):
        shift = random.uniform(-1, 1, 3) @ crystal.lattice
        cells = random.integers(-2, 3, (len(crystal), 3)) @ crystal.lattice
        moved = Crystal(crystal.lattice, crystal.positions + shift + cells, crystal.numbers)
        apart = (sites_positions(moved, SPEC) - positions) / 16
        # On a face either side is the same place.
        np.testing.assert_allclose(apart, np.round(apart), atol=1e-6)


def test_the_origin_prefers_the_less_electronegative_of_equally_rare_elements():
    lattice = 5.6 * np.eye(3)
    places = np.array([[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]]) @ lattice
    crystal = Crystal.from_arrays(lattice, places, [17, 11])
    positions = sites_positions(crystal, SPEC)
    assert np.abs(positions[crystal.numbers == 11]).max() < 1e-9
    np.testing.assert_allclose(np.abs(positions[crystal.numbers == 17]), 8.0)


def test_every_crystal_comes_back():
    summary = measure(through_voxels(CRYSTALS, SPEC))
    assert summary["reproduced"] == len(CRYSTALS)
    assert all(fits(crystal, SPEC) for crystal in CRYSTALS)


def test_channels_are_the_voxels_of_the_crystal():
    owners, channels = element_channels(CRYSTALS, list(range(1, 119)), SPEC)
    drawn = encode_channels(channels, SPEC)[..., 0]
    start = 0
    for row, crystal in enumerate(CRYSTALS):
        numbers = np.unique(crystal.numbers).tolist()
        assert owners[start : start + len(numbers)] == [(row, number - 1) for number in numbers]
        wanted = encode_sites(crystal, numbers, SPEC)
        np.testing.assert_array_equal(drawn[start : start + len(numbers)], wanted)
        start += len(numbers)
    assert start == len(owners)


@pytest.mark.parametrize("spec", [SPEC, VoxelSpec(sites_grid=32, box=12.0, sites_sigma=0.5)])
def test_as_many_atoms_as_are_known_to_be_there(spec):
    random = np.random.default_rng(0)
    places = np.stack(np.meshgrid(*[[-0.3, 0.0, 0.3]] * 3), axis=-1).reshape(-1, 3)
    channels = [
        spec.box * (random.permutation(places)[:count] + random.uniform(-0.05, 0.05, (count, 3)))
        for count in (1, 2, 5, 9)
    ]
    counts = [len(channel) for channel in channels]
    voxels = encode_channels(channels, spec)[..., 0]
    # One atom of each is nearly gone, below what is taken for an atom unasked.
    for voxel, positions in zip(voxels, channels, strict=True):
        weak = encode_channels([positions[:1]], spec)[0, ..., 0]
        voxel -= 0.8 * weak
    voxels += random.normal(0, 0.003, voxels.shape).astype(np.float32)
    unasked = decode_channels(voxels, spec)
    assert sum(map(len, unasked)) < sum(counts)
    found = decode_channels(voxels, spec, counts=counts)
    assert [len(one) for one in found] == counts
    for positions, atoms in zip(channels, found, strict=True):
        apart = positions[:, None] - atoms
        apart -= spec.box * np.round(apart / spec.box)
        assert np.linalg.norm(apart, axis=-1).min(axis=1).max() < 0.5


def test_an_atom_on_the_flank_of_another_is_found_where_it_is_known_to_be_there():
    strong, weak = np.array([[0.3, -0.2, 4.0]]), np.array([[0.1, 0.0, 6.4]])
    apart = np.array([[-5.0, 3.0, -4.0]])
    voxels = encode_channels([np.concatenate([strong, apart]), weak], SPEC)[..., 0]
    voxel = voxels[:1] + 0.25 * voxels[1:]
    # 2.4 widths apart and a quarter as high, it has no peak of its own.
    assert len(decode_channels(voxel, SPEC)[0]) == 2
    (found,) = decode_channels(voxel, SPEC, counts=[3])
    assert len(found) == 3
    for place in (strong, weak, apart):
        assert np.linalg.norm(found - place, axis=1).min() < 0.3
    # There is nothing else to be found.
    (found,) = decode_channels(np.zeros_like(voxel) + np.float32(1e-3), SPEC, counts=[2])
    assert len(found) <= 2


def test_clean_voxels_need_no_count_and_fewer_atoms_can_be_asked_for():
    channels = element_channels(CRYSTALS, list(range(1, 119)), SPEC)[1]
    voxels = encode_channels(channels, SPEC)[..., 0]
    counts = [len(channel) for channel in channels]
    plain, known = decode_channels(voxels, SPEC), decode_channels(voxels, SPEC, counts=counts)
    for one, other in zip(plain, known, strict=True):
        np.testing.assert_array_equal(one, other)
    fewer = [max(1, count - 1) for count in counts]
    assert [len(one) for one in decode_channels(voxels, SPEC, counts=fewer)] == fewer


def test_many_structures_at_once_are_as_one_by_one():
    def shown(crystal):
        numbers = np.unique(crystal.numbers).tolist()
        sites = dict(zip(numbers, encode_sites(crystal, numbers, SPEC), strict=True))
        return sites, encode_lattice(crystal.lattice, SPEC), Counter(crystal.numbers.tolist())

    items = [shown(crystal) for crystal in CRYSTALS]
    items.append(({}, items[0][1], {}))
    items.append((items[1][0], np.zeros((16, 16, 16), np.float32), items[1][2]))
    for given in (items, [(sites, lattice, None) for sites, lattice, _ in items]):
        spoilt = (
            {8: np.full((16, 16, 16), np.nan, np.float32)},
            items[0][1],
            given[0][2] and {8: 1},
        )
        for batch in (given, [*given[:2], spoilt]):
            for item, found in zip(batch, decode_structures(batch, SPEC), strict=True):
                if isinstance(found, DecodeError):
                    with pytest.raises(DecodeError, match=found.reason):
                        decode_structure(*item[:2], SPEC, counts=item[2])
                    continue
                alone = decode_structure(*item[:2], SPEC, counts=item[2])
                np.testing.assert_array_equal(found.positions, alone.positions)
                np.testing.assert_array_equal(found.numbers, alone.numbers)


def test_real_structures_of_many_elements_come_back(data_dir):
    source = data_dir / "mp_le20.extxyz.gz"
    if not source.exists():
        pytest.skip(f"{source} is not here")
    found = [entry.crystal for entry in read_source(source, ImportOptions(limit=150)).entries]
    crystals = [crystal for crystal in found if crystal is not None and passes(crystal, 20, 10.0)]
    assert len(crystals) > 80
    assert len({number for crystal in crystals for number in crystal.numbers.tolist()}) > 40
    summary = measure(through_voxels(crystals, SPEC))
    assert summary["reproduced"] >= 0.99 * len(crystals)
