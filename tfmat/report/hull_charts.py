"""Convex hulls on a page: formation energy against composition, and the Gibbs triangle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import symbols
from tfmat.formulas.formula_text import parse_formula
from tfmat.report.charts import BELOW, DATA, HULL, MADE
from tfmat.report.columns import number
from tfmat.report.contents import Chart
from tfmat.report.svg import WIDTH, Plot, dots, framed

# Of more known structures the lowest at each composition.
_MOST = 3000
# Generated structures that can be chosen in one picture.
_CHOSEN = 1500
# What lies so far below the hull of the known ones counts as below, eV/atom (rounding).
_ROUNDING = 1e-6
_HIGH, _SIDE = 330, 280


def hull_chart(system: Mapping[str, Any], rows: Sequence[Mapping[str, str]]) -> Chart | None:
    """Draws a system of two or three elements.

    Args:
        system: Of the summary's ``hulls``: ``system``, ``known_hull``, and ``redefined_hull``
            where there is one.
        rows: Of ``hull.csv`` that lie in it.

    Returns:
        The chart; ``None`` for systems of one or of more than three elements.
    """
    elements = str(system["system"]).split("-")
    if len(elements) == 2:
        return _binary(elements, system, rows)
    return _ternary(elements, rows) if len(elements) == 3 else None


def _binary(
    elements: Sequence[str], system: Mapping[str, Any], rows: Sequence[Mapping[str, str]]
) -> Chart:
    known = _points([row for row in rows if row["set"] == "known"], elements)
    made = [row for row in rows if row["set"] == "generated"]
    new = _points(made, elements)
    lowest = min([0.0, *known[:, -1], *new[:, -1]])
    energies = np.concatenate([known[:, -1], new[:, -1], [0.0]])
    # Around the hull; what is far above is counted.
    top = min(float(energies.max()), max(0.5, 1.2 * abs(lowest)))
    depth = max(top - lowest, 0.1)
    title = f"Hull of {'-'.join(elements)}"
    plot = Plot(
        (-0.02, 1.02),
        (lowest - 0.06 * depth, top + 0.03 * depth),
        title,
        f"share of {elements[1]}",
        "formation energy (eV/atom)",
    )
    seen = known[known[:, -1] <= top]
    plot.points(*_thinned(seen[:, 1], seen[:, -1]), DATA, f"known ({len(known):,})")
    for name, colour, words in (
        ("known_hull", HULL, "hull of the known"),
        ("redefined_hull", BELOW, "redefined hull"),
    ):
        corners = system.get(name)
        if corners:
            x, y = _corners(corners, elements)
            plot.line(x, y, colour, words)
    shown = np.flatnonzero(new[:, -1] <= top)
    _generated(plot, made, new, shown)
    hidden = int((energies > top).sum())
    caption = "Every generated point may be chosen." if made else ""
    if hidden:
        caption += f" {hidden:,} structures lie above the picture."
    return Chart(title, plot.svg(), caption.strip())


def _generated(
    plot: Plot, made: Sequence[Mapping[str, str]], new: NDArray[np.float64], shown: NDArray[np.intp]
) -> None:
    under = _under(made)
    for part, colour, words in (
        (shown[~under[shown]], MADE, "generated"),
        (shown[under[shown]], BELOW, "generated below the hull"),
    ):
        if len(part):
            names = [made[row]["id"] for row in part] if len(part) <= _CHOSEN else None
            key = f"{words} ({int((under == (colour == BELOW)).sum()):,})"
            plot.points(new[part, 1], new[part, -1], colour, key, names=names)


def _ternary(elements: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Chart:
    """Draws where the structures of three elements lie; the lowest of a place is on top."""
    # Corners: the first at the left, the second at the right, the third above.
    left, top = (WIDTH - _SIDE) / 2, 40.0
    height = _SIDE * 3**0.5 / 2
    corners = np.array([[left, top + height], [left + _SIDE, top + height], [WIDTH / 2, top]])

    def places(part: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        return np.asarray(_points(part, elements)[:, :3] @ corners)

    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners) + "Z"
    parts = [f'<path class="axis" d="{path}"/>']
    for (x, y), name, down in zip(corners, elements, (18, 18, -8), strict=True):
        parts.append(
            f'<text x="{x:.1f}" y="{y + down:.1f}" text-anchor="middle">{escape(name)}</text>'
        )
    known = [row for row in rows if row["set"] == "known"]
    made = [row for row in rows if row["set"] == "generated"]
    under = _under(made)
    keys = []
    for part, colour, words in (
        (known, DATA, "known"),
        ([row for row, low in zip(made, under, strict=True) if not low], MADE, "generated"),
        (
            [row for row, low in zip(made, under, strict=True) if low],
            BELOW,
            "generated below the hull",
        ),
    ):
        if part:
            chosen = colour != DATA and len(part) <= _CHOSEN
            # The lowest last, so that it can be touched.
            part = sorted(part, key=lambda row: -(number(row["e_above_known_hull"]) or 0.0))
            names = [row["id"] for row in part] if chosen else None
            points = [(float(x), float(y)) for x, y in places(part)]
            parts.append(dots(points if chosen else sorted(set(points)), colour, names))
            keys.append(f'<span class="key {colour}">{words} ({len(part):,})</span>')
    title = f"Compositions in {'-'.join(elements)}"
    caption = "Where several lie on one place, the one nearest to the hull is on top."
    return Chart(title, framed(title, "".join(parts), keys, _HIGH), caption)


def _under(rows: Sequence[Mapping[str, str]]) -> NDArray[np.bool_]:
    above = [number(row["e_above_known_hull"]) for row in rows]
    return np.array([value is not None and value < -_ROUNDING for value in above], dtype=bool)


def _points(rows: Sequence[Mapping[str, str]], elements: Sequence[str]) -> NDArray[np.float64]:
    """Returns shares of the elements and the formation energy, shape ``(n, elements + 1)``."""
    found = np.zeros((len(rows), len(elements) + 1))
    for place, row in enumerate(rows):
        shares = dict(part.split(":") for part in row["fractions"].split(";"))
        found[place, :-1] = [float(shares.get(symbol, 0)) for symbol in elements]
        found[place, -1] = number(row["formation_energy_per_atom"]) or 0.0
    return found


def _corners(corners: Sequence[Mapping[str, Any]], elements: Sequence[str]) -> Any:
    points = []
    for corner in corners:
        amounts = parse_formula(str(corner["formula"]))
        share = amounts.get(symbols().index(elements[1]), 0) / sum(amounts.values())
        points.append((share, float(corner["formation_energy"])))
    return tuple(zip(*sorted(points), strict=True))


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the points that are drawn: all, or as many of the lowest at each place."""
    order = np.lexsort((y, x))
    first = np.flatnonzero(np.diff(x[order], prepend=-np.inf))
    # How many at the same place are lower.
    ranks = np.arange(len(x)) - np.repeat(first, np.diff(first, append=len(x)))
    rows = order[np.argsort(ranks, kind="stable")[:_MOST]]
    return x[rows], y[rows]
