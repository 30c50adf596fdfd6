"""Distributions of one number over sets, as lines that lie over each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfmat.figures.style import DATA, LINES, QUIET, figure_of, in_style, nothing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@in_style
def outlines(
    edges: Sequence[float],
    counts: Mapping[str, Sequence[int]],
    label: str,
    filled: str = "",
    known: Sequence[str] = (),
    *,
    mark: float | None = None,
) -> Figure:
    """Draws histograms as outlines, each as share of its set.

    Args:
        edges: Edges of the bins, m + 1.
        counts: By name of the set how many are in each bin, m.
        label: What is counted, with its unit.
        filled: The set that the others are compared with; it is a grey area.
        known: Further sets that no network made; they are thin grey lines, each dashed otherwise.
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
    colours = itertools.cycle(LINES)
    dashes = itertools.cycle(("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2))))
    for name, found in shown.items():
        share = 100 * found / found.sum()
        words = f"{name} ({int(found.sum()):,})"
        if name == filled:
            axes.stairs(share, edges, fill=True, color=DATA, alpha=0.4, label=words)
        elif name in known:
            axes.stairs(share, edges, color=QUIET, linewidth=0.9, ls=next(dashes), label=words)
        else:
            axes.stairs(share, edges, color=next(colours), linewidth=1.6, label=words, zorder=4)
    inner = np.flatnonzero(np.sum(list(shown.values()), axis=0)).tolist()
    axes.set_xlim(edges[inner[0]], edges[inner[-1] + 1])
    axes.set_ylim(bottom=0)
    if mark is not None:
        axes.axvline(mark, color="0.3", linewidth=0.8, linestyle="--")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
