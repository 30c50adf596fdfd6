"""The convex hull of a ternary system in the Gibbs triangle (paper 002, Fig. 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.hull import Hull
from tfmat.evaluation.hull.entries import Entries
from tfmat.evaluation.hull.stability import Distances, Hulls, below
from tfmat.evaluation.plotting import TEXT, write_labels
from tfmat.figures.style import BLACK, GREEN, GREY, ORANGE, figure_of
from tfmat.formulas.compositions import symbols

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = float(np.sqrt(3) / 2)


class _Colours(TypedDict):
    """A scale of colours, as matplotlib's arguments."""

    cmap: str
    vmin: float
    vmax: float


def ternary(hulls: Hulls, known: Entries, generated: Entries | None, above: Distances) -> Figure:
    """Draws the triangle of a system; colour is formation energy, lines are facets of the hull.

    With generated structures two triangles stand side by side: the hull of the known ones, and
    the hull of all, with the facets that are new in orange.

    Args:
        hulls: Hulls of three elements: at the left, the right and the top.
        known: Known structures.
        generated: Generated ones.
        above: Energies above the hull of the generated structures.
    """
    figure, panels = figure_of(5.6 if generated is None else 10.6, 5.0, 1 + (generated is not None))
    colours = _colours(hulls)
    rows = known.within(hulls.system)
    left = panels[0]
    _triangle(left, hulls.system)
    _facets(left, hulls.known, _edges(hulls.known))
    places = _flat(known.shares(rows, hulls.system))
    left.scatter(
        places[:, 0],
        places[:, 1],
        s=9,
        color=GREY,
        linewidths=0,
        zorder=2,
        label=f"known ({known.count(hulls.system)})",
    )
    _corners(left, hulls.known, np.ones(len(hulls.known.rows), dtype=bool), colours)
    if generated is not None:
        left.set_title("hull of the known structures", fontsize=TEXT + 1)
        right = panels[1]
        title = "redefined hull" if hulls.changed else "nothing generated lies below it"
        right.set_title(title, fontsize=TEXT + 1)
        _triangle(right, hulls.system)
        _facets(right, hulls.redefined, _edges(hulls.known))
        kinds = np.array([hulls.corner(int(row))[0] for row in hulls.redefined.rows])
        _generated(right, hulls, generated, above, colours)
        _corners(right, hulls.redefined, kinds != "generated", colours)
    for panel in panels:
        legend = panel.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, 0.0),
            ncols=2,
            frameon=False,
            fontsize=TEXT,
            borderaxespad=0.0,
        )
        handles: list[Any] = list(legend.legend_handles)
        for handle in handles:
            # A colour of the scale would stand for one energy.
            if handle.get_array() is not None:
                handle.set_array(None)
                handle.set_facecolor("none")
    _bar(figure, panels, colours)
    sets = [(hulls.known, known), (hulls.redefined, generated)]
    for panel, (hull, entries) in zip(panels, sets, strict=False):
        others = None
        if entries is not None:
            rows = entries.within(hulls.system)
            others = np.unique(_flat(entries.shares(rows, hulls.system)), axis=0)
        labels = hulls.formulas(hull, known, generated)
        labels[:3] = ["", "", ""]  # the corners of the triangle name the elements
        points = _flat(hull.fractions)
        write_labels(figure, panel, points, labels, _outwards(points), others)
    return figure


def _generated(
    axes: Axes, hulls: Hulls, generated: Entries, above: Distances, colours: _Colours
) -> None:
    rows = generated.within(hulls.system)
    # The lowest of a composition lies on top.
    rows = rows[np.argsort(-generated.energies[rows], kind="stable")]
    places = _flat(generated.shares(rows, hulls.system))
    under = below(above.known[rows])
    for chosen, marker, size, edge, label in (
        (~under, "o", 24, GREEN, f"generated ({generated.count(hulls.system)})"),
        (
            under,
            "D",
            46,
            ORANGE,
            f"generated below ({generated.count(hulls.system, below(above.known))})",
        ),
    ):
        if chosen.any():
            axes.scatter(
                places[chosen, 0],
                places[chosen, 1],
                c=generated.energies[rows[chosen]],
                s=size,
                marker=marker,
                edgecolors=edge,
                linewidths=1.3,
                zorder=6 if marker == "D" else 4,
                label=label,
                **colours,
            )


def _colours(hulls: Hulls) -> _Colours:
    """Returns one scale for both triangles: from the lowest corner to a little above 0."""
    lowest = min(float(hulls.redefined.energies.min()), -0.05)
    return {"cmap": "viridis", "vmin": lowest, "vmax": -0.1 * lowest}


def _bar(figure: Figure, panels: list[Axes], colours: _Colours) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    mappable = ScalarMappable(Normalize(colours["vmin"], colours["vmax"]), colours["cmap"])
    bar = figure.colorbar(mappable, ax=panels, shrink=0.75, pad=0.02, extend="max")
    bar.set_label("formation energy (eV/atom)")


def _flat(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns places in the triangle: the first element left, the second right, the third up."""
    return np.column_stack([shares[:, 1] + shares[:, 2] / 2, shares[:, 2] * _HEIGHT])


def _outwards(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns for points on an edge the direction away from the triangle, else downwards."""
    x, y = points.T
    slope = np.array([_HEIGHT, -0.5])
    directions = np.tile([0.0, -1.0], (len(points), 1))
    directions[np.abs(y - 2 * _HEIGHT * x) < 1e-6] = slope * [-1, -1]
    directions[np.abs(y - 2 * _HEIGHT * (1 - x)) < 1e-6] = slope * [1, -1]
    return directions


def _triangle(axes: Axes, system: tuple[int, ...]) -> None:
    axes.fill([0, 1, 0.5], [0, 0, _HEIGHT], facecolor="none", edgecolor=BLACK, lw=1.2, zorder=3)
    for x, y, z, across, upright in (
        (-0.02, -0.02, system[0], "right", "top"),
        (1.02, -0.02, system[1], "left", "top"),
        (0.5, _HEIGHT + 0.03, system[2], "center", "bottom"),
    ):
        axes.text(x, y, symbols()[z], ha=across, va=upright, fontsize=TEXT + 3)
    # Room for labels beside the edges.
    axes.set_xlim(-0.13, 1.13)
    axes.set_ylim(-0.14, _HEIGHT + 0.1)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _edges(hull: Hull) -> set[frozenset[tuple[float, ...]]]:
    """Returns the tie lines of a hull, by the compositions at their ends."""
    points = [tuple(float(share) for share in row) for row in hull.fractions]
    return {
        frozenset((points[a], points[b]))
        for facet in hull.facets
        for a, b in ((facet[0], facet[1]), (facet[1], facet[2]), (facet[0], facet[2]))
    }


def _facets(axes: Axes, hull: Hull, known: set[frozenset[tuple[float, ...]]]) -> None:
    for edge in _edges(hull):
        new = edge not in known
        ends = _flat(np.array(sorted(edge)))
        axes.plot(*ends.T, color=ORANGE if new else GREY, lw=1.2 if new else 0.8, zorder=1)


def _corners(axes: Axes, hull: Hull, chosen: NDArray[np.bool_], colours: _Colours) -> None:
    places = _flat(hull.fractions[chosen])
    axes.scatter(
        places[:, 0],
        places[:, 1],
        c=hull.energies[chosen],
        s=52,
        marker="^",
        edgecolors=BLACK,
        linewidths=0.9,
        zorder=5,
        label="known, on the hull",
        **colours,
    )
