"""Atoms from imperfect sites voxels: matched filter, refinement, non-maximum suppression.

Autoencoders and generators give blurred, saturated or noisy peaks on a background that is not
zero. A Gaussian filter finds them far below the noise of a single voxel; on the original voxel
each is then refined to the position where a Gaussian of the drawn width fits best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.spec import VoxelSpec

# Two atoms of one element are never nearer than this (Å) in imperfect voxels.
SEPARATION = 0.9
# A peak must stand out from the noise by this many standard deviations, ...
SIGNIFICANCE = 5.0
# ... have this share of the height of its channel's typical peak ...
SHARE = 0.3
# ... and this height at least, where a perfect atom has 1.
FLOOR = 0.1
# The filter's width in units of the atom's: wider finds fainter atoms, narrower keeps close
# ones apart. At 0.8 it loses 4% of the best signal to noise.
_FILTER = 0.8
_ROUNDS = 8


def matched_peaks(voxels: NDArray[np.float32], spec: VoxelSpec) -> list[NDArray[np.float64]]:
    """Finds the atoms of imperfect voxels.

    Args:
        voxels: Sites voxels, shape ``(channels, grid, grid, grid)``, heights near 1.
        spec: Grid, cube and width.

    Returns:
        For each channel the positions relative to the centre of the cube, in Å, shape
        ``(atoms, 3)``, the highest peak first.
    """
    channels = len(voxels)
    response, stride = _filtered(voxels, spec)
    background = np.median(response.reshape(channels, -1)[:, ::7], axis=1)
    response = response - background[:, None, None, None]
    noise = 1.4826 * np.median(np.abs(response).reshape(channels, -1)[:, ::7], axis=1)
    # Half the height may be lost between the points of the coarse grid.
    lowest = np.maximum(0.5 * FLOOR, 0.5 * SIGNIFICANCE * noise)
    lowest = np.maximum(lowest, 0.4 * SHARE * response.reshape(channels, -1).max(axis=1))
    peak = (response >= lowest[:, None, None, None]) & (response >= _highest_near(response))
    index = np.argwhere(peak)
    channel, start = index[:, 0], index[:, 1:] * stride
    position, height = _refine(voxels, background, channel, start.astype(np.float64), spec)
    found = []
    for number in range(channels):
        own = channel == number
        found.append(_select(position[own], height[own], noise[number], spec))
    return found


def _filtered(voxels: NDArray[np.float32], spec: VoxelSpec) -> tuple[NDArray[np.float32], int]:
    """Filters, so that a perfect atom on a point gives 1; large grids at every second point."""
    grid = spec.sites_grid
    width = spec.sites_sigma / spec.step
    stride = 2 if width > 1.0 and grid >= 48 else 1
    apart = np.arange(0, grid, stride)[:, None] - np.arange(grid)
    apart = apart - grid * np.round(apart / grid)
    kernel = np.exp(-0.5 * (apart / (_FILTER * width)) ** 2)
    kernel /= (kernel[0] * np.exp(-0.5 * (apart[0] / width) ** 2)).sum()
    kernel = kernel.astype(np.float32)
    channels, coarse = len(voxels), len(kernel)
    result = voxels.reshape(channels, grid * grid, grid) @ kernel.T
    result = kernel @ result.reshape(channels * grid, grid, coarse)
    result = kernel @ result.reshape(channels, grid, coarse * coarse)
    return result.reshape(channels, coarse, coarse, coarse), stride


def _highest_near(response: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the largest value among each point and its 26 neighbours, around the cube."""
    for axis in (1, 2, 3):
        response = np.maximum(
            response, np.maximum(np.roll(response, 1, axis), np.roll(response, -1, axis))
        )
    return response


def _refine(
    voxels: NDArray[np.float32],
    background: NDArray[np.float32],
    channel: NDArray[np.intp],
    position: NDArray[np.float64],
    spec: VoxelSpec,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Moves atoms to the highest correlation with the drawn Gaussian; also gives their heights."""
    grid = spec.sites_grid
    width = spec.sites_sigma / spec.step
    reach = int(np.ceil(2.5 * width))
    window = np.arange(-reach, reach + 1)
    height = np.zeros(len(position))
    for _ in range(_ROUNDS):
        nearest = np.round(position).astype(np.intp)
        points = (nearest[:, :, None] + window) % grid
        patch = (
            voxels[
                channel[:, None, None, None],
                points[:, 0, :, None, None],
                points[:, 1, None, :, None],
                points[:, 2, None, None, :],
            ]
            - background[channel][:, None, None, None]
        )
        offset = (nearest - position)[:, :, None] + window
        weight = np.exp(-0.5 * (offset / width) ** 2)
        along_z = np.einsum(
            "nxyz,nkz->nxyk", patch, np.stack([weight[:, 2], weight[:, 2] * offset[:, 2]], 1)
        )
        along_y = np.einsum(
            "nxyk,nly->nxkl", along_z, np.stack([weight[:, 1], weight[:, 1] * offset[:, 1]], 1)
        )
        moments = np.einsum(
            "nxkl,nmx->nmlk", along_y, np.stack([weight[:, 0], weight[:, 0] * offset[:, 0]], 1)
        )
        mass = moments[:, 0, 0, 0]
        height = mass / np.square(weight).sum(axis=2).prod(axis=1)
        drift = np.stack([moments[:, 1, 0, 0], moments[:, 0, 1, 0], moments[:, 0, 0, 1]], axis=1)
        # Twice the mean shift is the Newton step where the peak is such a Gaussian itself.
        step = 2 * drift / np.maximum(mass, 1e-6)[:, None]
        position = position + np.clip(step, -1.0, 1.0)
    return position, height


def _select(
    position: NDArray[np.float64],
    height: NDArray[np.float64],
    noise: float,
    spec: VoxelSpec,
) -> NDArray[np.float64]:
    """Keeps the highest peaks that are real and far enough from higher ones."""
    if not len(height):
        return np.zeros((0, 3))
    typical = np.median(height[height > 0.5 * height.max()])
    real = height >= max(SIGNIFICANCE * noise, SHARE * typical, FLOOR)
    order = np.flatnonzero(real)[np.argsort(-height[real], kind="stable")]
    kept: list[NDArray[np.float64]] = []
    least = (SEPARATION / spec.step) ** 2
    for atom in position[order]:
        if kept:
            apart = np.array(kept) - atom
            apart -= spec.sites_grid * np.round(apart / spec.sites_grid)
            if np.square(apart).sum(axis=1).min() < least:
                continue
        kept.append(atom)
    half = spec.sites_grid // 2
    result = (np.array(kept).reshape(-1, 3) - half) * spec.step
    return result - spec.box * np.round(result / spec.box)
