"""Charts of a page: what was made (green) before what was known (grey)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tfmat.figures.style import finite
from tfmat.report.contents import Chart
from tfmat.report.svg import Numbers, Plot

MADE, DATA, BELOW, HULL = "made", "data", "below", "ink"
"""Classes of colours: what was generated, what was known, what stands out, a hull."""
_BINS = 32
# What lies so many interquartile ranges outside of the middle half is counted, not shown.
_FAR = 4.0
# Parts of a chart that a person can still tell apart.
_MOST_BARS = 14


def histogram(
    title: str,
    values: object,
    x_label: str,
    data: object | None = None,
    *,
    names: tuple[str, str] = ("generated", "data"),
    mark: tuple[float, str] | None = None,
) -> Chart | None:
    """Draws how numbers are distributed, as shares of each set.

    Args:
        title: What they are.
        values: Numbers of what was made; those that are not finite are left out.
        x_label: The same for the axis, with the unit.
        data: Numbers of what was known.
        names: Of the two sets.
        mark: A value to mark, and its words.

    Returns:
        The chart; ``None`` where there is no number.
    """
    made, known = finite(values), finite([] if data is None else data)
    if not len(made):
        return None
    sets = [one for one in (made, known) if len(one)]
    low, high = _limits(sets)
    if mark is not None:
        low, high = min(low, mark[0]), max(high, mark[0])
    edges = np.linspace(low, high, _BINS + 1)
    shares = [100 * np.histogram(one, edges)[0] / len(one) for one in sets]
    top = max(float(share.max()) for share in shares)
    plot = Plot((low, high), (0, top * 1.05 or 1), title, x_label, "share (%)")
    if len(known):
        plot.steps(edges, shares[1], DATA, f"{names[1]} ({len(known):,})", filled=True)
    plot.steps(edges, shares[0], MADE, f"{names[0]} ({len(made):,})")
    if mark is not None:
        plot.level(*mark)
    beyond = [
        f"{int(((one < low) | (one > high)).sum()):,} of {name}"
        for one, name in zip(sets, names, strict=False)
        if ((one < low) | (one > high)).any()
    ]
    text = f"Median {_short(np.median(made), high - low)}"
    text += f"; {names[1]} {_short(np.median(known), high - low)}." if len(known) else "."
    if beyond:
        text += f" Farther out and not shown: {', '.join(beyond)}."
    return Chart(title, plot.svg(), text)


def bars(
    title: str,
    shares: Mapping[str, float],
    x_label: str,
    data: Mapping[str, float] | None = None,
    *,
    caption: str = "",
    names: tuple[str, str] = ("generated", "data"),
) -> Chart | None:
    """Draws shares of named places.

    Args:
        title: What they are.
        shares: Of what was made, by name, 0 to 1.
        x_label: What the names are.
        data: Of what was known, by the same names.
        caption: How to read it.
        names: Of the two sets.

    Returns:
        The chart; ``None`` where there is nothing.
    """
    places = list(dict.fromkeys([*shares, *(data or {})]))
    if not places or not any(shares.values()):
        return None
    top = 100 * max([*shares.values(), *(data or {}).values()])
    plot = Plot(
        (-0.6, len(places) - 0.4), (0, top * 1.05), title, x_label, "share (%)", x_names=places
    )
    width = 0.4 if data else 0.8
    for place, name in enumerate(places):
        if data:
            plot.bar(place - 0.2, 100 * data.get(name, 0), DATA, width)
        plot.bar(place + (0.2 if data else 0), 100 * shares.get(name, 0), MADE, width)
    if data:
        plot.key(MADE, names[0])
        plot.key(DATA, names[1])
    return Chart(title, plot.svg(), caption)


def counted(
    title: str,
    values: Sequence[int],
    x_label: str,
    data: Sequence[int] | None = None,
    names: tuple[str, str] = ("generated", "data"),
) -> Chart | None:
    """Draws how often each whole number comes, as shares.

    Args:
        title: What is counted.
        values: One number of each that was made.
        x_label: The same for the axis.
        data: Those of what was known.
        names: Of the two sets.
    """
    if not len(values):
        return None
    known = [] if data is None else data
    low = min([*map(int, values), *map(int, known)])
    high = max([*map(int, values), *map(int, known)])
    step = max(1, -(-(high - low + 1) // 40))

    def shares(numbers: Sequence[int]) -> dict[str, float]:
        places = (np.asarray(numbers, dtype=np.int64) - low) // step
        found = np.bincount(places, minlength=(high - low) // step + 1) / max(len(numbers), 1)
        return {_place(low + step * at, step): float(part) for at, part in enumerate(found)}

    return bars(title, shares(values), x_label, shares(known) if len(known) else None, names=names)


def most_frequent(title: str, values: Sequence[str], x_label: str, noun: str) -> Chart | None:
    """Draws which names come most often.

    Args:
        title: What they are.
        values: A name of each that was made.
        x_label: The same for the axis.
        noun: What has the names, in the plural.
    """
    names, counts = np.unique(np.array([*values], dtype=str), return_counts=True)
    order = np.lexsort((names, -counts))[:_MOST_BARS]
    shares = {str(names[at]): counts[at] / len(values) for at in order}
    left = len(names) - len(order)
    caption = f"Of {len(values):,} {noun}."
    if left > 0:
        caption += f" {left:,} more that are less frequent are not shown."
    return bars(title, shares, x_label, caption=caption)


def curves(
    title: str,
    lines: Mapping[str, tuple[Numbers, Numbers]],
    x_label: str,
    y_label: str = "",
    *,
    share: bool = False,
    logarithmic: bool = False,
) -> Chart:
    """Draws lines.

    Args:
        title: What they are.
        lines: Places and values by name.
        x_label: What the places are.
        y_label: Unit of the values.
        share: They are shares, 0 to 1.
        logarithmic: The vertical axis is.
    """
    xs = np.concatenate([np.asarray(x, dtype=np.float64) for x, _ in lines.values()])
    ys = np.concatenate([np.asarray(y, dtype=np.float64) for _, y in lines.values()])
    low, high = float(ys.min()), float(ys.max())
    room = 0 if logarithmic else 0.04 * (high - low)
    ends = (0.0, 1.0) if share else (low - room, high + room)
    plot = Plot((0, float(xs.max())), ends, title, x_label, y_label, logarithmic=logarithmic)
    for number, (name, (x, y)) in enumerate(lines.items()):
        plot.line(*_thinned(x, y), f"line{number % 6}", name if len(lines) > 1 else "")
    return Chart(title, plot.svg())


# Points that a line of this width can show.
_POINTS = 600


def _thinned(x: Numbers, y: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    step = max(1, -(-len(x) // _POINTS))
    places, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    rows = np.unique(np.append(np.arange(0, len(places), step), len(places) - 1))
    return places[rows], values[rows]


def _place(low: int, step: int) -> str:
    return str(low) if step == 1 else f"{low}–{low + step - 1}"


def _short(value: float, span: float) -> str:
    """Returns three figures; 0 for what cannot be told from it on an axis of that length."""
    return "0" if abs(value) < 1e-3 * span else f"{value:.3g}".replace("-", "−")


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
