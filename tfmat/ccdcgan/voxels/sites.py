"""Sites voxels: the atoms of one cell, drawn as Gaussians in a cube, one voxel for each element.

p(r) = sum over atoms of exp(-|r - r_atom|² / 2σ²) on the points i·box/grid of a periodic cube
(paper 004, Methods; the cube, the width and the cut-off are those of the released code). The centre
of the crystal's cell lies at the centre of the cube. In the frame ``cell``
(:mod:`tfmat.ccdcgan.voxels.frame`) the cube is the cell and its unit the voxel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.frame import check_inside, sites_positions
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

# Atoms drawn at once: their windows fit in the processor's second-level cache.
_CHUNK = 64


def scatter(
    positions: NDArray[np.float64], channels: NDArray[np.intp], spec: VoxelSpec
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Computes the voxels that atoms touch, as a sparse list.

    Args:
        positions: Positions relative to the centre of the cube, in Å, shape ``(atoms, 3)``.
        channels: Index of the voxel (channel) that each atom is drawn in, shape ``(atoms,)``.
        spec: Grid, cube and width.

    Returns:
        Flat indices into an array of shape ``(channels, grid, grid, grid)`` and the values to be
        added there. An index occurs twice where atoms of one channel overlap.
    """
    grid, step = spec.sites_grid, spec.step
    # Radius in steps at which the Gaussian falls below the cut-off.
    radius = spec.sites_sigma * np.sqrt(-2 * np.log(spec.cutoff)) / step
    window = np.arange(int(2 * radius) + 1)
    indices, values = [], []
    for start in range(0, len(positions), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        centre = positions[chunk] / step + grid // 2
        first = np.ceil(centre - radius)
        offset = (first - centre)[:, :, None] + window
        # In double precision: the cut-off must fall on the same side as in the plain formula.
        profile = np.exp(offset * offset * (-0.5 * (step / spec.sites_sigma) ** 2))
        points = (first.astype(np.intp)[:, :, None] + window) % grid
        plane = profile[:, 0, :, None] * profile[:, 1, None, :]
        rows = (channels[chunk, None] * grid + points[:, 0]) * grid
        atom, column = np.divmod(np.flatnonzero(plane >= spec.cutoff), len(window) ** 2)
        value = plane.reshape(len(plane), -1)[atom, column][:, None] * profile[atom, 2]
        row = (rows[:, :, None] + points[:, 1, None, :]).reshape(len(plane), -1)[atom, column]
        index = (row * grid)[:, None] + points[atom, 2]
        kept = value >= spec.cutoff
        indices.append(index[kept])
        values.append(value[kept].astype(np.float32))
    if not indices:
        return np.zeros(0, np.intp), np.zeros(0, np.float32)
    return np.concatenate(indices), np.concatenate(values)


def encode_sites(
    crystal: Crystal,
    elements: Sequence[int],
    spec: VoxelSpec,
    out: NDArray[np.float32] | None = None,
    *,
    wrap: bool = False,
) -> NDArray[np.float32]:
    """Draws the sites voxels of a crystal.

    Args:
        crystal: A crystal in its canonical cell (:func:`tfmat.ccdcgan.voxels.cell.canonicalise`).
        elements: Atomic numbers in the order of the channels.
        spec: Grid, cube and width.
        out: Array to draw into, of the returned shape; it is cleared first.
        wrap: Draw atoms outside the cube at its other side, as the original program does, instead
            of refusing them.

    Returns:
        Voxels of shape ``(len(elements), grid, grid, grid)``, 1 at the centre of an atom.

    Raises:
        InputError: The crystal holds an element that has no channel, or does not fit in the cube.
    """
    slots = np.full(256, -1, dtype=np.intp)
    slots[np.asarray(elements, dtype=np.intp)] = np.arange(len(elements))
    channels = slots[crystal.numbers]
    if (channels < 0).any():
        missing = sorted({int(number) for number in crystal.numbers[channels < 0]})
        raise InputError(f"the crystal holds atomic number {missing}, which has no channel")
    positions = sites_positions(crystal, spec)
    if not wrap:
        check_inside(positions, spec)
    shape = (len(elements), *(spec.sites_grid,) * 3)
    return _draw(positions, channels, spec, shape, out)


def encode_channels(
    positions: Sequence[NDArray[np.float64]],
    spec: VoxelSpec,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Draws single channels, as the sites autoencoder takes them.

    Args:
        positions: For each channel the positions of one element's atoms relative to the middle of
            the voxel, as :func:`~tfmat.ccdcgan.voxels.frame.sites_positions` gives them, shape
            ``(atoms, 3)`` each.
        spec: Grid, cube and width.
        out: Array to draw into, of the returned shape; it is cleared first.

    Returns:
        Voxels of shape ``(len(positions), grid, grid, grid, 1)``.

    Raises:
        InputError: An atom does not fit in the cube.
    """
    points, channels = _join(positions, spec)
    shape = (len(positions), *(spec.sites_grid,) * 3, 1)
    return _draw(points, channels, spec, shape, out)


class SitesCanvas:
    """Draws single channels again and again into one buffer.

    Clearing only what the last drawing touched is several times faster than clearing all.

    Args:
        spec: Grid, cube and width.
    """

    def __init__(self, spec: VoxelSpec) -> None:
        self.spec = spec
        self._buffer = np.zeros(0, dtype=np.float32)
        self._touched = np.zeros(0, dtype=np.intp)

    def encode(self, positions: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
        """Draws like :func:`encode_channels`; the result is valid until the next call.

        Args:
            positions: For each channel the positions relative to the centre of the cell, in Å.

        Returns:
            A view on the buffer, shape ``(len(positions), grid, grid, grid, 1)``.

        Raises:
            InputError: An atom does not fit in the cube.
        """
        points, channels = _join(positions, self.spec)
        shape = (len(positions), *(self.spec.sites_grid,) * 3, 1)
        size = int(np.prod(shape))
        self._buffer[self._touched] = 0.0
        if self._buffer.size < size:
            self._buffer = np.zeros(size, dtype=np.float32)
        self._touched, values = scatter(points, channels, self.spec)
        np.add.at(self._buffer, self._touched, values)
        return self._buffer[:size].reshape(shape)


def _join(
    positions: Sequence[NDArray[np.float64]], spec: VoxelSpec
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    points = np.concatenate([np.zeros((0, 3)), *positions])
    check_inside(points, spec)
    counts = [len(entry) for entry in positions]
    return points, np.repeat(np.arange(len(counts), dtype=np.intp), counts)


def _draw(
    positions: NDArray[np.float64],
    channels: NDArray[np.intp],
    spec: VoxelSpec,
    shape: tuple[int, ...],
    out: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    if out is None:
        out = np.zeros(shape, dtype=np.float32)
    elif out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise InputError(f"out must be a contiguous float32 array of shape {shape}")
    else:
        out.fill(0.0)
    indices, values = scatter(positions, channels, spec)
    np.add.at(out.reshape(-1), indices, values)
    return out
