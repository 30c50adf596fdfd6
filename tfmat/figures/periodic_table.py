"""The periodic table as a map of colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmat.formulas.compositions import symbols

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

# Last elements of the periods, and rows of the two series below the table.
_NOBLE = (2, 10, 18, 36, 54, 86, 118)
_LANTHANUM, _ACTINIUM, _SERIES = 57, 89, 15
_COLUMNS, _BELOW = 18, 7.35
HEIGHT, WIDTH = _BELOW + 2, float(_COLUMNS)
"""Of the table, in cells."""


def place(number: int) -> tuple[float, float]:
    """Returns column and row of an element, from 0, in the long-known form with 18 columns.

    Args:
        number: Atomic number; lanthanides and actinides stand below the table.
    """
    for row, first in enumerate((_LANTHANUM, _ACTINIUM)):
        if first <= number < first + _SERIES:
            return number - first + 2.0, _BELOW + row
    period = sum(number > last for last in _NOBLE)
    start = _NOBLE[period - 1] if period else 0
    behind = _NOBLE[period] - number
    before = number - start - 1
    # The left block has two columns, the right one the rest; a period fills both from its ends.
    left = before < (1 if period == 0 else 2)
    return float(before if left else _COLUMNS - 1 - behind), float(period)


def draw_table(
    axes: Axes, values: Mapping[int, float], colours: ScalarMappable, texts: Mapping[int, str]
) -> None:
    """Colours the cells of elements.

    Args:
        axes: The panel.
        values: By atomic number; an element without a value has an empty cell.
        colours: From values to colours.
        texts: A few characters below a symbol, by atomic number.
    """
    from matplotlib.patches import Rectangle

    for number in range(1, _NOBLE[-1] + 1):
        column, row = place(number)
        known = number in values
        fill: Any = colours.to_rgba(np.array(values[number])) if known else "white"
        axes.add_patch(
            Rectangle((column, row), 0.94, 0.94, facecolor=fill, edgecolor="#c8c8c8", linewidth=0.5)
        )
        # White on dark cells, by the luminance of the colour.
        dark = known and 0.299 * fill[0] + 0.587 * fill[1] + 0.114 * fill[2] < 0.55
        ink = "white" if dark else "black" if known else "#a0a0a0"
        small = texts.get(number, "")
        lines = [(0.36 if small else 0.47, symbols()[number], 7.5), (0.73, small, 4.5)]
        for below, words, size in lines[: 2 if small else 1]:
            text = axes.text(
                column + 0.47, row + below, words, ha="center", va="center", color=ink, size=size
            )
            text.set_in_layout(False)  # it lies in its cell, and measuring takes long
    axes.set_xlim(-0.05, WIDTH)
    axes.set_ylim(HEIGHT, -0.05)
    axes.set_aspect("equal")
    axes.set_axis_off()
