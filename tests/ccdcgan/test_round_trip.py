"""Crystals come back from their voxels: prototypes, random cells, and the odd ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from reference_crystals import reference_crystals

from tfmat.ccdcgan.voxels.cell import canonicalise, orient, parameters
from tfmat.ccdcgan.voxels.decode import decode_channels, decode_sites, decode_structure
from tfmat.ccdcgan.voxels.frame import box_positions
from tfmat.ccdcgan.voxels.lattice import decode_lattice, encode_lattice
from tfmat.ccdcgan.voxels.reasons import NO_ATOMS, NO_LATTICE, NOT_FINITE, TOO_CLOSE, DecodeError
from tfmat.ccdcgan.voxels.sites import encode_channels, encode_sites
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

REFERENCE = VoxelSpec()
COMPACT = VoxelSpec(sites_grid=32, box=12.0, sites_sigma=0.5, lattice_sigma=0.5)
WIDE = VoxelSpec(sites_grid=32, box=12.0, lattice_grid=16, sites_sigma=0.5, lattice_sigma=1.0)
CRYSTALS = reference_crystals()


def through(crystal: Crystal, spec: VoxelSpec, mode: str = "robust") -> Crystal:
    elements = np.unique(crystal.numbers).tolist()
    sites = encode_sites(crystal, elements, spec, wrap=mode == "faithful")
    lattice = encode_lattice(crystal.lattice, spec)
    return decode_structure(dict(zip(elements, sites, strict=True)), lattice, spec, mode)


def worst_distance(crystal: Crystal, decoded: Crystal) -> float:
    """Largest distance of an atom from its nearest counterpart of the same element, in Å."""
    assert sorted(crystal.numbers) == sorted(decoded.numbers)
    fractional = np.linalg.solve(
        crystal.lattice.T, (crystal.positions[:, None] - decoded.positions).reshape(-1, 3).T
    ).T
    apart = np.linalg.norm((fractional - np.round(fractional)) @ crystal.lattice, axis=1)
    apart = apart.reshape(len(crystal), len(crystal))
    apart[crystal.numbers[:, None] != decoded.numbers] = np.inf
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))


@pytest.mark.parametrize("spec", [REFERENCE, COMPACT, WIDE], ids=["reference", "compact", "wide"])
@pytest.mark.parametrize("name", CRYSTALS)
def test_prototypes_come_back_exactly(name: str, spec: VoxelSpec) -> None:
    crystal = canonicalise(CRYSTALS[name])
    decoded = through(crystal, spec)
    assert worst_distance(crystal, decoded) < 1e-5
    error = np.abs(parameters(decoded.lattice) - parameters(crystal.lattice))
    assert error[:3].max() < 1e-5
    assert error[3:].max() < 1e-4
    matcher = StructureMatcher(ltol=0.2, stol=0.3, angle_tol=5)
    assert matcher.fit(CRYSTALS[name].to_structure(), decoded.to_structure())


@pytest.mark.parametrize("name", sorted(set(CRYSTALS) - {"Bi2Se3"}))
def test_the_originals_way_finds_the_same_structures(name: str) -> None:
    crystal = orient(CRYSTALS[name])
    decoded = through(crystal, REFERENCE, "faithful")
    assert StructureMatcher(ltol=0.2, stol=0.3, angle_tol=5, primitive_cell=False).fit(
        CRYSTALS[name].to_structure(), decoded.to_structure()
    )


@st.composite
def crystals(draw: st.DrawFn) -> Crystal:
    """Random cells of 1 to 20 atoms, no two nearer than 1.2 Å, edges up to 10 Å."""
    seed = draw(st.integers(0, 2**32 - 1))
    atoms = draw(st.integers(1, 20))
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(max(2.5, 1.1 * (10 * atoms) ** (1 / 3)), 10, 3)
    # A random, often very skewed description of the lattice.
    lattice = np.diag(lengths) + np.triu(rng.uniform(-0.5, 0.5, (3, 3)) * lengths, k=1)
    for _ in range(3):
        first, second = rng.permutation(3)[:2]
        lattice[first] += rng.integers(-1, 2) * lattice[second]
    images = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3), axis=-1).reshape(-1, 3) @ lattice
    placed: list[np.ndarray] = []
    for _ in range(400):
        point = rng.random(3) @ lattice
        if all(np.linalg.norm(point - other + images, axis=1).min() > 1.2 for other in placed):
            placed.append(point)
        if len(placed) == atoms:
            break
    return Crystal.from_arrays(lattice, placed, rng.choice([8, 34, 83], len(placed)))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(crystals())
def test_random_cells_come_back(crystal: Crystal) -> None:
    canonical = canonicalise(crystal)
    decoded = through(canonical, VoxelSpec(box=24.0, sites_grid=96))
    assert worst_distance(canonical, decoded) < 1e-4
    assert np.abs(decoded.lattice - canonical.lattice).max() < 1e-5


def one_atom(lattice: object, position: object = (0, 0, 0)) -> Crystal:
    return Crystal.from_arrays(lattice, [position], [83])


def test_one_atom() -> None:
    crystal = canonicalise(one_atom(3.2 * np.eye(3)))
    assert worst_distance(crystal, through(crystal, REFERENCE)) < 1e-6


def test_a_very_skewed_cell() -> None:
    cubic = np.diag([3.0, 4.0, 5.0])
    skewed = np.array([[1, 0, 0], [4, 1, 0], [-5, 3, 1]]) @ cubic
    crystal = Crystal.from_arrays(skewed, [[0, 0, 0], [1.4, 2.1, 2.4]], [34, 83])
    canonical = canonicalise(crystal)
    np.testing.assert_allclose(parameters(canonical.lattice), [3, 4, 5, 90, 90, 90], atol=1e-9)
    decoded = through(canonical, REFERENCE)
    assert StructureMatcher().fit(crystal.to_structure(), decoded.to_structure())


def test_atoms_on_the_boundary_of_the_cell_are_one_each() -> None:
    lattice = 4.0 * np.eye(3)
    for fraction in (0.0, 1.0, -1.0, 0.5, 1.0 - 1e-12):
        crystal = Crystal.from_arrays(
            lattice, [[fraction * 4, 2, 4], [fraction * 4 + 2, 4, 2]], [83, 83]
        )
        decoded = through(canonicalise(crystal), REFERENCE)
        assert len(decoded) == 2
        assert StructureMatcher().fit(crystal.to_structure(), decoded.to_structure())


@pytest.mark.parametrize("distance", [0.75, 0.9, 1.2, 1.45])
@pytest.mark.parametrize("spec", [REFERENCE, COMPACT], ids=["reference", "compact"])
def test_two_close_atoms_of_one_element(distance: float, spec: VoxelSpec) -> None:
    direction = np.array([0.6, 0.64, 0.48])
    crystal = canonicalise(
        Crystal.from_arrays(5.0 * np.eye(3), [[1, 1, 1], distance * direction + 1], [8, 8])
    )
    assert worst_distance(crystal, through(crystal, spec)) < 1e-4


def test_no_atoms() -> None:
    with pytest.raises(InputError, match="no atoms"):
        Crystal.from_arrays(np.eye(3), np.zeros((0, 3)), [])
    lattice = encode_lattice(4 * np.eye(3), REFERENCE)
    empty = encode_channels([np.zeros((0, 3))], REFERENCE)
    assert decode_sites(empty[0], REFERENCE).shape == (0, 3)
    for sites in ({83: empty[0]}, {}):
        with pytest.raises(DecodeError) as error:
            decode_structure(sites, lattice, REFERENCE)
        assert error.value.reason == NO_ATOMS


def test_values_that_are_not_finite() -> None:
    crystal = canonicalise(CRYSTALS["rocksalt"])
    sites = encode_sites(crystal, [11, 17], REFERENCE)
    lattice = encode_lattice(crystal.lattice, REFERENCE)
    broken = sites.copy()
    broken[1, 20, 20, 20] = np.nan
    with pytest.raises(DecodeError) as error:
        decode_structure({11: broken[0], 17: broken[1]}, lattice, REFERENCE)
    assert error.value.reason == NOT_FINITE
    lattice[3, 3, 3] = np.inf
    with pytest.raises(DecodeError) as error:
        decode_structure({11: sites[0], 17: sites[1]}, lattice, REFERENCE)
    assert error.value.reason == NO_LATTICE
    with pytest.raises(InputError, match="finite"):
        one_atom(4 * np.eye(3), (0, np.nan, 0))


def test_atoms_too_close_and_lattices_without_a_cell() -> None:
    centre = encode_channels([np.zeros((1, 3)), np.full((1, 3), 0.2)], REFERENCE)
    lattice = encode_lattice(4 * np.eye(3), REFERENCE)
    with pytest.raises(DecodeError) as error:
        decode_structure({83: centre[0], 34: centre[1]}, lattice, REFERENCE)
    assert error.value.reason == TOO_CLOSE
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, lattice.shape).astype(np.float32)
    for voxel in (np.zeros_like(lattice), np.ones_like(lattice), noise, noise + 0.5):
        for mode in ("robust", "faithful"):
            with pytest.raises(DecodeError) as error:
                decode_lattice(voxel, REFERENCE, mode)
            assert error.value.reason == NO_LATTICE


def test_a_voxel_full_of_peaks_is_refused_in_bounded_memory() -> None:
    # Every point of a plateau is a maximum in the original's way: 34 billion pairs of atoms.
    full = np.full((64,) * 3, 0.5, dtype=np.float32)
    lattice = encode_lattice(8 * np.eye(3), REFERENCE)
    with pytest.raises(DecodeError) as error:
        decode_structure({83: full}, lattice, REFERENCE, "faithful")
    assert error.value.reason == TOO_CLOSE


def test_disordered_sites_and_unknown_elements() -> None:
    from pymatgen.core import Lattice, Structure

    mixed = Structure(Lattice.cubic(4), [{"Bi": 0.5, "Sb": 0.5}], [[0, 0, 0]])
    with pytest.raises(InputError, match="disordered"):
        Crystal.from_structure(mixed)
    with pytest.raises(InputError, match="no channel"):
        encode_sites(canonicalise(CRYSTALS["rocksalt"]), [11], REFERENCE)


def test_a_crystal_that_does_not_fit_in_the_box_is_refused() -> None:
    crystal = Crystal.from_arrays(np.diag([30.0, 4, 4]), [[2, 0, 0], [19, 0, 0]], [83, 34])
    with pytest.raises(InputError, match="box"):
        encode_sites(crystal, [83, 34], REFERENCE)


def test_channels_decode_alike_alone_and_together() -> None:
    rng = np.random.default_rng(1)
    channels = []
    for crystal in CRYSTALS.values():
        canonical = canonicalise(crystal)
        positions = box_positions(canonical)
        channels += [positions[canonical.numbers == z] for z in np.unique(canonical.numbers)]
    voxels = encode_channels(channels, COMPACT)
    voxels[::3] += rng.normal(0, 0.1, voxels[::3].shape).astype(np.float32)
    for together, voxel in zip(decode_channels(voxels, COMPACT), voxels, strict=True):
        np.testing.assert_allclose(together, decode_sites(voxel, COMPACT), atol=1e-6)
