"""The metric tensor of a cell by least squares on its lattice voxel."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.reasons import NO_LATTICE, DecodeError
from tfmat.ccdcgan.voxels.spec import VoxelSpec

Array = NDArray[np.float64]

# The six independent entries of a symmetric matrix.
_ROW = np.array([0, 1, 2, 0, 0, 1])
_COLUMN = np.array([0, 1, 2, 1, 2, 2])
# A clean voxel (single precision) is fitted to within this.
_CLEAN = 1e-4
# Share of the squared values near the centre that a Gaussian must explain.
EXPLAINED = 0.3
# Share of saturated voxels among the high ones from which on only their shape is used. It is
# 2% for a Gaussian.
SATURATED = 0.3
# Voxels fitted at most, and steps.
_MOST, _STEPS = 4000, 12


def fit_metric(values: NDArray[np.floating[Any]], spec: VoxelSpec) -> Array:
    """Solves -2σ² ln p = nᵀGn/grid² for the metric tensor G.

    Where a voxel is no clean Gaussian, the values themselves are fitted instead of their
    logarithms, which noise spoils.

    Args:
        values: Lattice voxel, shape ``(grid, grid, grid)``.
        spec: Grid and width.

    Returns:
        Metric tensor in Å², shape ``(3, 3)``; not necessarily positive definite.

    Raises:
        DecodeError: No Gaussian stands out at the centre.
    """
    flat = values.reshape(-1)
    index = np.flatnonzero(flat >= _least(0.999 * spec.cutoff, flat.dtype))
    if len(index) < 7:
        raise DecodeError(NO_LATTICE)
    # Only what is fitted is made double: a copy of all takes longer than the fit.
    value = flat[index].astype(np.float64)
    # On a plateau, as after binarising, the logarithm is no parabola but fits a cell of no size.
    if np.count_nonzero(flat) == len(index) and value.min() < 0.5:
        terms = np.take(_whole_space(spec.lattice_grid), index, axis=1).T
        entries = _log_fit(terms, value, spec)
        if np.abs(_gaussian(terms, entries, spec) - value).max() < _CLEAN:
            return _symmetric(entries)
    return _fit_values(values.astype(np.float64), spec)


def _least(bar: float, kind: np.dtype[Any]) -> np.floating[Any]:
    """Returns the least number of a kind that is no less than a bar."""
    rounded: np.floating[Any] = kind.type(bar)
    if float(rounded) < bar:
        rounded = np.nextafter(rounded, kind.type(np.inf))
    return rounded


def _terms(points: NDArray[np.intp], grid: int) -> Array:
    """Returns the coefficients of the metric's six entries in r², shape ``(points, 6)``."""
    terms: Array = points[:, _ROW] * points[:, _COLUMN] / grid**2
    terms[:, 3:] *= 2.0
    return terms


