"""Elemental densities of structures beside those of known ones (paper 002, Fig. 4B)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfmat.figures.style import DATA, GENERATED, empty_figure, in_style, nothing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches for an element, for what else a row has beside and above its bars.
_ELEMENT, _EDGE, _ROW = 0.21, 1.0, 1.75
# Elements in a row; more are wrapped, so that a page can hold them.
_WRAP = 30
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
    count = max(1, -(-len(shown) // _WRAP))
    columns = -(-len(shown) // count)
    figure = empty_figure(max(3.6, _EDGE + _ELEMENT * columns), 1.15 + _ROW * count)
    rows = list(figure.subplots(count, 1, squeeze=False, sharey=True)[:, 0])
    figure.supylabel("structures with the element (%)", fontsize="medium")
    if not shown:
        nothing(rows[0], "no structures")
        return figure
    sets = [("structures", made, GENERATED)]
    if known is not None:
        sets.insert(0, (name, known, DATA))
    for row, axes in enumerate(rows):
        part = shown[row * columns : (row + 1) * columns]
        for number, (label, shares, colour) in enumerate(sets):
            shift = _WIDTH * (number - (len(sets) - 1) / 2)
            heights = [100 * shares.get(symbol, 0.0) for symbol in part]
            axes.bar(
                [place + shift for place in range(len(part))],
                heights,
                _WIDTH,
                color=colour,
                label=label,
            )
        axes.set_xticks(range(len(part)), part)
        # As wide in the last row as in the others, so that bars are.
        axes.set_xlim(-0.8, columns - 0.2)
        axes.grid(visible=False, axis="x")
    rows[0].legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        title=None if r is None else f"Pearson's r = {r:.3f}",
    )
    return figure
