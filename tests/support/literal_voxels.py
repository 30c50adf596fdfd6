"""The voxels' formulas written out in plain NumPy, as slow and as plain as they can be."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import (
    binary_erosion,
    gaussian_filter,
    generate_binary_structure,
    maximum_filter,
)

from tfmat.ccdcgan.voxels.spec import VoxelSpec


def literal_channel(positions: np.ndarray, spec: VoxelSpec) -> np.ndarray:
    """One element's voxel: every atom on every point of the grid, cut off, summed."""
    axis = np.arange(spec.sites_grid) * spec.box / spec.sites_grid
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    total = np.zeros((spec.sites_grid,) * 3)
    for atom in positions + spec.box / 2:
        apart = grid - atom
        apart -= spec.box * np.round(apart / spec.box)
        density = np.exp(-(apart**2).sum(axis=-1) / (2 * spec.sites_sigma**2))
        density[density < spec.cutoff] = 0
        total += density
    return total.astype(np.float32)


def literal_lattice(lattice: np.ndarray, spec: VoxelSpec) -> np.ndarray:
    """The lattice voxel: the distance of every fractional grid point from the cell's centre."""
    axis = np.arange(spec.lattice_grid) / spec.lattice_grid - 0.5
    fractional = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    density = np.exp(-((fractional @ lattice) ** 2).sum(axis=-1) / (2 * spec.lattice_sigma**2))
    density[density < spec.cutoff] = 0
    return density.astype(np.float32)


def literal_peaks(voxel: np.ndarray, spec: VoxelSpec) -> np.ndarray:
    """The original's peak finder: filter, 19-point maxima, eroded background."""
    neighbourhood = generate_binary_structure(3, 2)
    image = gaussian_filter(voxel, sigma=0.15)
    maxima = maximum_filter(image, footprint=neighbourhood, mode="wrap") == image
    background = binary_erosion(image < 0.02, structure=neighbourhood, border_value=1)
    return np.argwhere(maxima & ~background) / spec.sites_grid * spec.box - spec.box / 2
