"""What ``tfmat evaluate`` counts: structures that come back, and those that are distinct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmat.figures.style import BLUE, GREEN, GREY, LINES, QUIET, figure_of, in_style, nothing
from tfmat.metric import read_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@in_style
def reconstruction(counts: Mapping[int, tuple[int, int]]) -> Figure:
    """Draws which part of structures comes back, by their number of atoms.

    Args:
        counts: For each number of atoms the structures that came back, and all.

    Returns:
        A matplotlib figure without a window; the number above a bar is that of all structures.
    """
    figure, (axes,) = figure_of(6.4, 2.8)
    axes.set_xlabel("atoms per cell")
    axes.set_ylabel("reproduced (%)")
    sizes = sorted(size for size, (_, total) in counts.items() if total)
    if not sizes:
        nothing(axes, "no structures")
        return figure
    back = np.array([counts[size][0] for size in sizes])
    total = np.array([counts[size][1] for size in sizes])
    places = np.arange(len(sizes))
    axes.bar(places, 100 * back / total, 0.75, color=BLUE)
    for place, number in zip(places.tolist(), total.tolist(), strict=True):
        axes.text(place, 102, f"{number:,}", ha="center", va="bottom", fontsize=6, color=QUIET)
    axes.set_xticks(places, [str(size) for size in sizes])
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 112)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_title(f"{int(back.sum()):,} of {int(total.sum()):,} structures reproduced", loc="left")
    return figure


def reconstruction_of(summary: Mapping[str, Any]) -> Figure:
    """Draws the summary of ``tfmat evaluate reconstruction``; see :func:`reconstruction`.

    Args:
        summary: The summary.
    """
    every = [one for one in read_metrics(summary) if one.name == "reproduced"]
    sizes = [one for one in every if "atoms" in one.subset]
    return reconstruction(
        {
            int(one.subset["atoms"]): (int(one.numerator or 0), int(one.denominator or 0))
            for one in sizes
        }
    )


@in_style
def distinct_structures(
    distinct: Sequence[bool] | NDArray[np.bool_], novel: Sequence[bool] | NDArray[np.bool_] | None
) -> Figure:
    """Draws how many structures are distinct after more and more of them.

    Args:
        distinct: Of each judged structure, in the order of generating, whether it is no copy of an
            earlier one.
        novel: Whether it is in no known set; ``None`` where nothing is known.

    Returns:
        A matplotlib figure without a window.
    """
    figure, (axes,) = figure_of(4.2, 3.1)
    axes.set_xlabel("structures judged")
    axes.set_ylabel("of them")
    first = np.asarray(distinct, dtype=bool)
    if not len(first):
        nothing(axes, "no structures")
        return figure
    judged = np.arange(len(first) + 1)
    axes.plot(judged, judged, color=GREY, linewidth=0.9, linestyle="--", label="all")
    curves = [("distinct", first, BLUE)]
    if novel is not None:
        curves.append(("distinct and novel", first & np.asarray(novel, dtype=bool), GREEN))
    for words, chosen, colour in curves:
        counts = np.concatenate([[0], np.cumsum(chosen)])
        label = f"{words}: {counts[-1]:,} ({100 * counts[-1] / len(first):.1f}%)"
        axes.plot(judged, counts, color=colour, label=label)
    axes.set(xlim=(0, len(first)), ylim=(0, None))
    axes.legend(loc="upper left")
    return figure


@in_style
def uniqueness(curves: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Draws the share of distinct formulas after more and more samples.

    Args:
        curves: For each set of formulas numbers of samples with the share of distinct ones among
            them, 0 to 1.

    Returns:
        A matplotlib figure without a window.
    """
    figure, (axes,) = figure_of(4.6, 3.1)
    axes.set_xlabel("samples")
    axes.set_ylabel("distinct (%)")
    known = {name: sorted(points) for name, points in curves.items() if points}
    if not known:
        nothing(axes, "no formulas")
        return figure
    for number, (name, points) in enumerate(known.items()):
        samples, shares = np.array(points, dtype=np.float64).T
        colour = LINES[number % len(LINES)]
        axes.plot(samples, 100 * shares, color=colour, marker="o", markersize=3, label=name)
    axes.set_xscale("log")
    numbers = [samples for points in known.values() for samples, _ in points]
    axes.set_xlim(min(numbers) / 2, max(numbers) * 2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter("")
    axes.set_ylim(0, 103)
    axes.legend(loc="lower left")
    return figure


def uniqueness_of(summary: Mapping[str, Any]) -> Figure:
    """Draws the summary of ``tfmat evaluate compositions``; see :func:`uniqueness`.

    Args:
        summary: The summary.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    for metric in read_metrics(summary):
        if metric.name == "uniqueness" and metric.value is not None:
            points = curves.setdefault(str(metric.subset["set"]), [])
            points.append((int(metric.denominator or 0), metric.value))
    return uniqueness(curves)
