"""The metric tensor of a cell by least squares on its lattice voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.errors import NO_LATTICE, DecodeError
from tfmat.ccdcgan.spec import VoxelSpec

# The six independent entries of a symmetric matrix.
_ROW = np.array([0, 1, 2, 0, 0, 1])
_COLUMN = np.array([0, 1, 2, 1, 2, 2])
# A clean voxel (single precision) is fitted to within this.
_CLEAN = 1e-4
_STEPS = 30


def fit_metric(values: NDArray[np.float64], spec: VoxelSpec) -> NDArray[np.float64]:
    """Solves -2σ² ln p = nᵀGn/grid² for the metric tensor G.

    Where a voxel is no clean Gaussian, the values themselves are fitted instead of their
    logarithms, which noise spoils.

    Args:
        values: Lattice voxel, shape ``(grid, grid, grid)``.
        spec: Grid and width.

    Returns:
        Metric tensor in Å², shape ``(3, 3)``; not necessarily positive definite.

    Raises:
        DecodeError: Too few voxels stand out.
    """
    half = spec.lattice_grid // 2
    index = np.argwhere(values >= 0.999 * spec.cutoff)
    if len(index) < 7:
        raise DecodeError(NO_LATTICE)
    if np.count_nonzero(values) == len(index):
        value = values[tuple(index.T)]
        entries = _log_fit(index - half, value, spec)
        misfit = _gaussian(_terms(index - half, spec), entries, spec) - value
        if np.abs(misfit).max() < _CLEAN:
            return _symmetric(entries)
    return _fit_values(values, spec)


def _terms(points: NDArray[np.intp], spec: VoxelSpec) -> NDArray[np.float64]:
    """Returns the coefficients of the metric's six entries in r², shape ``(points, 6)``."""
    terms: NDArray[np.float64] = points[:, _ROW] * points[:, _COLUMN] / spec.lattice_grid**2
    terms[:, 3:] *= 2.0
    return terms


def _symmetric(entries: NDArray[np.float64]) -> NDArray[np.float64]:
    metric = np.empty((3, 3))
    metric[_ROW, _COLUMN] = metric[_COLUMN, _ROW] = entries
    return metric


def _gaussian(
    terms: NDArray[np.float64], entries: NDArray[np.float64], spec: VoxelSpec
) -> NDArray[np.float64]:
    exponent: NDArray[np.float64] = terms @ entries * (-0.5 / spec.lattice_sigma**2)
    # A trial step that is not positive definite must cost much, not overflow.
    return np.exp(np.minimum(exponent, 5.0))


def _log_fit(
    points: NDArray[np.intp], value: NDArray[np.float64], spec: VoxelSpec
) -> NDArray[np.float64]:
    # A given error of the value is 1/value times that in its logarithm: weight by the value.
    terms = _terms(points, spec) * value[:, None]
    target = -2 * spec.lattice_sigma**2 * np.log(value) * value
    entries: NDArray[np.float64] = np.linalg.lstsq(terms, target, rcond=None)[0]
    return entries


