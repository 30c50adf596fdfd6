"""Atoms from imperfect sites voxels: matched filter, refinement, non-maximum suppression.

Autoencoders and generators give blurred, saturated or noisy peaks on a background that is not
zero. A filter of about the atom's width finds them far below the noise of a single voxel; on the
original voxel each is then refined to the position where a Gaussian of the drawn width fits best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.hidden import add_hidden
from tfmat.ccdcgan.voxels.peaks import near_pairs
from tfmat.ccdcgan.voxels.spec import VoxelSpec

# Two atoms of one element are never nearer than this (Å) in imperfect voxels.
SEPARATION = 0.9
# Heights are given in units of a perfect atom, which has 1. A peak must be this high, ...
FLOOR = 0.1
# ... and have this share of the typical height in its voxel; with the second it is an atom.
SHARE, SURE = 0.3, 0.6
# Where the number of atoms is known, this share of the other bars decides what is looked at.
FAINT = 0.3
# In standard deviations of the noise: the highest of the thousands of independent values of a
# voxel reach the first, and hardly ever the second.
NOISE, SIGNAL = 4.3, 5.5
# Typical heights below this many standard deviations overlap with noise; the logarithm of the
# number of independent values, including the factors of the peak density, is _TAIL.
_DISTINCT, _TAIL = 10.4, 12.0


def matched_peaks(
    voxels: NDArray[np.float32], spec: VoxelSpec, counts: Sequence[int] | None = None
) -> list[NDArray[np.float64]]:
    """Finds the atoms of imperfect voxels.

    Args:
        voxels: Sites voxels, shape ``(channels, grid, grid, grid)``, heights near 1.
        spec: Grid, cube and width.
        counts: How many atoms each voxel shows, where that is known: so many of the highest peaks
            that lie apart are atoms, however low they are; and where there are no more peaks, what
            the atoms found leave unexplained.

    Returns:
        For each channel the positions relative to the centre of the cube, in Å, shape
        ``(atoms, 3)``, the highest peak first.
    """
    channels = len(voxels)
    filtered = _filtered(voxels, spec)
    response = filtered.response
    # A sample is enough; its middle half tells the background and, for normal noise, its width.
    sample = np.sort(response.reshape(channels, -1)[:, ::11], axis=1)
    quarter = sample.shape[1] // 4
    background = sample[:, 2 * quarter]
    noise = 0.7413 * (sample[:, 3 * quarter] - sample[:, quarter])
    response -= background[:, None, None, None]
    bar = 1.0 if counts is None else FAINT
    channel, position = _candidates(filtered, noise, bar)
    lowest = bar * np.maximum(0.9 * NOISE * noise, 0.5 * FLOOR)
    # A first look in a small window, then the few that remain in a large one.
    position, height = _refine(voxels, background, channel, position, spec, reach=1.8, rounds=1)
    high = height > lowest[channel]
    channel, position = channel[high], position[high]
    position, height = _refine(voxels, background, channel, position, spec, reach=2.5, rounds=4)
    chosen = []
    for number in range(channels):
        own = np.flatnonzero(channel == number)
        known = None if counts is None else counts[number]
        chosen.append(own[_select(position[own], height[own], noise[number], spec, known)])
    atoms = np.concatenate(chosen)
    channel, position, height = channel[atoms], position[atoms], height[atoms]
    position, height = _apart(voxels, background, channel, position, spec, height)
    if counts is not None and (np.bincount(channel, minlength=channels) < counts).any():
        more = add_hidden(voxels, background, channel, position, height, counts, spec)
        channel, position, height = more
        position, height = _apart(voxels, background, channel, position, spec, height)
    position = (position - spec.sites_grid // 2) * spec.step
    position -= spec.box * np.round(position / spec.box)
    return [position[channel == number] for number in range(channels)]


def _apart(
    voxels: NDArray[np.float32],
    background: NDArray[np.float32],
    channel: NDArray[np.intp],
    position: NDArray[np.float64],
    spec: VoxelSpec,
    height: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Refines atoms once more where they overlap, each without what the others add to it."""
    near = near_pairs(position, channel, 5 * spec.sites_sigma / spec.step, spec.sites_grid)
    if not len(near[0]):
        return position, height
    return _refine(
        voxels,
        background,
        channel,
        position,
        spec,
        reach=2.5,
        rounds=6,
        near=near,
        height=height,
    )


