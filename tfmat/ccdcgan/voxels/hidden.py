"""Atoms that are known to be there and have no peak of their own: on the flank of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.spec import VoxelSpec

# No atom is looked for within so many widths of one that was found: what is left there is its own.
APART = 2.0


def add_hidden(
    voxels: NDArray[np.float32],
    background: NDArray[np.float32],
    channel: NDArray[np.intp],
    position: NDArray[np.float64],
    height: NDArray[np.float64],
    counts: Sequence[int],
    spec: VoxelSpec,
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Puts atoms where most is left of a voxel once those found are taken off it, one by one.

    Args:
        voxels: Sites voxels, shape ``(channels, grid, grid, grid)``.
        background: Value of each without atoms.
        channel: Channel of each atom found, ascending.
        position: Positions in steps, shape ``(atoms, 3)``.
        height: Height of each.
        counts: How many atoms each voxel shows.
        spec: Grid and width.

    Returns:
        The three arrays with the further atoms, by channel, on grid points; fewer than the counts
        only where nothing is left.
    """
    grid, width = spec.sites_grid, spec.sites_sigma / spec.step
    found = np.bincount(channel, minlength=len(voxels))
    places, heights, owners = [position], [height], [channel]
    for number in np.flatnonzero(found < counts).tolist():
        own = channel == number
        rest = voxels[number] - background[number]
        free = np.ones(rest.shape, dtype=np.bool_)
        for place, high in zip(position[own], height[own], strict=True):
            rest -= (high * _atom(place, grid, width)).astype(np.float32)
            free &= _atom(place, grid, width) < np.exp(-0.5 * APART**2)
        for _ in range(counts[number] - found[number]):
            point = np.unravel_index(np.where(free, rest, -np.inf).argmax(), rest.shape)
            if not free[point] or not rest[point] > 0:
                break
            place, high = np.array(point, dtype=np.float64), float(rest[point])
            places.append(place[None])
            heights.append(np.array([high]))
            owners.append(np.array([number], dtype=np.intp))
            rest -= (high * _atom(place, grid, width)).astype(np.float32)
            free &= _atom(place, grid, width) < np.exp(-0.5 * APART**2)
    joined = np.concatenate(owners)
    order = np.argsort(joined, kind="stable")
    return joined[order], np.concatenate(places)[order], np.concatenate(heights)[order]


def _atom(place: NDArray[np.float64], grid: int, width: float) -> NDArray[np.float64]:
    """Draws an atom of height 1 in a whole voxel."""
    apart = np.arange(grid) - place[:, None]
    apart -= grid * np.round(apart / grid)
    x, y, z = np.exp(-0.5 * (apart / width) ** 2)
    return np.asarray(x[:, None, None] * y[:, None] * z)
