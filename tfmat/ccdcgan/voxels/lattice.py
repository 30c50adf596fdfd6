"""Lattice voxels: the shape of the cell, drawn as one Gaussian on a grid of the cell itself.

p(n) = exp(-r(n)² / 2σ²), r the real-space distance of the grid point n/grid (fractional) from the
centre of the cell (paper 004, Methods). With the metric tensor G, r² = nᵀGn/grid² for n counted
from the centre, so -2σ² ln p is linear in G: all voxels together give the cell by least squares.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.faithful import smallest_values
from tfmat.ccdcgan.voxels.lattice_fit import fit_metric
from tfmat.ccdcgan.voxels.reasons import NO_LATTICE, DecodeError, Mode
from tfmat.ccdcgan.voxels.spec import VoxelSpec

# Cells outside these bounds (Å, degrees) are no reading of a voxel but noise. Niggli cells have
# angles of 60 to 120 degrees; the bound leaves room for cells that were not reduced.
MIN_LENGTH, MAX_LENGTH = 1.0, 60.0
MIN_ANGLE = 15.0
_MAX_COSINE = math.cos(math.radians(MIN_ANGLE))


def encode_lattice(
    lattice: NDArray[np.float64], spec: VoxelSpec, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Draws the lattice voxel of a cell.

    Args:
        lattice: Cell vectors as rows, in Å, shape ``(3, 3)``; in any orientation, which the voxel
            does not hold.
        spec: Grid and width.
        out: Array to draw into, of the returned shape; it is cleared first.

    Returns:
        Voxel of shape ``(grid, grid, grid)``, 1 at its centre ``(grid/2,)*3``.
    """
    grid = spec.lattice_grid
    shape = (grid, grid, grid)
    if out is None:
        out = np.zeros(shape, dtype=np.float32)
    else:
        out.fill(0.0)
    metric = lattice @ lattice.T / grid**2
    # The ellipsoid rᵀr = limit reaches sqrt(limit · inverse metric) grid points along each axis.
    limit = -2 * spec.lattice_sigma**2 * np.log(spec.cutoff)
    reach = np.sqrt(limit * np.diag(np.linalg.inv(metric)))
    half = grid // 2
    low = -np.minimum(reach.astype(int), half)
    high = np.minimum(reach.astype(int), half - 1)
    x, y, z = (np.arange(a, b + 1, dtype=np.float64) for a, b in zip(low, high, strict=True))
    square = (metric[0, 0] * x * x)[:, None, None] + (
        (metric[1, 1] * y * y + 2 * metric[0, 1] * x[:, None] * y)[:, :, None]
        + (2 * metric[1, 2] * y[:, None] * z + metric[2, 2] * z * z)
        + (2 * metric[0, 2] * x[:, None] * z)[:, None, :]
    )
    value = np.exp(square * (-0.5 / spec.lattice_sigma**2))
    value[value < spec.cutoff] = 0.0
    block = tuple(slice(half + a, half + b + 1) for a, b in zip(low, high, strict=True))
    out[block] = value
    return out


def decode_lattice(
    voxel: NDArray[np.float32], spec: VoxelSpec, mode: Mode = "robust"
) -> NDArray[np.float64]:
    """Reads the cell from a lattice voxel.

    ``robust`` solves for the metric tensor by weighted least squares over all voxels, and where
    they do not fit (noise, an autoencoder's output) by Gauss-Newton steps on the values.
    ``faithful`` reads the smallest positive value on six lines, as the original program.

    Args:
        voxel: Lattice voxel, shape ``(grid, grid, grid)``; a trailing axis of 1 is accepted.
        spec: Grid and width.
        mode: ``robust`` or ``faithful``.

    Returns:
        Cell vectors as rows in standard orientation, in Å, shape ``(3, 3)``.

    Raises:
        DecodeError: The voxel shows no cell.
    """
    grid = spec.lattice_grid
    values: NDArray[Any] = np.asarray(voxel).reshape(grid, grid, grid)
    if mode == "faithful" or values.dtype != np.float32:
        values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise DecodeError(NO_LATTICE)
    metric = smallest_values(values, spec) if mode == "faithful" else fit_metric(values, spec)
    try:
        lattice = np.asarray(np.linalg.cholesky(metric), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise DecodeError(NO_LATTICE) from None
    if not _is_cell(lattice.tolist()):
        raise DecodeError(NO_LATTICE)
    return lattice


def _is_cell(lattice: list[list[float]]) -> bool:
    """Tells whether edges and angles lie within the bounds."""
    # Plain numbers: for nine of them NumPy's calls take many times longer.
    edges = [math.hypot(*vector) for vector in lattice]
    if not (min(edges) >= MIN_LENGTH and max(edges) <= MAX_LENGTH):
        return False
    cosines = (
        sum(x * y for x, y in zip(lattice[i], lattice[j], strict=True)) / (edges[i] * edges[j])
        for i, j in ((1, 2), (0, 2), (0, 1))
    )
    return all(abs(cosine) <= _MAX_COSINE for cosine in cosines)
