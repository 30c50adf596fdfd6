"""Crystals side by side: shaded balls, bonds and cells, without any viewer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.arguments import whole
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.structures import crystals_of
from tfmat.crystals.writing import reduced_formula
from tfmat.errors import InputError
from tfmat.figures.projection import Scene, scene_of
from tfmat.figures.style import empty_figure, formula_label, in_style
from tfmat.formulas.compositions import symbols

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pymatgen.core import Structure

# Points (1/72 inch): a crystal's place, the room of its name below it, between places, and below
# all for what the colours mean.
_WIDE, _HIGH, _NAME, _GAP, _LEGEND = 126.0, 132.0, 20.0, 10.0, 26.0
# No crystal is drawn larger than so many times the middle one would be.
_LARGEST = 1.15
# Half of a stick's width, in Å.
_STICK = 0.11
# Rings of a ball: from the rim to the light its radius shrinks and its colour brightens.
_RINGS = 12
# More elements than this are not explained by a row of balls.
_EXPLAINED = 14
# Kinds of what is drawn.
_EDGE, _BOND, _BALL = 0, 1, 2
# How far the farthest atom fades into the paper.
_FOG = 0.35


@dataclass
class _Layer:
    """What lies at one depth of all crystals, in the order of drawing: edges, sticks, discs."""

    edges: list[NDArray[np.float64]] = field(default_factory=list)
    lines: list[NDArray[np.float64]] = field(default_factory=list)
    line_colours: list[NDArray[np.float64]] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    discs: list[NDArray[np.float64]] = field(default_factory=list)
    colours: list[NDArray[np.float64]] = field(default_factory=list)

    def line(self, ends: NDArray[np.float64], colour: NDArray[np.float64], width: float) -> None:
        """Adds a line in points; ``width`` likewise."""
        self.lines.append(ends)
        self.line_colours.append(colour)
        self.widths.append(width)

    def ball(self, centre: NDArray[np.float64], radius: float, colour: NDArray[np.float64]) -> None:
        """Adds a shaded ball; centre and radius in points."""
        for ring in range(_RINGS):
            share = ring / (_RINGS - 1)
            # The light comes from the upper left.
            shift = radius * 0.34 * share * np.array([-1.0, 1.0])
            size = radius * (1.0 - 0.86 * share)
            self.discs.append(np.array([*(centre + shift), size]))
            self.colours.append(_shaded(colour, share))


@in_style
def crystals(
    structures: Iterable[Structure | Crystal],
    columns: int = 4,
    *,
    labels: Sequence[str] | None = None,
) -> Figure:
    """Draws crystals side by side, each in its cell, all from the same side.

    a points towards the eye, a and b lie flat, c points up. Balls have 0.42 covalent radii
    (Cordero et al., Dalton Trans. 2832 (2008)) and Jmol's colours; what is nearer than 1.2 sums of
    covalent radii is joined, but no alkali or alkaline-earth metal to a metal where non-metals are.
    Atoms on a face of the cell are shown on the opposite one, too. Crystals of much different size
    are not on one scale.

    Args:
        structures: pymatgen structures, a dataset, or crystals.
        columns: Crystals in a row.
        labels: A text below each; the reduced formula by default.

    Returns:
        A matplotlib figure without a window.

    Raises:
        InputError: One of them is no ordered structure, or the labels are too few or too many.
    """
    whole("columns", columns, 1)
    shown = crystals_of(structures, "structures")
    names = [reduced_formula(one) for one in shown] if labels is None else list(labels)
    if len(names) != len(shown):
        raise InputError(f"labels: {len(names)} for {len(shown)} structures; give one for each")
    columns = max(1, min(columns, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    kinds = np.unique(np.concatenate([one.numbers for one in shown])) if shown else np.array([])
    legend = _LEGEND if 0 < len(kinds) <= _EXPLAINED else 0.0
    width = columns * (_WIDE + _GAP) + _GAP
    height = rows * (_HIGH + _NAME + _GAP) + legend
    figure = empty_figure(width / 72, height / 72, layout=None)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    if not shown:
        axes.text(width / 2, height / 2, "no structures", ha="center", va="center")
        return figure
    scenes = [scene_of(one) for one in shown]
    layers: list[_Layer] = []
    for place, (scene, scale) in enumerate(zip(scenes, _scales(scenes), strict=True)):
        row, column = divmod(place, columns)
        x = _GAP + column * (_WIDE + _GAP) + _WIDE / 2
        top = height - row * (_HIGH + _NAME + _GAP) - _GAP / 2
        _add(layers, scene, scale, np.array([x, top - _HIGH / 2]))
        axes.text(x, top - _HIGH - _NAME / 2, formula_label(names[place]), ha="center", va="center")
    if legend:
        _explain(axes, layers, kinds, width, legend)
    for place, layer in enumerate(layers):
        _draw(axes, layer, place)
    return figure


def _scales(scenes: Sequence[Scene]) -> NDArray[np.float64]:
    """Returns points for an Å, of each crystal."""
    sizes = np.array([scene.box[1] - scene.box[0] for scene in scenes])
    fits: NDArray[np.float64] = (np.array([_WIDE, _HIGH]) / sizes).min(axis=1)
    return np.asarray(np.minimum(fits, _LARGEST * float(np.median(fits))))


def _add(layers: list[_Layer], scene: Scene, scale: float, middle: NDArray[np.float64]) -> None:
    """Puts a crystal into the layers, what is farthest into the first."""
    colours = _colours(scene)
    centre = scene.box.mean(axis=0)

    def flat(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((points[..., :2] - centre) * scale + middle)

    # Depth, and the number of an atom, or what to draw as lines.
    balls = [(float(z), number) for number, z in enumerate(scene.centres[:, 2])]
    sticks: list[tuple[float, list[tuple[NDArray[np.float64], NDArray[np.float64], float]]]] = []
    for far, near in scene.bonds.tolist():
        start, end = scene.centres[far], scene.centres[near]
        along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
        # From the surface of the farther ball; the nearer one hides its own end.
        start = start + along * 0.95 * scene.radii[far]
        half = (start + end) / 2
        for ends, number, depth in (
            (np.stack([start, half]), far, float(scene.centres[far, 2]) + 1e-6),
            (np.stack([half, end]), near, float(half[2])),
        ):
            width = 2 * _STICK * scale
            lines = [
                (flat(ends), colours[number] * 0.45, width),
                (flat(ends), colours[number] * 0.9, width * 0.68),
            ]
            sticks.append((depth, lines))
    order = sorted(
        [(depth, _BALL, place) for place, (depth, _) in enumerate(balls)]
        + [(depth, _BOND, place) for place, (depth, _) in enumerate(sticks)]
        + [(float(edge[:, 2].mean()), _EDGE, place) for place, edge in enumerate(scene.edges)]
    )
    current, last = 0, _EDGE
    for _, kind, place in order:
        # Lines lie below the discs of their layer.
        current += last == _BALL and kind != _BALL
        last = kind
        while len(layers) <= current:
            layers.append(_Layer())
        if kind == _EDGE:
            layers[current].edges.append(flat(scene.edges[place]))
        elif kind == _BALL:
            number = balls[place][1]
            layers[current].ball(
                flat(scene.centres[number]), scene.radii[number] * scale, colours[number]
            )
        else:
            for line in sticks[place][1]:
                layers[current].line(*line)


def _colours(scene: Scene) -> NDArray[np.float64]:
    """Returns the colour of each atom; those at the back fade."""
    depths = scene.centres[:, 2]
    span = max(float(np.ptp(depths)), 1e-9)
    fog = (_FOG * (depths.max() - depths) / span if len(depths) > 1 else depths * 0)[:, None]
    return np.asarray(_element_colours(scene.numbers) * (1 - fog) + fog)


def _element_colours(numbers: NDArray[np.integer]) -> NDArray[np.float64]:
    from ase.data.colors import jmol_colors

    return np.asarray(jmol_colors[numbers], dtype=np.float64)


def _shaded(colour: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Returns a ball's colour from its dark rim (0) to its light (1)."""
    body = colour * (0.62 + 0.38 * min(share / 0.55, 1.0))
    light = max(0.0, (share - 0.45) / 0.55)
    return np.asarray(body + (1 - body) * 0.8 * light**1.5)