def _fit_values(values: NDArray[np.float64], spec: VoxelSpec) -> NDArray[np.float64]:
    """Fits A·exp(-nᵀGn / 2σ²grid²) to the values from several starts and keeps the best."""
    # The Gaussian is symmetric about the centre, noise is not. Plane 0 has no mirror image.
    inner = values[1:, 1:, 1:]
    symmetric = (inner + inner[::-1, ::-1, ::-1]) / 2
    half = spec.lattice_grid // 2
    grid_points = np.indices(symmetric.shape).reshape(3, -1).T - (half - 1)
    flat = symmetric.reshape(-1)
    # One of each pair of mirror images is enough.
    flat, grid_points = flat[len(flat) // 2 :], grid_points[len(flat) // 2 :]
    best, lowest = None, 0.0
    for start in _starts(flat, grid_points, spec):
        entries, cost = _levenberg_marquardt(flat, grid_points, start, spec)
        if cost < lowest:
            best, lowest = entries, cost
    if best is None:
        raise DecodeError(NO_LATTICE)
    return _symmetric(best)


def _starts(
    flat: NDArray[np.float64], points: NDArray[np.intp], spec: VoxelSpec
) -> list[NDArray[np.float64]]:
    peak = flat[:2].max()
    if not peak > 0:
        raise DecodeError(NO_LATTICE)
    starts = []
    high = flat > 0.35 * peak
    near = high & (np.abs(points).max(axis=1) <= spec.lattice_grid // 4)
    if near.sum() >= 7:
        starts.append(_log_fit(points[near], np.minimum(flat[near] / peak, 1.0), spec))
    # The sum of a Gaussian gives the volume of the cell; start from the cube of that volume.
    near = np.abs(points).max(axis=1) <= spec.lattice_grid // 4
    total = 2 * flat[near].sum() / peak
    width = (2 * np.pi) ** 0.5 * spec.lattice_sigma * spec.lattice_grid
    edge = width / np.cbrt(max(total, 1.0))
    for factor in (1.0, 0.6):
        starts.append(np.array([1, 1, 1, 0, 0, 0]) * (factor * edge) ** 2)
    return starts


def _levenberg_marquardt(
    flat: NDArray[np.float64],
    points: NDArray[np.intp],
    entries: NDArray[np.float64],
    spec: VoxelSpec,
) -> tuple[NDArray[np.float64], float]:
    """Returns the fitted entries and the sum of squares relative to an empty model."""
    amplitude = 1.0
    cost = np.inf
    for _ in range(3):
        terms, value = _window(flat, points, entries, spec)
        if len(value) < 7:
            break
        entries, amplitude, cost = _descend(terms, value, entries, amplitude, spec)
    return entries, cost


def _window(
    flat: NDArray[np.float64],
    points: NDArray[np.intp],
    entries: NDArray[np.float64],
    spec: VoxelSpec,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    limit = 2 * spec.lattice_sigma**2 * 4.5
    try:
        reach = np.sqrt(limit * np.diag(np.linalg.inv(_symmetric(entries)))) * spec.lattice_grid
    except np.linalg.LinAlgError:
        return np.zeros((0, 6)), np.zeros(0)
    box = (np.abs(points) <= np.nan_to_num(reach, nan=0.0)).all(axis=1)
    terms = _terms(points[box], spec)
    inside = terms @ entries < limit
    return terms[inside], flat[box][inside]


def _descend(
    terms: NDArray[np.float64],
    value: NDArray[np.float64],
    entries: NDArray[np.float64],
    amplitude: float,
    spec: VoxelSpec,
) -> tuple[NDArray[np.float64], float, float]:
    empty = float(value @ value)
    shape = _gaussian(terms, entries, spec)
    cost = float(((value - amplitude * shape) ** 2).sum())
    damping = 1e-2
    for _ in range(_STEPS):
        slope = np.empty((len(value), 7))
        slope[:, :6] = terms * (shape * (-0.5 * amplitude / spec.lattice_sigma**2))[:, None]
        slope[:, 6] = shape
        normal = slope.T @ slope
        right = slope.T @ (value - amplitude * shape)
        diagonal = np.diag(normal).copy() + 1e-12
        step = np.linalg.solve(normal + np.diag(damping * diagonal), right)
        trial = entries + step[:6]
        trial_shape = _gaussian(terms, trial, spec)
        trial_cost = float(((value - (amplitude + step[6]) * trial_shape) ** 2).sum())
        if trial_cost < cost:
            gain = cost - trial_cost
            entries, amplitude, shape, cost = trial, amplitude + step[6], trial_shape, trial_cost
            damping = max(damping / 5, 1e-9)
            if gain < 1e-9 * (cost + 1e-12):
                break
        else:
            damping *= 5
            if damping > 1e6:
                break
    return entries, float(amplitude), cost - empty
