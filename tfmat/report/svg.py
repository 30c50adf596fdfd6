"""Small charts as inline SVG: they take the colours of the page, and the width that there is.

Colours are classes of the page's style sheet, so that a chart is right in light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = Sequence[float] | NDArray[np.float64]
"""Numbers of one axis, shape ``(n,)``."""

WIDTH, HEIGHT = 400, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 16, 24, 40
# Width of a letter of the axes' names, about.
_LETTER = 6


class Plot:
    """Axes to draw on.

    Args:
        x: Ends of the horizontal axis.
        y: Ends of the vertical axis.
        label: What the picture shows, for those who do not see it.
        x_label: What the horizontal axis is, with its unit.
        y_label: The same of the vertical one.
        x_names: Names at 0, 1, ... in place of numbers.
        logarithmic: The vertical axis is.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        label: str,
        x_label: str = "",
        y_label: str = "",
        *,
        x_names: Sequence[str] | None = None,
        logarithmic: bool = False,
    ) -> None:
        self._logarithmic = logarithmic
        self._x, self._y = _wide(x), _wide((self._height(y[0]), self._height(y[1])))
        self._label = label
        self._parts: list[str] = []
        self._keys: list[str] = []
        self._axes(x_label, y_label, x_names)

    def _height(self, value: float) -> float:
        return math.log10(value) if self._logarithmic else value

    def across(self, value: float) -> float:
        """Returns where a value lies from left to right."""
        low, high = self._x
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)

    def down(self, value: float) -> float:
        """Returns where a value lies from top to bottom."""
        low, high = self._y
        return (
            HEIGHT
            - _BOTTOM
            - (HEIGHT - _TOP - _BOTTOM) * (self._height(value) - low) / (high - low)
        )

    def _axes(self, x_label: str, y_label: str, x_names: Sequence[str] | None) -> None:
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        for value in _ticks(*self._y):
            place = (
                HEIGHT
                - _BOTTOM
                - (HEIGHT - _TOP - _BOTTOM) * (value - self._y[0]) / (self._y[1] - self._y[0])
            )
            self._parts.append(f'<path class="grid" d="M{_LEFT} {place:.1f}H{right}"/>')
            text = _text(10**value if self._logarithmic else value)
            self.text(_LEFT - 5, place + 4, text, anchor="end")
        if x_names is None:
            for value in _ticks(*self._x):
                self.text(self.across(value), bottom + 15, _text(value))
        else:
            step = max(1, -(-len(x_names) // 14))
            room = step * (WIDTH - _LEFT - _RIGHT) / max(len(x_names), 1)
            # Names wider than their place stand in two rows.
            lower = 10 if _LETTER * max(map(len, x_names), default=0) > room else 0
            for at, (place, name) in enumerate(list(enumerate(x_names))[::step]):
                below = 12 + lower * (at % 2) if lower else 15
                self.text(self.across(place), bottom + below, name)
        self._parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>')
        self.text((_LEFT + right) / 2, HEIGHT - 6, x_label)
        middle = (_TOP + bottom) / 2
        if y_label:
            self._parts.append(
                f'<text x="11" y="{middle:.0f}" text-anchor="middle" '
                f'transform="rotate(-90 11 {middle:.0f})">{escape(y_label)}</text>'
            )

    def text(self, x: float, y: float, words: str, *, anchor: str = "middle") -> None:
        """Writes a few words at a place of the picture, not of the axes."""
        if words:
            self._parts.append(
                f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
            )

    def line(self, x: Numbers, y: Numbers, colour: str, key: str = "") -> None:
        """Draws a line through points.

        Args:
            x: Their places.
            y: Their values.
            colour: Class of the colour.
            key: What it is, for the legend.
        """
        points = [f"{self.across(a):.1f} {self.down(b):.1f}" for a, b in zip(x, y, strict=True)]
        if len(points) == 1:
            points *= 2
        if points:
            self._parts.append(f'<path class="line {colour}" d="M{"L".join(points)}"/>')
        self.key(colour, key)

    def level(self, value: float, words: str) -> None:
        """Marks a value of the horizontal axis."""
        place = self.across(value)
        self._parts.append(f'<path class="mark" d="M{place:.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        self.text(place + 4, _TOP + 11, words, anchor="start")

    def steps(
        self, edges: NDArray[np.float64], shares: NDArray[np.float64], colour: str, key: str = "",
        *, filled: bool = False,
    ) -> None:  # fmt: skip
        """Draws a histogram.

        Args:
            edges: Of the bins, shape ``(n + 1,)``.
            shares: Heights, shape ``(n,)``.
            colour: Class of the colour.
            key: What it is, for the legend.
            filled: As an area, not as a line.
        """
        base = self.down(0)
        path = [f"M{self.across(edges[0]):.1f} {base:.1f}"]
        for end, share in zip(edges[1:], shares, strict=True):
            path.append(f"V{self.down(share):.1f}H{self.across(end):.1f}")
        path.append(f"V{base:.1f}" + ("Z" if filled else ""))
        kind = "area" if filled else "line"
        self._parts.append(f'<path class="{kind} {colour}" d="{"".join(path)}"/>')
        self.key(colour, key)

    def bar(self, place: float, value: float, colour: str, width: float = 0.8) -> None:
        """Draws a bar from 0 to a value around a place of the horizontal axis."""
        left, right = self.across(place - width / 2), self.across(place + width / 2)
        top = self.down(value)
        self._parts.append(
            f'<rect class="area {colour}" x="{left:.1f}" y="{top:.1f}" '
            f'width="{right - left:.1f}" height="{max(self.down(0) - top, 0):.1f}"/>'
        )

    def points(
        self, x: Numbers, y: Numbers, colour: str, key: str = "",
        *, names: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        """Draws points.

        Args:
            x: Their places.
            y: Their values.
            colour: Class of the colour.
            key: What they are, for the legend.
            names: Candidates that they stand for: each may be chosen. Without, they are one path.
        """
        pairs = [(self.across(a), self.down(b)) for a, b in zip(x, y, strict=True)]
        self._parts.append(dots(pairs, colour, names))
        self.key(colour, key)

    def key(self, colour: str, words: str) -> None:
        """Adds to the legend."""
        if words:
            self._keys.append(f'<span class="key {colour}">{escape(words)}</span>')

    def svg(self) -> str:
        """Returns legend and picture."""
        return framed(self._label, "".join(self._parts), self._keys)


def framed(label: str, parts: str, keys: Sequence[str], height: int = HEIGHT) -> str:
    """Returns a picture of parts, below its legend.

    Args:
        label: What it shows, for those who do not see it.
        parts: Elements of SVG.
        keys: Of the legend, as HTML.
        height: Of the picture.
    """
    legend = f'<p class="legend">{" ".join(keys)}</p>' if keys else ""
    return (
        f'{legend}<svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(label)}">{parts}</svg>'
    )


def dots(
    places: Sequence[tuple[float, float]], colour: str, names: Sequence[str] | None = None
) -> str:
    """Returns points as SVG: each by itself where it has a name, else as one path.

    Args:
        places: From left to right and from top to bottom.
        colour: Class of the colour.
        names: Candidates that they stand for.
    """
    if names is None:
        path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)
        return f'<path class="dots {colour}" d="{path}"/>' if path else ""
    return "".join(
        f'<circle class="pick {colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.2" '
        f'data-id="{escape(name)}"><title>{escape(name)}</title></circle>'
        for (x, y), name in zip(places, names, strict=True)
    )


def _wide(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    if high - low > 1e-12 * max(abs(low), abs(high), 1e-300):
        return low, high
    room = 0.05 * abs(low) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    found = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    room = 1e-9 * (high - low)
    return [float(value) + 0.0 for value in found if low - room <= value <= high + room]


def _text(value: float) -> str:
    if value and (abs(value) >= 1e5 or abs(value) < 1e-3):
        mantissa, _, power = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(power)}"
    return f"{round(value, 6):,.6g}".replace("-", "−")
