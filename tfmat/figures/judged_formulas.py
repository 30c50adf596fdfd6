"""Formulas judged, set beside set: validity and recovery (paper 000, Figs. 4a and 5b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfmat.figures.style import (
    BLUE,
    GREEN,
    GREY,
    LINES,
    QUIET,
    SMALL,
    figure_of,
    in_style,
    nothing,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Room of all bars of a group, of 1 between two groups.
_GROUP = 0.8


@in_style
def validity(shares: Mapping[str, tuple[float, float]], known: Sequence[str] = ()) -> Figure:
    """Draws how many formulas of each set are valid.

    Args:
        shares: For each set the share of charge-neutral samples, and of those that are balanced,
            too, 0 to 1.
        known: Names of the sets that no network made; they are grey.

    Returns:
        A matplotlib figure without a window.
    """
    figure, (axes,) = figure_of(max(4.0, 1.2 + 1.05 * len(shares)), 3.1)
    axes.set_ylabel("of the samples (%)")
    if not shares:
        nothing(axes, "no formulas")
        return figure
    for number, words in enumerate(("charge-neutral", "and balanced")):
        for place, (name, values) in enumerate(shares.items()):
            colours = (GREY, "#c4c4c4") if name in known else (BLUE, GREEN)
            x = place + _GROUP / 2 * (number - 0.5)
            axes.bar(x, 100 * values[number], _GROUP / 2, color=colours[number])
            _say(axes, x, 100 * values[number])
        # One that is out of sight, for the legend.
        axes.bar(-9, 0, color=(BLUE, GREEN)[number], label=words)
    axes.set_xticks(range(len(shares)), [name.replace(" ", "\n") for name in shares])
    axes.set(xlim=(-0.6, len(shares) - 0.4), ylim=(0, 108))
    axes.grid(visible=False, axis="x")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


@in_style
def recovery(panels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Draws which part of known formulas was generated, or is new, by number of elements.

    Args:
        panels: For each panel, by its title, for each set the share, 0 to 1, by number of elements.

    Returns:
        A matplotlib figure without a window.
    """
    figure, axes = figure_of(max(4.0, 4.2 * len(panels)), 3.1, max(1, len(panels)))
    if not panels:
        nothing(axes[0], "no known formulas to find again")
        return figure
    for panel, (title, sets) in zip(axes, panels.items(), strict=True):
        panel.set_title(title, loc="left")
        panel.set(xlabel="elements", ylabel="%", ylim=(0, 108))
        sizes = sorted({size for found in sets.values() for size in found}, key=int)
        width = _GROUP / max(1, len(sets))
        for number, (name, found) in enumerate(sets.items()):
            x = np.arange(len(sizes)) + width * (number - (len(sets) - 1) / 2)
            heights = [100 * found.get(size, 0.0) for size in sizes]
            panel.bar(x, heights, width, color=LINES[number % len(LINES)], label=name)
            if len(sets) * len(sizes) <= 12:
                for place, height in zip(x.tolist(), heights, strict=True):
                    _say(panel, place, height)
        panel.set_xticks(range(len(sizes)), sizes)
        panel.grid(visible=False, axis="x")
        panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    return figure


def _say(axes: Axes, place: float, height: float) -> None:
    axes.text(
        place,
        height + 1,
        f"{height:.1f}",
        ha="center",
        va="bottom",
        fontsize=SMALL - 2,
        color=QUIET,
    )
