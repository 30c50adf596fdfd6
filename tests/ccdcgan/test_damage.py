"""Atoms and cells that come back from noisy, blurred and saturated voxels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from reference_crystals import reference_crystals, triclinic
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment

from tfmat.ccdcgan.voxels.cell import canonicalise, parameters
from tfmat.ccdcgan.voxels.decode import decode_channels
from tfmat.ccdcgan.voxels.frame import box_positions
from tfmat.ccdcgan.voxels.lattice import decode_lattice, encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_sites
from tfmat.ccdcgan.voxels.spec import VoxelSpec

SPECS = {
    "reference": VoxelSpec(),
    "compact": VoxelSpec(sites_grid=32, box=12.0, sites_sigma=0.5, lattice_sigma=0.5),
}
CRYSTALS = [canonicalise(crystal) for crystal in reference_crystals().values()]
CRYSTALS += [canonicalise(triclinic(atoms, atoms)) for atoms in (3, 9, 14)]


def white(voxels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return voxels + rng.normal(0, amount, voxels.shape)


def correlated(voxels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, 1, voxels.shape)
    noise = np.stack([gaussian_filter(channel, 1, mode="wrap") for channel in noise])
    return voxels + amount * noise / noise.std()


def blurred(voxels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return np.stack([gaussian_filter(channel, amount, mode="wrap") for channel in voxels])


def all_at_once(voxels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return 0.5 * white(blurred(voxels, 1.0, rng), amount, rng)


def binarised(voxels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return voxels > amount


def saturated(voxels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """What a sigmoid does: plateaus, and a background that is not zero."""
    return 1 / (1 + np.exp(-12 * (voxels - amount))) + 0.01


DAMAGES = {
    "white 1%": (white, 0.01, 0.01),
    "white 10%": (white, 0.1, 0.07),
    "correlated 5%": (correlated, 0.05, 0.13),
    "blur of a voxel": (blurred, 1.0, 0.04),
    "blur, 10% noise, half": (all_at_once, 0.1, 0.2),
    "binarised": (binarised, 0.5, 0.2),
    "saturated": (saturated, 0.4, 0.06),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize(("damage", "amount", "within"), DAMAGES.values(), ids=DAMAGES)
def test_all_atoms_come_back_from_damaged_voxels(
    damage: Callable, amount: float, within: float, spec: VoxelSpec
) -> None:
    """``within``: root mean square error of a structure, in Å."""
    rng = np.random.default_rng(5)
    for crystal in CRYSTALS:
        elements = np.unique(crystal.numbers)
        voxels = damage(encode_sites(crystal, elements.tolist(), spec), amount, rng)
        positions = box_positions(crystal)
        found = decode_channels(voxels.astype(np.float32), spec)
        squares = []
        for number, atoms in zip(elements, found, strict=True):
            true = positions[crystal.numbers == number]
            assert len(atoms) == len(true)
            distances = np.linalg.norm(true[:, None] - atoms, axis=-1)
            squares.append(distances[linear_sum_assignment(distances)] ** 2)
        assert np.sqrt(np.concatenate(squares).mean()) < within


@pytest.mark.parametrize("amount", [0.05, 0.3])
def test_noise_alone_holds_no_atoms(amount: float) -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, amount, (6, 64, 64, 64)).astype(np.float32)
    assert sum(len(atoms) for atoms in decode_channels(noise, VoxelSpec())) <= 1


@pytest.mark.parametrize(("sigma", "noise"), [(0.26, 0.05), (0.5, 0.1), (1.0, 0.1)])
def test_cells_come_back_from_noisy_lattice_voxels(sigma: float, noise: float) -> None:
    spec = VoxelSpec(lattice_sigma=sigma)
    rng = np.random.default_rng(3)
    for crystal in CRYSTALS:
        voxel = white(encode_lattice(crystal.lattice, spec), noise, rng).astype(np.float32)
        found, true = parameters(decode_lattice(voxel, spec)), parameters(crystal.lattice)
        assert np.abs(found[:3] / true[:3] - 1).max() < 0.2
        assert np.abs(found[3:] - true[3:]).max() < 5


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_cells_come_back_from_saturated_lattice_voxels(sigma: float) -> None:
    spec = VoxelSpec(lattice_sigma=sigma)
    for crystal in CRYSTALS:
        voxel = encode_lattice(crystal.lattice, spec)
        for image in (voxel > 0.5, np.minimum(voxel, 0.8), 0.5 * voxel, 0.95 * voxel + 0.01):
            found = parameters(decode_lattice(image.astype(np.float32), spec))
            true = parameters(crystal.lattice)
            assert np.abs(found[:3] / true[:3] - 1).max() < 0.15
            assert np.abs(found[3:] - true[3:]).max() < 5
