"""Elemental densities of structures beside those of known ones (paper 002, Fig. 4B)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfmat.figures.style import DATA, GENERATED, figure_of, in_style, nothing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches for an element, and for what else there is.
_ELEMENT, _EDGE = 0.2, 1.4
_WIDTH = 0.42


@in_style
def elemental_densities(
    made: Mapping[str, float],
    known: Mapping[str, float] | None = None,
    name: str = "known",
    r: float | None = None,
) -> Figure:
    """Draws the share of structures that hold each element.

    Args:
        made: Shares by symbol, 0 to 1, in the order in which they are drawn.
        known: The same of known structures, if there are any.
        name: What these are called.
        r: Pearson's r of the two.

    Returns:
        A matplotlib figure without a window; elements that neither set has are left out.
    """
    shown = [symbol for symbol in made if made[symbol] or (known or {}).get(symbol)]
    figure, (axes,) = figure_of(max(3.6, _EDGE + _ELEMENT * len(shown)), 2.9)
    axes.set_ylabel("structures with the element (%)")
    if not shown:
        nothing(axes, "no structures")
        return figure
    sets = [("structures", made, GENERATED)]
    if known is not None:
        sets.insert(0, (name, known, DATA))
    for number, (label, shares, colour) in enumerate(sets):
        places = [place + _WIDTH * (number - (len(sets) - 1) / 2) for place in range(len(shown))]
        heights = [100 * shares.get(symbol, 0.0) for symbol in shown]
        axes.bar(places, heights, _WIDTH, color=colour, label=label)
    axes.set_xticks(range(len(shown)), shown, fontsize=6 if len(shown) > 12 else None)
    axes.set_xlim(-0.8, len(shown) - 0.2)
    axes.grid(visible=False, axis="x")
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        title=None if r is None else f"Pearson's r = {r:.3f}",
    )
    return figure
