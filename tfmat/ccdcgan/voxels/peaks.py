"""Atoms from clean sites voxels: local maxima with exact sub-voxel positions.

Between neighbouring points of one Gaussian the logarithm of the value is a parabola of known
width, so two neighbours give the position exactly: d = σ²/2h² · ln(p₊/p₋) in steps h. Whether a
voxel is clean is found out by drawing the atoms again and comparing.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.overlap import untangle
from tfmat.ccdcgan.voxels.sites import scatter
from tfmat.ccdcgan.voxels.spec import VoxelSpec

# Largest difference of a clean voxel (single precision) and the atoms drawn again.
_CLEAN = 2e-5
_OVERLAP_ROUNDS = 12
# Atoms up to which a table of all pairs costs less than a loop over the channels.
_TOGETHER = 64
_STENCIL = np.array(sorted(itertools.product((-1, 0, 1), repeat=3)), dtype=np.intp)
_BEFORE, _AFTER = _STENCIL[:13], _STENCIL[14:]


def exact_peaks(
    voxels: NDArray[np.float32], spec: VoxelSpec
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.bool_]]:
    """Finds the atoms of clean voxels.

    Args:
        voxels: Sites voxels, shape ``(channels, grid, grid, grid)``.
        spec: Grid, cube and width.

    Returns:
        Positions relative to the centre of the cube in Å, shape ``(atoms, 3)``; the channel of
        each atom, ascending, shape ``(atoms,)``; and for each channel whether it was clean. Only
        atoms of clean channels are returned.
    """
    grid = spec.sites_grid
    rows = np.ascontiguousarray(voxels).reshape(-1, grid)
    # One pass over all values finds the few rows that are not empty; noise fills most of them.
    touched = np.flatnonzero(rows @ np.ones(grid, dtype=np.float32) != 0)
    clean = np.bincount(touched // grid**2, minlength=len(voxels)) <= grid**2 // 2
    touched = touched[clean[touched // grid**2]]
    if not clean.any():
        return np.zeros((0, 3)), np.zeros(0, dtype=np.intp), clean
    block = rows[touched]
    where = np.flatnonzero(block != 0)
    row, column = np.divmod(where, grid)
    index = touched[row] * grid + column
    value = block.reshape(-1)[where]
    low = ~(value >= np.float32(0.999 * spec.cutoff))
    clean[index[low] // grid**3] = False
    flat = rows.reshape(-1)
    # A lone atom's nearest point lies within half a step along each axis.
    lowest = 0.95 * np.exp(-0.375 * (spec.step / spec.sites_sigma) ** 2)
    candidates = index[value > lowest]
    candidates = candidates[clean[candidates // grid**3]]
    peaks = _local_maxima(flat, candidates, grid)
    channel = peaks // grid**3
    position = _sub_voxel(flat, peaks, channel, spec)
    agrees = _agrees(position, channel, index, value, len(voxels), spec)
    for number in np.flatnonzero(clean & ~agrees):
        own = channel == number
        apart = untangle(voxels[number], position[own], spec, _CLEAN)
        clean[number] = apart is not None
        if apart is not None:
            before, after = channel < number, channel > number
            position = np.concatenate([position[before], apart, position[after]])
            channel = np.concatenate([channel[before], np.full(len(apart), number), channel[after]])
    kept = clean[channel]
    return (position[kept] - grid // 2) * spec.step, channel[kept], clean


def _coordinates(index: NDArray[np.intp], grid: int) -> NDArray[np.intp]:
    return np.stack([index // grid**2 % grid, index // grid % grid, index % grid], axis=-1)


def _flat(channel: NDArray[np.intp], points: NDArray[np.intp], grid: int) -> NDArray[np.intp]:
    points = points % grid
    return ((channel * grid + points[..., 0]) * grid + points[..., 1]) * grid + points[..., 2]


def _local_maxima(
    flat: NDArray[np.float32], index: NDArray[np.intp], grid: int
) -> NDArray[np.intp]:
    """Keeps voxels that exceed their 26 neighbours; of equal ones the first wins."""
    points = _coordinates(index, grid)[:, None, :]
    channel = (index // grid**3)[:, None]
    own = flat[index][:, None]
    peak = (own > flat[_flat(channel, points + _BEFORE, grid)]).all(axis=1)
    peak &= (own >= flat[_flat(channel, points + _AFTER, grid)]).all(axis=1)
    return index[peak]


def _sub_voxel(
    flat: NDArray[np.float32],
    peaks: NDArray[np.intp],
    channel: NDArray[np.intp],
    spec: VoxelSpec,
) -> NDArray[np.float64]:
    """Returns positions in steps, shape ``(atoms, 3)``; overlapping atoms are taken apart."""
    grid = spec.sites_grid
    width = spec.sites_sigma / spec.step
    points = _coordinates(peaks, grid)
    arms = np.concatenate([np.eye(3, dtype=np.intp), -np.eye(3, dtype=np.intp)])
    stencil = points[:, None, :] + arms
    value = flat[_flat(channel[:, None], stencil, grid)].astype(np.float64)
    position = points + _log_step(value, width)
    reach = width * np.sqrt(-2 * np.log(spec.cutoff))
    first, second = near_pairs(points, channel, reach + 2, grid)
    if not len(first):
        return position
    for _ in range(_OVERLAP_ROUNDS):
        # The other atom's part in each of the six neighbours, cut off as it was drawn.
        apart = stencil[first] - position[second][:, None, :]
        apart -= grid * np.round(apart / grid)
        part = np.exp(-0.5 * np.square(apart).sum(axis=-1) / width**2)
        part[part < spec.cutoff] = 0.0
        alone = value.copy()
        np.subtract.at(alone, first, part)
        position = points + _log_step(alone, width)
    return position


def _log_step(value: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    safe = np.maximum(value, 1e-6)
    step = 0.5 * width**2 * np.log(safe[:, :3] / safe[:, 3:])
    return np.clip(step, -1.0, 1.0)


def near_pairs(
    points: NDArray[Any], channel: NDArray[np.intp], reach: float, grid: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Finds atoms that are near each other.

    Args:
        points: Positions in steps, shape ``(atoms, 3)``.
        channel: Channel of each atom, ascending, shape ``(atoms,)``.
        reach: Largest distance in steps.
        grid: Points along the edge of the cube, which is periodic.

    Returns:
        Indices of the first and of the second atom of each ordered pair of one channel.
    """
    if len(channel) <= _TOGETHER:
        # So few atoms are compared in one go, whatever their channels.
        apart = points[:, None, :] - points
        apart = apart - grid * np.round(apart / grid)
        near = np.square(apart).sum(axis=-1) < reach**2
        near &= channel[:, None] == channel
        np.fill_diagonal(near, val=False)
        first, second = np.nonzero(near)
        return first, second
    pairs: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    starts = np.flatnonzero(np.diff(channel, prepend=-1))
    for start, stop in itertools.pairwise([*starts, len(channel)]):
        own = points[start:stop]
        apart = own[:, None, :] - own
        apart = apart - grid * np.round(apart / grid)
        near = np.square(apart).sum(axis=-1) < reach**2
        np.fill_diagonal(near, val=False)
        if near.any():
            first, second = np.nonzero(near)
            pairs.append((first + start, second + start))
    if not pairs:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def _agrees(
    position: NDArray[np.float64],
    channel: NDArray[np.intp],
    index: NDArray[np.intp],
    value: NDArray[np.float32],
    channels: int,
    spec: VoxelSpec,
) -> NDArray[np.bool_]:
    """Tells for each channel whether the atoms, drawn again, give the voxel back."""
    grid = spec.sites_grid
    agrees = np.ones(channels, dtype=np.bool_)
    if not len(index):
        return agrees
    drawn, amount = scatter((position - grid // 2) * spec.step, channel, spec)
    place = np.minimum(np.searchsorted(index, drawn), len(index) - 1)
    known = index[place] == drawn
    difference = value.copy()
    np.subtract.at(difference, place[known], amount[known])
    # Values that the voxel lacks altogether come last.
    points = np.concatenate([index, drawn[~known]])
    wrong = np.abs(np.concatenate([difference, amount[~known]]))
    # A value at the cut-off may fall on either side of it.
    bad = points[(wrong > _CLEAN) & (np.abs(wrong - spec.cutoff) > _CLEAN)]
    agrees[bad // grid**3] = False
    return agrees
