"""Clean atoms so near that their peaks merge, taken apart by least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.spec import VoxelSpec

# Atoms that may hide behind the peaks that were found.
_HIDDEN = 8
_STEPS = 15


def untangle(
    voxel: NDArray[np.float32],
    position: NDArray[np.float64],
    spec: VoxelSpec,
    tolerance: float,
) -> NDArray[np.float64] | None:
    """Fits all atoms of one channel together and adds those that are hidden in others' peaks.

    Args:
        voxel: Clean sites voxel of one element, shape ``(grid, grid, grid)``.
        position: Atoms found so far, in steps, shape ``(atoms, 3)``.
        spec: Grid, cube and width.
        tolerance: Largest difference of voxel and fit that counts as right.

    Returns:
        Positions in steps, shape ``(atoms, 3)``; ``None`` if no sum of atoms gives the voxel.
    """
    points = np.argwhere(voxel)
    value = voxel[tuple(points.T)].astype(np.float64)
    width = spec.sites_sigma / spec.step
    # Every atom adds about the same sum, so the number of atoms is known beforehand.
    atoms = value.sum() / ((2 * np.pi) ** 1.5 * width**3)
    # A plateau, as after binarising, has no flanks.
    if value.min() > 2 * spec.cutoff or not 0.9 * atoms < len(position) + _HIDDEN:
        return None
    for _ in range(_HIDDEN + 1):
        position, rest = _fit(points, value, position, spec)
        wrong = np.abs(rest)
        # A value at the cut-off may fall on either side of it.
        wrong = np.where(np.abs(wrong - spec.cutoff) < tolerance, 0.0, wrong)
        if wrong.max() < tolerance:
            return position
        if len(position) > 1.2 * atoms:
            return None
        position = np.concatenate([position, points[[rest.argmax()]]])
    return None


def _fit(
    points: NDArray[np.intp],
    value: NDArray[np.float64],
    position: NDArray[np.float64],
    spec: VoxelSpec,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Newton on the positions; returns them and what they leave unexplained."""
    width = spec.sites_sigma / spec.step
    for _ in range(_STEPS):
        apart = points[:, None, :] - position
        apart -= spec.sites_grid * np.round(apart / spec.sites_grid)
        shape = np.exp(-0.5 * np.square(apart).sum(axis=-1) / width**2)
        shape[shape < spec.cutoff] = 0.0
        rest = value - shape.sum(axis=1)
        slope = (shape[..., None] * apart / width**2).reshape(len(points), -1)
        # Two atoms at one place move together; the small term keeps the step finite.
        normal = slope.T @ slope
        normal[np.diag_indices(len(normal))] += 1e-9
        step = np.linalg.solve(normal, slope.T @ rest).reshape(-1, 3)
        position = position + np.clip(step, -0.5, 0.5)
        if np.abs(step).max() < 1e-8:
            break
    return position, rest