@lru_cache(maxsize=4)
def _whole_space(grid: int) -> Array:
    """Returns the terms of all grid points counted from the centre, shape ``(6, grid³)``."""
    return np.ascontiguousarray(
        _terms(np.indices((grid,) * 3).reshape(3, -1).T - grid // 2, grid).T
    )


@lru_cache(maxsize=4)
def half_space(grid: int) -> tuple[NDArray[np.intp], Array]:
    """Returns grid points counted from the centre, one of each pair ±n, and their terms.

    The order is that of the second half of a flattened array of shape ``(grid - 1,)*3``.
    """
    points = np.indices((grid - 1,) * 3).reshape(3, -1).T - (grid // 2 - 1)
    points = np.ascontiguousarray(points[len(points) // 2 :])
    return points, _terms(points, grid)


def _symmetric(entries: Array) -> Array:
    metric = np.empty((3, 3))
    metric[_ROW, _COLUMN] = metric[_COLUMN, _ROW] = entries
    return metric


def _gaussian(terms: Array, entries: Array, spec: VoxelSpec) -> Array:
    exponent = terms @ (entries * (-0.5 / spec.lattice_sigma**2))
    # A trial step that is not positive definite must cost much, not overflow.
    result: Array = np.exp(np.minimum(exponent, 5.0))
    return result


def _log_fit(terms: Array, value: Array, spec: VoxelSpec) -> Array:
    # A given error of the value is 1/value times that in its logarithm: weight by the value.
    weighted = terms * value[:, None]
    target = -2 * spec.lattice_sigma**2 * np.log(value) * value
    try:
        entries = np.linalg.solve(weighted.T @ weighted, weighted.T @ target)
    except np.linalg.LinAlgError:
        raise DecodeError(NO_LATTICE) from None
    return np.asarray(entries, dtype=np.float64)


def _fit_values(values: Array, spec: VoxelSpec) -> Array:
    """Fits A·exp(-nᵀGn / 2σ²grid²) to the values, from further starts where one fails."""
    # The Gaussian is symmetric about the centre, noise is not. Plane 0 has no mirror image.
    inner = values[1:, 1:, 1:].reshape(-1)
    middle = len(inner) // 2
    flat = (inner[middle:] + inner[middle::-1]) / 2
    points, terms = half_space(spec.lattice_grid)
    peak = flat[0]
    if not peak > 0:
        raise DecodeError(NO_LATTICE)
    near = np.flatnonzero(flat > 0.35 * peak)
    near = near[np.abs(points[near]).max(axis=1) <= spec.lattice_grid // 4]
    if (flat[near] > 0.95 * peak).mean() > SATURATED:
        return _level_set(points[flat > 0.5 * peak], spec)
    starts = []
    if len(near) >= 7:
        with contextlib.suppress(DecodeError):
            starts.append(_log_fit(terms[near], np.minimum(flat[near] / peak, 1.0), spec))
    # The sum of a Gaussian gives the volume of the cell: also start from cubes of about that.
    total = max(2 * flat[near].sum() / peak, 1.0)
    edge = (2 * np.pi) ** 0.5 * spec.lattice_sigma * spec.lattice_grid / np.cbrt(total)
    starts += [np.array([1, 1, 1, 0, 0, 0]) * (factor * edge) ** 2 for factor in (0.8, 0.5)]
    for start in starts:
        entries, explained = _descend(flat, terms, start, spec)
        if explained > EXPLAINED:
            return _symmetric(entries)
    raise DecodeError(NO_LATTICE)


def _level_set(points: NDArray[np.intp], spec: VoxelSpec) -> Array:
    """Reads the metric from the ellipsoid p > 1/2, whose second moments are R²/5·grid²·G⁻¹."""
    moments = points.T @ points / (len(points) * spec.lattice_grid**2)
    square = -2 * spec.lattice_sigma**2 * np.log(0.5)
    try:
        metric: Array = np.linalg.inv(moments) * square / 5
    except np.linalg.LinAlgError:
        raise DecodeError(NO_LATTICE) from None
    return metric


def _descend(flat: Array, terms: Array, entries: Array, spec: VoxelSpec) -> tuple[Array, float]:
    """Levenberg-Marquardt; returns the entries and the share of squared values explained."""
    amplitude, explained = 1.0, -1.0
    for tolerance in (1e-2, 1e-6):
        # Out to the cut-off, as far as the present entries tell.
        limit = -2 * spec.lattice_sigma**2 * np.log(spec.cutoff)
        inside = np.flatnonzero(terms @ entries < limit)
        inside = inside[:: 1 + len(inside) // _MOST]
        if len(inside) < 7:
            break
        entries, amplitude, explained = _steps(
            terms[inside], flat[inside], entries, amplitude, spec, tolerance
        )
    return entries, explained


def _steps(
    terms: Array,
    value: Array,
    entries: Array,
    amplitude: float,
    spec: VoxelSpec,
    tolerance: float,
) -> tuple[Array, float, float]:
    unknown = np.append(entries, amplitude)
    slope = np.empty((len(value), 7))
    slope[:, 6] = _gaussian(terms, entries, spec)
    rest = value - amplitude * slope[:, 6]
    cost = rest @ rest
    damping = 1e-3
    for _ in range(_STEPS):
        scale = slope[:, 6] * (-0.5 * unknown[6] / spec.lattice_sigma**2)
        np.multiply(terms, scale[:, None], out=slope[:, :6])
        normal = slope.T @ slope
        normal[np.diag_indices(7)] *= 1 + damping
        normal[np.diag_indices(7)] += 1e-12
        trial = unknown + np.linalg.solve(normal, slope.T @ rest)
        shape = _gaussian(terms, trial[:6], spec)
        trial_rest = value - trial[6] * shape
        trial_cost = trial_rest @ trial_rest
        if trial_cost < cost:
            done = cost - trial_cost < tolerance * cost
            unknown, rest, cost = trial, trial_rest, trial_cost
            slope[:, 6] = shape
            damping /= 10
            if done:
                break
        else:
            damping = max(10 * damping, 1e-4)
    return unknown[:6], float(unknown[6]), 1.0 - float(cost) / max(float(value @ value), 1e-12)
