"""Generated formulas: how many elements they have, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.figures.histograms import bars, key
from tfmat.figures.periodic_table import HEIGHT, WIDTH, draw_table
from tfmat.figures.style import empty_figure, in_style
from tfmat.formulas.compositions import Compositions
from tfmat.formulas.statistics import element_frequencies, size_histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

# Ratios to the data beyond this factor have the colour of this one.
_FACTOR = 4.0


@in_style
def element_map(
    formulas: Compositions,
    data: Compositions | None = None,
    *,
    times: NDArray[np.integer] | None = None,
    name: str = "data",
) -> Figure:
    """Draws the numbers of elements of formulas, and a periodic table of which are in them.

    With data a second table shows how many times as often as there an element comes.

    Args:
        formulas: Generated formulas.
        data: Those that the model learned from, or any others.
        times: How often each was generated, shape ``(n,)``; once by default.
        name: What to call the data.

    Returns:
        A matplotlib figure without a window.
    """
    known = data if data is not None and len(data) else None
    panels = 1 if known is None else 2
    high = 5.6 * HEIGHT / WIDTH + 0.75
    figure = empty_figure(7.4, 1.9 + panels * high)
    rows = figure.add_gridspec(1 + panels, 1, height_ratios=[1.9, *[high] * panels])
    samples = len(formulas) if times is None else int(times.sum())
    first = figure.add_subplot(rows[0])
    key(
        first,
        f"generated ({samples:,})",
        None if known is None else f"{name} ({len(known):,})",
    )
    _sizes(first, formulas, times, known)
    made = element_frequencies(formulas, times)
    held = None if known is None else element_frequencies(known)
    _frequencies(figure, rows[1], made)
    if held is not None:
        _ratios(figure, rows[2], made, held, name)
    return figure


def _sizes(
    axes: Axes,
    formulas: Compositions,
    times: NDArray[np.integer] | None,
    known: Compositions | None,
) -> None:
    made = size_histogram(formulas, times)
    held = None if known is None else size_histogram(known)
    last = max(len(made), 0 if held is None else len(held))
    shares = [
        None if one is None or not one.sum() else np.pad(one, (0, last - len(one)))[1:]
        for one in (made, held)
    ]
    names = [str(number) for number in range(1, last)]
    bars(axes, names, shares, "elements in a formula")


def _frequencies(figure: Figure, place: SubplotSpec, made: NDArray[np.float64]) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import PowerNorm

    axes = figure.add_subplot(place)
    values = {number: 100 * float(made[number]) for number in np.flatnonzero(made).tolist()}
    # The root tells rare elements apart, too.
    top = max(values.values(), default=1.0)
    colours = ScalarMappable(PowerNorm(0.5, 0.0, top), "viridis_r")
    texts = {number: f"{value:.1f}" for number, value in values.items()}
    draw_table(axes, values, colours, texts)
    axes.set_title("generated formulas with each element (%)", loc="left")
    bar = figure.colorbar(colours, ax=axes, shrink=0.8, pad=0.01)
    bar.set_label("%")


def _ratios(
    figure: Figure,
    place: SubplotSpec,
    made: NDArray[np.float64],
    held: NDArray[np.float64],
    name: str,
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    axes = figure.add_subplot(place)
    ratios = {
        number: float(made[number] / held[number]) for number in np.flatnonzero(held).tolist()
    }
    values = {
        number: float(np.clip(ratio, 1 / _FACTOR, _FACTOR)) for number, ratio in ratios.items()
    }
    colours = ScalarMappable(LogNorm(1 / _FACTOR, _FACTOR), "RdBu_r")
    texts = {number: f"{ratio:.2g}" for number, ratio in ratios.items()}
    draw_table(axes, values, colours, texts)
    axes.set_title(f"how many times as often as in {name}", loc="left")
    bar = figure.colorbar(colours, ax=axes, shrink=0.8, pad=0.01, ticks=[0.25, 0.5, 1, 2, 4])
    bar.ax.minorticks_off()
    bar.ax.set_yticklabels(["≤ ¼", "½", "1", "2", "≥ 4"])
