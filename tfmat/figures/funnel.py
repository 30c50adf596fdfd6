"""How many structures of a campaign are left after each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tfmat.figures.style import BLUE, figure_of, in_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A reason of more letters is cut.
_LONGEST = 48


@in_style
def funnel(steps: Sequence[tuple[str, int, Mapping[str, int]]]) -> Figure:
    """Draws a bar for each step of a campaign, with the most frequent reason of what it lost.

    Args:
        steps: Name of each step, how many it left, and how many it lost by reason; at least one.

    Returns:
        A matplotlib figure without a window.
    """
    figure, (axes,) = figure_of(7.2, 0.6 + 0.32 * len(steps))
    places = range(len(steps))
    counts = [left for _, left, _ in steps]
    axes.barh(places, counts, 0.7, color=BLUE)
    most = max([*counts, 1])
    for place, (_, left, lost) in zip(places, steps, strict=True):
        words = f"{left:,}"
        if lost:
            reason, count = max(lost.items(), key=lambda pair: pair[1])
            short = reason if len(reason) <= _LONGEST else reason[: _LONGEST - 1] + "\u2026"
            words += f"   \u2212{count:,}: {short}" + (", ..." if len(lost) > 1 else "")
        axes.text(left + 0.01 * most, place, words, va="center", fontsize=6, color="#333333")
    axes.set_yticks(places, [name for name, _, _ in steps])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.9 * most)
    axes.set_xlabel("structures")
    return figure
