"""What relaxing changed: energies as made against relaxed, and how far they fell."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.figures.style import BLUE, GREEN, GREY, MANY, ORANGE, figure_of, in_style, note, nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEAR = 0.2
"""Paper 002, Table 1: structures whose energy falls by less are near equilibrium, eV/atom."""
_BEFORE, _AFTER = "initial_formation_energy_per_atom", "formation_energy_per_atom"
_FALL = "delta_formation_energy_per_atom"
# Parts of the axis of falls.
_BINS = 40
# What lies beyond this percentile is counted, not shown, unless there are few.
_SHOWN, _FEW = 92.0, 25


@in_style
def energies(rows: str | Path | Sequence[Mapping[str, str]]) -> Figure:
    """Draws the energies of relaxed structures.

    Left: how far the formation energy fell, with the share of structures where it fell by less than
    0.2 eV/atom. Right: formation energy as made and relaxed.

    Args:
        rows: A folder that ``tfmat relax`` wrote, or rows of its ``relaxation.csv``. What has no
            number, or one that is not finite, is left out.

    Returns:
        A matplotlib figure without a window.

    Raises:
        OSError: The folder has no readable table.
    """
    table = _read(Path(rows)) if isinstance(rows, str | Path) else rows
    falls, before, after = (_column(table, name) for name in (_FALL, _BEFORE, _AFTER))
    converged = np.array([row.get("status") == "converged" for row in table], dtype=bool)
    figure, (left, right) = figure_of(7.2, 3.3, 2)
    _falls(left, falls[np.isfinite(falls)])
    known = np.isfinite(before) & np.isfinite(after)
    _both(right, before[known], after[known], converged[known])
    return figure


def _read(folder: Path) -> list[dict[str, str]]:
    with (folder / "relaxation.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _column(rows: Sequence[Mapping[str, str]], name: str) -> NDArray[np.float64]:
    return np.array([float(row.get(name) or "nan") for row in rows], dtype=np.float64)


def _falls(axes: Axes, falls: NDArray[np.float64]) -> None:
    axes.set_xlabel("fall of energy on relaxing (eV/atom)")
    if not len(falls):
        nothing(axes, "nothing relaxed")
        return
    top = max(_top(falls) * 1.05, 1.5 * NEAR)
    # An edge of the bins lies at the limit.
    width = NEAR / max(1, round(NEAR * _BINS / top))
    low = min(0.0, float(falls.min()))
    edges = width * np.arange(np.floor(low / width), np.ceil(top / width) + 1)
    heights = np.histogram(falls, edges)[0]
    near = edges[:-1] < NEAR - width / 2
    axes.bar(edges[:-1][near], heights[near], width, align="edge", color=GREEN)
    axes.bar(edges[:-1][~near], heights[~near], width, align="edge", color=GREY)
    axes.axvline(NEAR, color=ORANGE, linewidth=1.2)
    axes.set_ylabel("structures")
    axes.locator_params(axis="y", integer=True)
    # With room for the note above the bars.
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.3 * max(1, heights.max())))
    count = int((falls < NEAR).sum())
    text = f"{100 * count / len(falls):.1f}% below {NEAR} eV/atom\n({count:,} of {len(falls):,})"
    beyond = int((falls > edges[-1]).sum())
    note(axes, text + (f"\n{beyond:,} beyond {edges[-1]:.2g} eV/atom" if beyond else ""))


def _both(
    axes: Axes,
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    converged: NDArray[np.bool_],
) -> None:
    axes.set_xlabel("formation energy as made (eV/atom)")
    axes.set_ylabel("relaxed (eV/atom)")
    if not len(before):
        nothing(axes, "nothing relaxed")
        return
    shown = before <= _top(before)
    axes.axline((0, 0), slope=1, color="0.55", linewidth=0.9)
    axes.axhline(0, color="0.55", linewidth=0.9, linestyle=":")
    for chosen, colour, marker, label in (
        (shown & converged, BLUE, "o", "converged"),
        (shown & ~converged, ORANGE, "^", "not converged"),
    ):
        if chosen.any():
            axes.scatter(
                before[chosen],
                after[chosen],
                s=10,
                color=colour,
                marker=marker,
                alpha=0.6,
                linewidths=0,
                rasterized=len(before) > MANY,
                label=f"{label} ({int(chosen.sum()):,})",
                zorder=3,
            )
    axes.set(xlim=_ends(before[shown]), ylim=_ends(after[shown]))
    beyond = int((~shown).sum())
    # Above the panel: in it every corner may hold points, or the line.
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        title=f"{beyond:,} made higher than shown" if beyond else None,
    )


def _top(values: NDArray[np.float64]) -> float:
    return float(values.max() if len(values) < _FEW else np.percentile(values, _SHOWN))


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Returns the ends of an axis, with a little room, and zero on it."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    span = (high - low) or 1.0
    return low - 0.05 * span, high + 0.05 * span
