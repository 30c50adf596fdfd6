"""Distributions of one number over sets, as lines that lie over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfmat.figures.style import GREY, LINES, figure_of, in_style, nothing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@in_style
def outlines(
    edges: Sequence[float],
    counts: Mapping[str, Sequence[int]],
    label: str,
    known: Sequence[str] = (),
    *,
    mark: float | None = None,
) -> Figure:
    """Draws histograms as outlines, each as share of its set.

    Args:
        edges: Edges of the bins, m + 1.
        counts: By name of the set how many are in each bin, m.
        label: What is counted, with its unit.
        known: Sets that no network made; they are filled, in grey.
        mark: Where a line is drawn, as zero of an energy.

    Returns:
        A matplotlib figure without a window; sets of nothing are left out.
    """
    figure, (axes,) = figure_of(5.2, 3.2)
    axes.set(xlabel=label, ylabel="of the formulas (%)")
    shown = {name: np.asarray(found, float) for name, found in counts.items() if sum(found)}
    if not shown:
        nothing(axes, "no formulas")
        return figure
    colours = iter(LINES * (len(shown) // len(LINES) + 1))
    greys = iter((GREY, "#c4c4c4", "#5f5f5f", "#a8a8a8") * len(shown))
    for name, found in shown.items():
        share = 100 * found / found.sum()
        words = f"{name} ({int(found.sum()):,})"
        if name in known:
            axes.stairs(share, edges, fill=True, color=next(greys), alpha=0.45, label=words)
        else:
            axes.stairs(share, edges, color=next(colours), linewidth=1.4, label=words)
    inner = np.flatnonzero(np.sum(list(shown.values()), axis=0)).tolist()
    axes.set_xlim(edges[inner[0]], edges[inner[-1] + 1])
    axes.set_ylim(bottom=0)
    if mark is not None:
        axes.axvline(mark, color="0.3", linewidth=0.8, linestyle="--")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
