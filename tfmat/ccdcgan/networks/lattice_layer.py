"""The lattice voxel's decoder as a layer: what `lattice_fit` does, in operations of any backend.

All points of half the grid go into every sum, with weights of zero or one instead of selections.
Everything is in double precision, as there, and finite: in ONNX, tf2onnx makes of a choice between
two values a sum weighted by zero and one.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmat.ccdcgan.voxels.lattice import MAX_LENGTH, MIN_ANGLE, MIN_LENGTH
from tfmat.ccdcgan.voxels.lattice_fit import EXPLAINED, SATURATED, half_space
from tfmat.ccdcgan.voxels.spec import VoxelSpec

# A round is over when a step lowers the cost by less than this share. Steps at most in both.
_TOLERANCES, _STEPS = (1e-2, 1e-6), 24
_DAMPING = 1e-3
# Of the products of two of seven numbers, where each stands among the different ones.
_FIRST, _SECOND = np.triu_indices(7)
_PLACE = np.zeros((7, 7), np.int32)
_PLACE[_FIRST, _SECOND] = _PLACE[_SECOND, _FIRST] = np.arange(len(_FIRST))
# Added to the diagonals of normal equations, so that they have a solution.
_RIDGE = 1e-12


class LatticeParameters(keras.layers.Layer):
    """Reads cells from lattice voxels, as the robust decoder in ``voxels/lattice.py`` does.

    It maps voxels ``(batch, grid, grid, grid)`` to a, b, c in Å and alpha, beta, gamma in degrees,
    ``(batch, 6)``, float32. Where a voxel shows no cell, all six are NaN. Other than there, a voxel
    without noise is read like any other, so cells of which fewer than seven points are above the
    cut-off are not found; and there is one start of the fit instead of three.

    Args:
        spec: Grid and width.
    """

    def __init__(self, spec: VoxelSpec) -> None:
        super().__init__(name="lattice_parameters", trainable=False)
        self.spec = spec
        points, terms = half_space(spec.lattice_grid)
        self._central = np.abs(points).max(axis=1) <= spec.lattice_grid // 4
        self._terms = np.concatenate([terms, np.ones((len(terms), 1))], axis=1)

    def call(self, voxel: Any) -> Any:
        """Returns the cells' parameters."""
        grid = self.spec.lattice_grid
        # The Gaussian is symmetric about the centre, noise is not. Plane 0 has no mirror image.
        inner = ops.reshape(ops.cast(voxel, "float64")[:, 1:, 1:, 1:], (-1, (grid - 1) ** 3))
        middle = (grid - 1) ** 3 // 2
        flat = (inner[:, middle:] + inner[:, middle::-1]) / 2
        peak = flat[:, :1]
        height = flat / ops.maximum(peak, 1e-6)
        near = _number(ops.logical_and(height > 0.35, self._central))
        saturated = _sum(near * _number(height > 0.95)) > SATURATED * _sum(near)
        fit = _Fit(self.spec, self._terms)
        exponents, explained = fit.descend(flat, fit.start(height, near))
        metric = exponents * (-2 * self.spec.lattice_sigma**2)
        metric = ops.where(saturated, fit.level_set(height), metric)
        seen = ops.logical_and(peak > 0, ops.logical_or(saturated, explained > EXPLAINED))
        return ops.cast(_parameters(metric, seen), "float32")


