"""Generated against known in one panel: histograms, and bars of counts and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.figures.style import DATA, GENERATED, finite, note, nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 32
# What lies so many interquartile ranges outside of the middle half is counted, not shown.
_FAR = 4.0
# How wide two bars of one place are together.
_WIDTH = 0.8


def compare(
    axes: Axes, generated: object, known: object | None, label: str, *, lowest: float | None = None
) -> None:
    """Draws the histograms of two sets of numbers as shares of each.

    Args:
        axes: The panel.
        generated: Numbers of what was generated; those that are not finite are left out.
        known: Those of the data; ``None`` for none.
        label: What the numbers are, with their unit.
        lowest: Where the axis begins, unless the numbers say otherwise.
    """
    made, data = finite(generated), finite([] if known is None else known)
    axes.set_xlabel(label)
    if not len(made) + len(data):
        nothing(axes, "nothing to show")
        return
    low, high = _limits([values for values in (made, data) if len(values)])
    if lowest is not None:
        low = min(low, lowest)
    edges = np.linspace(low, high, _BINS + 1)
    if len(data):
        axes.stairs(_shares(data, edges), edges, fill=True, color=DATA, alpha=0.55)
    if len(made):
        axes.stairs(_shares(made, edges), edges, color=GENERATED, linewidth=1.6)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share (%)")
    beyond = [
        f"{count:,} {name} {side}"
        for name, values in (("generated", made), ("known", data))
        for count, side in (
            (int((values < low).sum()), "below"),
            (int((values > high).sum()), "above"),
        )
        if count
    ]
    if beyond:
        note(axes, "not shown: " + ",\n".join(beyond))


def bars(
    axes: Axes,
    names: Sequence[str],
    shares: Sequence[NDArray[np.float64] | None],
    label: str,
) -> None:
    """Draws shares of named places, two bars beside each other.

    Args:
        axes: The panel.
        names: Of the places.
        shares: Which part of what was generated, and of the data, lies at each place, 0 to 1;
            ``None`` for none.
        label: What the places are.
    """
    axes.set_xlabel(label)
    generated, known = shares
    if not names or (generated is None and known is None):
        nothing(axes, "nothing to show")
        return
    places = np.arange(len(names))
    sets = [(known, DATA, 0.75), (generated, GENERATED, 1.0)]
    drawn = [(values, colour, alpha) for values, colour, alpha in sets if values is not None]
    width = _WIDTH / len(drawn)
    for number, (values, colour, alpha) in enumerate(drawn):
        shift = (number - (len(drawn) - 1) / 2) * width
        axes.bar(places + shift, 100 * values, width, color=colour, alpha=alpha)
    axes.set_xticks(places, names)
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel("share (%)")


def counts(
    axes: Axes, generated: NDArray[np.integer], known: NDArray[np.integer] | None, label: str
) -> None:
    """Draws how often each whole number comes, as shares.

    Args:
        axes: The panel.
        generated: Whole numbers from 0 on, one of each that was generated.
        known: Those of the data.
        label: What is counted.
    """
    both = [values for values in (generated, known) if values is not None and len(values)]
    if not both:
        bars(axes, [], [None, None], label)
        return
    low = min(int(values.min()) for values in both)
    high = max(int(values.max()) for values in both)
    shares = [
        None
        if values is None or not len(values)
        else np.bincount(values - low, minlength=high - low + 1) / len(values)
        for values in (generated, known)
    ]
    names = [str(number) for number in range(low, high + 1)]
    bars(axes, names, shares, label)
    # No more names than fit.
    step = -(-len(names) // 12)
    axes.set_xticks(np.arange(len(names))[::step], names[::step])


def key(axes: Axes, generated: str, known: str | None) -> None:
    """Says which colour is which, above a panel.

    Args:
        axes: The panel.
        generated: What was generated.
        known: What it is compared with.
    """
    from matplotlib.patches import Patch

    handles = [Patch(color=GENERATED, label=generated)]
    if known is not None:
        handles.append(Patch(color=DATA, alpha=0.65, label=known))
    figure = axes.figure
    figure.legend(handles=handles, loc="outside upper left", ncols=2)


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns percentages of all values, those beyond the edges among them."""
    return np.asarray(100 * np.histogram(values, edges)[0] / len(values))


def _limits(sets: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Returns the ends of the axis: all that lies near the middle half of a set."""
    lows, highs = [], []
    for values in sets:
        first, third = np.percentile(values, [25, 75])
        span = _FAR * max(third - first, 0.01 * abs(third), 1e-3)
        lows.append(values[values >= first - span].min())
        highs.append(values[values <= third + span].max())
    low, high = float(min(lows)), float(max(highs))
    room = 0.04 * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - room, high + room
