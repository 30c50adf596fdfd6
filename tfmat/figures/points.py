"""Points on a map, a colour for each set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.figures.style import BLUE, DATA, MANY, ORANGE, PURPLE, SKY, figure_of, in_style, nothing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = (DATA, ORANGE, BLUE, PURPLE, SKY)


@in_style
def map_of(points: Mapping[str, NDArray[np.floating]]) -> Figure:
    """Draws sets of points over each other, the largest set at the bottom.

    Args:
        points: Places by name of the set, each ``(n, 2)``; axes without a meaning of their own.

    Returns:
        A matplotlib figure without a window.
    """
    figure, (axes,) = figure_of(4.6, 4.6)
    total = sum(map(len, points.values()))
    if not total:
        nothing(axes, "no formulas")
        return figure
    colours = dict(zip(points, _COLOURS * len(points), strict=False))
    for name, places in sorted(points.items(), key=lambda entry: -len(entry[1])):
        axes.scatter(
            places[:, 0],
            places[:, 1],
            s=5 if total > MANY else 12,
            color=colours[name],
            alpha=0.6,
            linewidths=0,
            rasterized=total > MANY,
            label=f"{name} ({len(places):,})",
        )
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, markerscale=2)
    return figure