class _Fit:
    """Fits A·exp(t·u) to values: t the terms of the points, u = -G/2σ² the metric's six entries."""

    def __init__(self, spec: VoxelSpec, terms: Any) -> None:
        self._spec = spec
        # As tensors, so that a graph holds them once.
        self._terms = ops.convert_to_tensor(terms)  # (points, 7), the last column is 1
        self._transposed = ops.convert_to_tensor(np.ascontiguousarray(terms[:, :6].T))
        self._products = ops.take(self._terms, _FIRST, axis=1) * ops.take(
            self._terms, _SECOND, axis=1
        )

    def start(self, height: Any, near: Any) -> Any:
        """Returns where to start from: the logarithm's fit, or a cube of about that volume."""
        safe = ops.clip(height, 1e-3, 1.0)
        weight = near * ops.square(safe)
        right = ops.matmul(weight * ops.log(safe), self._terms)[:, :6]
        fit = _solve(self._normal(weight)[:, :6, :6] + _RIDGE * np.eye(6), right)
        total = ops.maximum(2 * _sum(near * height), 1.0)
        edge = math.sqrt(2 * math.pi) * self._spec.lattice_sigma * self._spec.lattice_grid
        square = ops.square(0.8 * edge * ops.exp(ops.log(total) / -3))
        cube = square * (np.array([1.0, 1, 1, 0, 0, 0]) / (-2 * self._spec.lattice_sigma**2))
        falling = ops.all(fit[:, :3] < 0, axis=1, keepdims=True)
        return ops.where(ops.logical_and(_sum(near) > 6.5, falling), fit, cube)

    def descend(self, flat: Any, start: Any) -> tuple[Any, Any]:
        """Levenberg-Marquardt; returns u and the share of squared values explained.

        Each row takes two rounds: the first settles which points are within the cut-off.
        """

        def residual(unknown: Any, inside: Any) -> tuple[Any, Any, Any]:
            # A trial step that is not positive definite must cost much, not overflow.
            shape = ops.exp(ops.minimum(self._exponent(unknown), 5.0)) * inside
            rest = flat * inside - unknown[:, 6:] * shape
            return shape, rest, _sum(ops.square(rest))

        def step(unknown: Any, settled: Any, damping: Any, rounds: Any) -> tuple[Any, ...]:
            inside = self._inside(settled)
            shape, rest, cost = residual(unknown, inside)
            # Slope by the exponents: amplitude x term x shape; by the amplitude: shape.
            scale = ops.where(np.arange(7) < 6, unknown[:, 6:], 1.0)
            normal = self._normal(ops.square(shape)) * scale[:, :, None] * scale[:, None, :]
            damped = normal * (1 + damping[:, :, None] * np.eye(7)) + _RIDGE * np.eye(7)
            trial = unknown + _solve(damped, ops.matmul(rest * shape, self._terms) * scale)
            _, _, trial_cost = residual(trial, inside)
            active = rounds < len(_TOLERANCES)
            better = ops.logical_and(active, trial_cost < cost)
            least = ops.where(rounds < 1, _TOLERANCES[0] * cost, _TOLERANCES[1] * cost)
            done = ops.logical_and(better, cost - trial_cost < least)
            unknown = ops.where(better, trial, unknown)
            damping = ops.where(better, damping / 10, ops.maximum(10 * damping, 1e-4))
            # The next round starts from here.
            settled = ops.where(ops.logical_and(done, rounds < 1), unknown, settled)
            return unknown, settled, ops.where(done, _DAMPING, damping), rounds + _number(done)

        unknown = ops.concatenate([start, ops.ones_like(start[:, :1])], axis=1)
        none = ops.zeros_like(start[:, :1])
        unknown, settled, _, _ = ops.while_loop(
            lambda _, __, ___, rounds: ops.any(rounds < len(_TOLERANCES)),
            step,
            (unknown, unknown, none + _DAMPING, none),
            maximum_iterations=_STEPS,
        )
        inside = self._inside(settled)
        _, _, cost = residual(unknown, inside)
        share = 1.0 - cost / ops.maximum(_sum(ops.square(flat * inside)), 1e-12)
        return unknown[:, :6], ops.where(_sum(inside) > 6.5, share, -1.0)

    def level_set(self, height: Any) -> Any:
        """Reads the metric from the ellipsoid p > 1/2, whose second moments are R²/5·grid²·G⁻¹."""
        sums = ops.matmul(_number(height > 0.5), self._terms)
        sums = sums / ops.maximum(sums[:, 6:], 1.0) * np.array([1, 1, 1, 0.5, 0.5, 0.5, 1])
        a, b, c, d, e, f = (sums[:, i : i + 1] for i in range(6))
        cofactors = [b * c - f * f, a * c - e * e, a * b - d * d]
        cofactors += [e * f - c * d, d * f - b * e, d * e - a * f]
        determinant = a * cofactors[0] + d * cofactors[3] + e * cofactors[4]
        square = 2 * self._spec.lattice_sigma**2 * math.log(2) / 5
        return ops.concatenate(cofactors, axis=1) * square / ops.maximum(determinant, 1e-30)

    def _exponent(self, unknown: Any) -> Any:
        return ops.matmul(unknown[:, :6], self._transposed)

    def _inside(self, unknown: Any) -> Any:
        """Tells which points are within the cut-off, as far as the exponents tell."""
        return _number(self._exponent(unknown) > math.log(self._spec.cutoff))

    def _normal(self, weight: Any) -> Any:
        """Returns the sums of weight x product of two terms, shape ``(batch, 7, 7)``."""
        sums = ops.matmul(weight, self._products)
        return ops.reshape(ops.take(sums, _PLACE.reshape(-1), axis=1), (-1, 7, 7))


