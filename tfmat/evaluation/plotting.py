"""Labels that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmat.figures.style import QUIET, formula_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT = 9
"""Size of small text, points."""
# A label stands at one of these distances from its point, in points, in one of so many directions.
_DISTANCES, _DIRECTIONS = (12, 17, 23, 30, 40, 52), 16
# Half of a marker, and the distance from which on a label needs a line to its point, in points.
_MARKER, _FAR = 4, 28
# Between two labels, in points: subscripts would touch the next name.
_BETWEEN = 3
# How much less welcome a place is by its angle to the wanted direction, in points.
_TURN = 20.0


def write_labels(
    figure: Figure,
    axes: Axes,
    points: NDArray[np.float64],
    labels: Sequence[str],
    outwards: NDArray[np.float64],
    avoid: NDArray[np.float64] | None = None,
) -> None:
    """Writes labels beside points so that they cover neither each other nor the points.

    They keep off other texts of the axes, too. One that finds no room near its point gets a line to
    it, which crosses no label, and one that finds none at all is left out; how many are is said in
    the lower left corner.

    Args:
        figure: The figure, with everything else drawn in it.
        axes: Axes of the points.
        points: Shape ``(n, 2)``.
        labels: One for each point; ``""`` for none.
        outwards: Direction in which each label should stand if it can, shape ``(n, 2)``.
        avoid: Further points not to cover, shape ``(m, 2)``.
    """
    from matplotlib.path import Path
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    if figure.get_layout_engine() is not None:
        # The layout decides where everything lies: from now on it stays so, or labels that found
        # room would meet when the figure is saved. A legend below the axes takes a second round.
        figure.draw_without_rendering()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    figure.draw_without_rendering()
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    scale = figure.dpi / 72
    reach = _MARKER * scale
    spots = [
        Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)
        for x, y in axes.transData.transform(points if avoid is None else [*points, *avoid])
    ]
    frame = axes.get_window_extent(renderer)
    note = axes.annotate(
        "99 more names find no room",
        (0.01, 0.01),
        xycoords="axes fraction",
        fontsize=TEXT - 1,
        color=QUIET,
    )
    boxes: list[Bbox] = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    if (legend := axes.get_legend()) is not None:
        boxes.append(legend.get_window_extent(renderer))
    lines: list[Path] = []
    left_out = 0
    for index in np.lexsort((points[:, 0], points[:, 1])):
        if not labels[index]:
            continue
        text = axes.annotate(
            formula_label(labels[index]),
            points[index],
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=TEXT,
            zorder=10,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
        places = _places(outwards[index], text.get_window_extent(renderer), scale)
        point = axes.transData.transform(points[index])
        for place in places:
            text.set_position(place)
            box = text.get_window_extent(renderer)
            inside = frame.x0 < box.x0 and box.x1 < frame.x1 and frame.y0 < box.y0
            free = not any(box.overlaps(other) for other in (*boxes, *spots))
            line = Path([point, point + scale * np.array(place)])
            far = np.hypot(*place) > _FAR
            crossed = any(other.intersects_bbox(box) for other in lines)
            crosses = far and any(line.intersects_bbox(other) for other in boxes)
            if inside and free and not crossed and not crosses:
                break
        else:
            text.remove()
            left_out += 1
            continue
        boxes.append(text.get_window_extent(renderer).padded(_BETWEEN * scale))
        if far:
            lines.append(line)
            axes.annotate(
                "",
                points[index],
                xytext=text.get_position(),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "linestyle": ":", "lw": 0.9, "shrinkA": 6},
                zorder=9,
            )

    if left_out:
        note.set_text(f"{left_out} more names find no room")
    else:
        note.remove()


def _places(outwards: NDArray[np.float64], box: Any, scale: float) -> list[tuple[float, float]]:
    """Returns offsets of a label's centre in points, the most welcome first."""
    wanted = np.arctan2(outwards[1], outwards[0])
    places = []
    for angle in wanted + np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS:
        turn = abs((angle - wanted + np.pi) % (2 * np.pi) - np.pi)
        direction = np.array([np.cos(angle), np.sin(angle)])
        # Wide texts stand further to the side than above or below.
        half = abs(direction[0]) * (box.width / scale - box.height / scale) / 2
        for distance in _DISTANCES:
            offset = direction * (distance + max(half, 0.0))
            places.append((distance + _TURN * turn, (float(offset[0]), float(offset[1]))))
    return [place for _, place in sorted(places)]
