"""Pictures of convex hulls: formation energy against composition, and the Gibbs triangle.

Source: Fig. 3 of paper 004, Figs. 5 and 6 of paper 002. Each function returns a matplotlib
``Figure`` without a window, for a file or a report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.hull import Hull
from tfmat.evaluation.hull.entries import Entries
from tfmat.evaluation.hull.stability import Distances, Hulls, below
from tfmat.evaluation.hull.triangle import ternary
from tfmat.evaluation.plotting import TEXT, write_labels
from tfmat.figures.style import BLACK, GREEN, GREY, MANY, ORANGE, figure_of, in_style
from tfmat.formulas.compositions import symbols

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@in_style
def draw(
    hulls: Hulls, known: Entries, generated: Entries | None, above: Distances
) -> Figure | None:
    """Draws a binary or a ternary system.

    Args:
        hulls: Its hulls.
        known: Known structures.
        generated: Generated ones.
        above: Energies above the hull of the generated structures.

    Returns:
        The figure, ``None`` for systems of more elements.
    """
    if len(hulls.system) == 2:
        return binary(hulls, known, generated, above)
    if len(hulls.system) == 3:
        return ternary(hulls, known, generated, above)
    return None


def binary(hulls: Hulls, known: Entries, generated: Entries | None, above: Distances) -> Figure:
    """Draws formation energies against composition, with the hull and the redefined one.

    Args:
        hulls: Hulls of two elements; the first is on the left.
        known: Known structures.
        generated: Generated ones.
        above: Energies above the hull of the generated structures.
    """
    figure, (axes,) = figure_of(7.0, 4.8)
    rows = known.within(hulls.system)
    energies = known.energies[rows]
    image = len(rows) > MANY
    axes.scatter(
        known.shares(rows, hulls.system)[:, 1],
        energies,
        s=6 if image else 16,
        alpha=0.35 if image else 0.8,
        color=GREY,
        linewidths=0,
        rasterized=image,
        label=f"known ({known.count(hulls.system)})",
    )
    if generated is not None:
        new = generated.within(hulls.system)
        energies = np.concatenate([energies, generated.energies[new]])
        _generated(axes, generated, new, hulls, above)
    _line(axes, hulls.known, BLACK, "--" if hulls.changed else "-", "convex hull of the known")
    axes.scatter(
        hulls.known.fractions[:, 1], hulls.known.energies, s=26, color=BLACK, zorder=4, marker="^"
    )
    if hulls.changed:
        _line(axes, hulls.redefined, ORANGE, "-", "redefined hull")
    _limits(axes, energies, hulls)
    first, second = (symbols()[z] for z in hulls.system)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks(np.linspace(0, 1, 6), [first, "0.2", "0.4", "0.6", "0.8", second])
    axes.set_xlabel(f"share of {second}")
    axes.set_ylabel("formation energy (eV/atom)")
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=TEXT
    )
    points = np.column_stack([hulls.redefined.fractions[:, 1], hulls.redefined.energies])
    labels = hulls.formulas(hulls.redefined, known, generated)
    labels[:2] = ["", ""]  # the axis names the elements
    # Away from the middle, where the hull hangs down.
    outwards = np.column_stack([2 * points[:, 0] - 1, np.full(len(points), -1.0)])
    shown = known if generated is None else Entries.concatenate([known, generated])
    avoid = _line_of(hulls.redefined)
    if not image:
        drawn = shown.within(hulls.system)
        marks = [shown.shares(drawn, hulls.system)[:, 1], shown.energies[drawn]]
        avoid = np.concatenate([avoid, np.column_stack(marks)])
    write_labels(figure, axes, points, labels, outwards, avoid)
    return figure


def _line_of(hull: Hull) -> NDArray[np.float64]:
    """Returns points along the line of a hull, shape ``(n, 2)``."""
    order = np.argsort(hull.fractions[:, 1])
    x = np.linspace(0, 1, 120)
    return np.column_stack([x, np.interp(x, hull.fractions[order, 1], hull.energies[order])])


def _line(axes: Axes, hull: Hull, colour: str, style: str, label: str) -> None:
    order = np.argsort(hull.fractions[:, 1])
    axes.plot(
        hull.fractions[order, 1],
        hull.energies[order],
        style,
        color=colour,
        lw=1.3,
        label=label,
        zorder=3,
    )


def _generated(
    axes: Axes, generated: Entries, rows: NDArray[np.int64], hulls: Hulls, above: Distances
) -> None:
    """Draws generated structures; those below the hull of the known ones stand out."""
    x = generated.shares(rows, hulls.system)[:, 1]
    y = generated.energies[rows]
    under = below(above.known[rows])
    image = len(x) > MANY
    axes.scatter(
        x[~under],
        y[~under],
        s=8 if image else 20,
        facecolors="none",
        edgecolors=GREEN,
        linewidths=0.9,
        alpha=0.5 if image else 0.9,
        rasterized=image,
        label=f"generated ({generated.count(hulls.system)})",
        zorder=2,
    )
    if under.any():
        axes.scatter(
            x[under],
            y[under],
            s=34,
            color=ORANGE,
            marker="D",
            linewidths=0,
            label=f"generated below ({generated.count(hulls.system, below(above.known))})",
            zorder=5,
        )


def _limits(axes: Axes, energies: NDArray[np.float64], hulls: Hulls) -> None:
    """Shows what lies around the hull; what is far above is counted, not drawn."""
    lowest = float(hulls.redefined.energies.min())
    highest = float(energies.max(initial=0.0))
    top = min(highest, max(0.5, 1.2 * abs(lowest)))
    depth = max(top - lowest, 0.1)
    # Room below for the labels of the corners.
    axes.set_ylim(lowest - 0.15 * depth, top + 0.04 * depth)
    hidden = int((energies > axes.get_ylim()[1]).sum())
    if hidden:
        axes.annotate(
            f"↑ {hidden:,} more above",
            (0.99, 0.97),
            xycoords="axes fraction",
            ha="right",
            va="top",
            fontsize=TEXT,
            zorder=10,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )
