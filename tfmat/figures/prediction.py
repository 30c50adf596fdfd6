"""Predicted against true: how well a property is learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.csv_tables import TableWriter
from tfmat.figures.style import BLUE, MANY, figure_of, in_style, note, nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@in_style
def predicted_against_true(
    true: NDArray[np.floating],
    predicted: NDArray[np.floating],
    name: str = "property",
    unit: str = "",
    *,
    what: str = "held-out structures",
) -> Figure:
    """Draws predictions against the truth, with mean absolute error and R².

    Args:
        true: True values, shape ``(n,)``; where one of the two is not finite the pair is left out.
        predicted: Predicted ones, shape ``(n,)``.
        name: What is predicted.
        unit: Of both.
        what: What the values are of, for the words beside the numbers.

    Returns:
        A matplotlib figure without a window.
    """
    figure, (axes,) = figure_of(3.6, 3.5)
    known = np.isfinite(true) & np.isfinite(predicted)
    x, y = np.asarray(true, np.float64)[known], np.asarray(predicted, np.float64)[known]
    words = name.replace("_", " ")
    suffix = f" ({unit})" if unit else ""
    axes.set_xlabel(f"true {words}{suffix}")
    axes.set_ylabel(f"predicted{suffix}")
    if not len(x):
        nothing(axes, f"no {what}")
        return figure
    _diagonal(axes, x, y)
    image = len(x) > MANY
    axes.scatter(
        x,
        y,
        s=4 if image else 9,
        color=BLUE,
        alpha=0.25 if image else 0.5,
        linewidths=0,
        rasterized=image,
        zorder=3,
    )
    error, r2 = errors(x, y)
    lines = [f"MAE {error:.3g} {unit}".rstrip(), f"R² {r2:.3g}" if np.isfinite(r2) else ""]
    lines.append(f"{len(x):,} {what}")
    note(axes, "\n".join(line for line in lines if line), right=False)
    return figure


def errors(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> tuple[float, float]:
    """Returns mean absolute error and coefficient of determination.

    Args:
        true: True values, shape ``(n,)``.
        predicted: Predicted ones.

    Returns:
        R² is NaN where the true values do not vary.
    """
    variance = float(np.var(true))
    r2 = 1 - float(np.mean((predicted - true) ** 2)) / variance if variance > 0 else float("nan")
    return float(np.mean(np.abs(predicted - true))), r2


def write_predictions(
    file: Path,
    rows: NDArray[np.integer],
    true: NDArray[np.floating],
    predicted: NDArray[np.floating],
) -> None:
    """Writes predictions as CSV.

    Args:
        file: The file.
        rows: Numbers of the structures in their dataset, from 0, shape ``(n,)``.
        true: True values, shape ``(n,)``.
        predicted: Predicted ones.
    """
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = TableWriter(stream, ["row", "true", "predicted"])
        for row, right, guess in zip(rows.tolist(), true.tolist(), predicted.tolist(), strict=True):
            table.row([row, f"{right:.6f}", f"{guess:.6f}"])


def _diagonal(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Gives both axes the same ends and draws the line on which both are equal."""
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    room = 0.05 * (high - low) or 0.05 * max(abs(high), 1.0)
    low, high = float(low - room), float(high + room)
    axes.plot([low, high], [low, high], color="0.55", linewidth=0.9, zorder=2)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