def _number(truth: Any) -> Any:
    return ops.cast(truth, "float64")


def _sum(values: Any) -> Any:
    return ops.sum(values, axis=1, keepdims=True)


def _solve(matrix: Any, right: Any) -> Any:
    """Gauss-Jordan elimination of positive definite systems: ONNX knows no solver."""
    size = matrix.shape[1]
    rows = ops.concatenate([matrix, right[:, :, None]], axis=2)
    for k in range(size):
        pivot = rows[:, k : k + 1, :] / rows[:, k : k + 1, k : k + 1]
        # The row of the pivot itself becomes the pivot.
        rows = rows - (rows[:, :, k : k + 1] - np.eye(size)[:, k : k + 1]) * pivot
    return rows[:, :, size]


def _parameters(metric: Any, seen: Any) -> Any:
    """Returns lengths in Å and angles in degrees of metric tensors ``(batch, 6)``, or NaN."""
    square = metric[:, :3]
    lengths = ops.sqrt(ops.maximum(square, 1e-6))
    # The metric has ab, ac, bc; alpha is the angle between b and c.
    first, second = ops.take(lengths, [1, 0, 0], axis=1), ops.take(lengths, [2, 2, 1], axis=1)
    cosines = ops.take(metric, [5, 4, 3], axis=1) / (first * second)
    angles = _arccos(ops.clip(cosines, -1.0, 1.0)) * (180 / math.pi)
    result = ops.concatenate([lengths, angles], axis=1)
    lowest = np.array([MIN_LENGTH] * 3 + [MIN_ANGLE] * 3)
    highest = np.array([MAX_LENGTH] * 3 + [180.0 - MIN_ANGLE] * 3)
    good = ops.all(ops.logical_and(result >= lowest, result <= highest), axis=1, keepdims=True)
    # Positive definite: the squared volume of the cell with these angles and edges of 1.
    volume = 1 + 2 * ops.prod(cosines, axis=1, keepdims=True) - _sum(ops.square(cosines))
    good = ops.logical_and(good, ops.logical_and(seen, volume > 0))
    return ops.where(good, result, math.nan)


def _arccos(cosine: Any) -> Any:
    """Returns angles in radians; ONNX Runtime has no arc cosine in double precision.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 4.4.45 (error 7e-5), and one step of
    Newton's method.
    """
    x = ops.abs(cosine)
    series = ((-0.0187293 * x + 0.0742610) * x - 0.2121144) * x + 1.5707288
    angle = ops.sqrt(1 - x) * series
    angle = ops.where(cosine < 0, math.pi - angle, angle)
    return angle + (ops.cos(angle) - cosine) / ops.sqrt(ops.maximum(1 - cosine * cosine, 1e-6))