def _explain(
    axes: Axes, layers: list[_Layer], kinds: NDArray[np.integer], width: float, height: float
) -> None:
    """Writes below the crystals which colour is which element."""
    step = 34.0
    x = width / 2 - step * (len(kinds) - 1) / 2 - 6
    for number, colour in zip(kinds.tolist(), _element_colours(kinds), strict=True):
        layers[0].ball(np.array([x, height / 2]), 6.0, colour)
        axes.text(x + 10, height / 2, symbols()[number], ha="left", va="center_baseline")
        x += step


def _draw(axes: Axes, layer: _Layer, place: int) -> None:
    from matplotlib.collections import LineCollection

    if layer.edges:
        # One path for all: a gap after each part.
        parts = np.insert(np.array(layer.edges), 2, np.nan, axis=1).reshape(-1, 2)
        axes.plot(*parts.T, color="0.45", linewidth=0.8, solid_capstyle="round", zorder=3 * place)
    if layer.lines:
        axes.add_collection(
            LineCollection(
                layer.lines,
                colors=layer.line_colours,
                linewidths=layer.widths,
                capstyle="butt",
                zorder=3 * place + 1,
            ),
            autolim=False,
        )
    if layer.discs:
        discs = np.array(layer.discs)
        # The size of a disc is the square of its diameter, in points.
        axes.scatter(
            discs[:, 0],
            discs[:, 1],
            s=(2 * discs[:, 2]) ** 2,
            c=np.clip(layer.colours, 0, 1),
            linewidths=0,
            zorder=3 * place + 2,
        )