class _Filtered(NamedTuple):
    """Filtered voxels.

    Args:
        response: The voxels, about 1 at a perfect atom.
        stride: Points of the voxel for each point of the response, along each axis.
        variance: Squared width of an atom in the response, in its points.
    """

    response: NDArray[np.float32]
    stride: int
    variance: float


def _filtered(voxels: NDArray[np.float32], spec: VoxelSpec) -> _Filtered:
    """Filters so that a perfect atom gives about 1; a large grid also shrinks to half."""
    width = spec.sites_sigma / spec.step
    stride = 2 if spec.sites_grid >= 48 and width > 0.8 else 1
    if stride == 2:
        # Sums of 2³ points: a box filter, several times faster than a Gaussian on the full grid.
        pairs = voxels[:, ::2] + voxels[:, 1::2]
        pairs = pairs[:, :, ::2] + pairs[:, :, 1::2]
        result = pairs[..., ::2] + pairs[..., 1::2]
    else:
        result = voxels
    # The Gaussian that completes the box (variance 1/3) to the width of an atom, in three taps.
    variance = max(width**2 - (stride**2 - 1) / 12, 0.25) / stride**2
    tap = np.float32(np.exp(-0.5 / min(variance, 1.0)))
    for axis in (1, 2, 3):
        result = result + tap * _sides(result, axis)
    # What an atom at the centre of a block gives along one axis.
    points = np.arange(3 * stride) - (3 * stride - 1) / 2
    atom = np.exp(-0.5 * (points / width) ** 2).reshape(3, stride).sum(axis=1)
    result /= np.float32((atom @ [tap, 1.0, tap]) ** 3)
    shape = (width**2 + (stride**2 - 1) / 12) / stride**2 + 2 * tap / (1 + 2 * tap)
    return _Filtered(result, stride, float(shape))


def _sides(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Returns the sum of the two neighbours along an axis, around the cube."""
    line = np.moveaxis(values, axis, 0)
    result = np.empty_like(values)
    sides = np.moveaxis(result, axis, 0)
    np.add(line[2:], line[:-2], out=sides[1:-1])
    sides[0], sides[-1] = line[1] + line[-1], line[-2] + line[0]
    return result


def _candidates(
    filtered: _Filtered, noise: NDArray[np.float32], bar: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Returns channel and position (in steps) of the peaks that may be atoms.

    ``bar`` is the share of the usual least height that is enough.
    """
    response, stride, variance = filtered
    grid = response.shape[1]
    lowest = np.maximum(0.5 * FLOOR, 0.5 * SHARE * response.max(axis=(1, 2, 3)))
    lowest = bar * np.maximum(lowest, NOISE * noise)
    # An atom between the points gives them as little as half of its height.
    index = np.argwhere(response > 0.5 * lowest[:, None, None, None])
    channel, points = index[:, 0], index[:, 1:]
    own = response[tuple(index.T)].astype(np.float64)
    peak = np.ones(len(index), dtype=np.bool_)
    arms = np.empty((len(index), 3, 2))
    for axis in range(3):
        for side, shift in enumerate((-1, 1)):
            beside = points.copy()
            beside[:, axis] = (beside[:, axis] + shift) % grid
            value = response[channel, beside[:, 0], beside[:, 1], beside[:, 2]]
            # Of two equal neighbours the first is the peak.
            peak &= own > value if side == 0 else own >= value
            arms[:, axis, side] = value
    channel, points, own, arms = channel[peak], points[peak], own[peak], arms[peak]
    # An atom's shape is known, so the slope alone gives its place and height between the points.
    ratio = np.log(np.maximum(arms, 0.05 * own[:, None, None]))
    slope = (ratio[..., 1] - ratio[..., 0]) / 2
    step = np.clip(slope * variance, -0.5, 0.5)
    height = own * np.exp(0.5 * np.square(step).sum(axis=1) / variance)
    high = height > lowest[channel]
    position = (points + step)[high] * stride + (stride - 1) / 2
    return channel[high], position


def _refine(
    voxels: NDArray[np.float32],
    background: NDArray[np.float32],
    channel: NDArray[np.intp],
    position: NDArray[np.float64],
    spec: VoxelSpec,
    *,
    reach: float,
    rounds: int,
    near: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None,
    height: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Moves atoms to the highest correlation with the drawn Gaussian; also gives their heights.

    The correlation is taken over ``reach`` widths to each side. What the second atom of a pair in
    ``near`` adds to the first one's is taken off, which needs the ``height`` of all atoms.
    """
    grid = spec.sites_grid
    width = spec.sites_sigma / spec.step
    half = int(np.ceil(reach * width - 1e-9))
    window = np.arange(-half, half + 1)
    flat = voxels.reshape(-1)
    if height is None:
        height = np.zeros(len(position))
    for _ in range(rounds):
        nearest = np.round(position).astype(np.intp)
        points = (nearest[:, :, None] + window) % grid
        plane = (channel[:, None] * grid + points[:, 0])[:, :, None] * grid + points[:, 1, None, :]
        patch = flat[(plane * grid)[..., None] + points[:, 2, None, None, :]]
        patch -= background[channel][:, None, None, None]
        offset = ((nearest - position)[:, :, None] + window).astype(np.float32)
        weight = np.exp(-0.5 * (offset / np.float32(width)) ** 2)
        patch *= weight[:, 0, :, None, None]
        patch *= (weight[:, 1, :, None] * weight[:, 2, None, :])[:, None]
        by_x = patch.sum(axis=(2, 3))
        rest = patch.sum(axis=1)
        by_y, by_z = rest.sum(axis=2), rest.sum(axis=1)
        mass = by_x.sum(axis=1)
        drift = (np.stack([by_x, by_y, by_z], axis=1) * offset).sum(axis=2)
        unit = np.square(weight).sum(axis=2).prod(axis=1)
        if near is not None:
            first, second = near
            apart = position[second] - position[first]
            apart -= grid * np.round(apart / grid)
            # The product of two Gaussians is one half-way between them.
            shared = (height * unit)[second] * np.exp(-0.25 * np.square(apart).sum(1) / width**2)
            np.subtract.at(mass, first, shared)
            np.subtract.at(drift, first, shared[:, None] * apart / 2)
        height = mass / unit
        # Twice the mean shift is the Newton step where the peak is such a Gaussian itself.
        position = position + np.clip(2 * drift / np.maximum(mass, 1e-6)[:, None], -1.0, 1.0)
    return position, height


def _select(
    position: NDArray[np.float64],
    height: NDArray[np.float64],
    noise: float,
    spec: VoxelSpec,
    count: int | None,
) -> NDArray[np.intp]:
    """Returns the indices of the peaks that are atoms and far enough from higher ones.

    ``count`` says how many there are, where that is known.
    """
    order = np.argsort(-height, kind="stable")
    position, height = position[order], height[order]
    apart = position[:, None, :] - position
    apart -= spec.sites_grid * np.round(apart / spec.sites_grid)
    near = np.square(apart).sum(axis=-1) < (SEPARATION / spec.step) ** 2
    kept: list[int] = []
    taken = np.zeros(len(position), dtype=np.bool_)
    for peak in range(len(position)):
        if not taken[peak]:
            kept.append(peak)
            taken |= near[peak]
    return order[kept[: _count(height[kept], noise) if count is None else count]]


def _count(height: NDArray[np.float64], noise: float) -> int:
    """Returns how many of the heights, which descend, are atoms."""
    if not len(height) or height[0] < max(SIGNAL * noise, FLOOR):
        return 0
    typical = float(np.median(height[height >= max(0.5 * height[0], NOISE * noise)]))
    if typical < _DISTINCT * noise:
        # Heights of atoms (typical, noise) and of the highest of thousands of noise peaks overlap;
        # this is where one becomes as likely as the other.
        level = 0.5 * typical + _TAIL * noise**2 / typical
        return int((height >= max(level, SIGNAL * noise)).sum())
    # No atom is lower than this, and all are atoms that are higher than SURE; in between the
    # widest gap decides.
    lowest = max(NOISE * noise, SHARE * typical, FLOOR)
    most = int((height >= lowest).sum())
    # SURE of a weak voxel's typical height can lie below FLOOR.
    least = min(int((height >= SURE * typical).sum()), most)
    below = height[most] if most < len(height) else 0.0
    gaps = -np.diff([*height[least - 1 : most], below])
    return least + int(gaps.argmax())
