"""How tfmat's pictures look, and how they become files: the same data give the same bytes."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

# A palette that the colour-blind can tell apart (Okabe and Ito, Color Universal Design, 2008).
GREY, BLACK, GREEN, ORANGE = "#8c8c8c", "#000000", "#009e73", "#d55e00"
BLUE, SKY, PURPLE, YELLOW = "#0072b2", "#56b4e9", "#cc79a7", "#e69f00"
QUIET = "#595959"
"""Text that stands back, still 7 times as dark as white (WCAG 2.2)."""
LINES = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY, BLACK)
"""Colours of lines in one panel, in this order."""
DATA, GENERATED = GREY, GREEN
"""Known structures or formulas, and generated ones, in every picture."""
SMALL = 8
"""Size of small text, points."""
DOTS = 160
"""Dots per inch of a PNG file."""
MANY = 2000
"""More points than this become an image in an SVG file, too."""
ENDINGS = ("png", "svg")
_STYLE = {
    "font.family": "sans-serif",
    # The first comes with matplotlib; a browser that lacks it takes the next.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Text stays text; names of parts do not change from run to run.
    "svg.fonttype": "none",
    "svg.hashsalt": "tfmat",
}


@contextmanager
def styled() -> Iterator[None]:
    """Sets the style for a while, whatever the user's own settings of matplotlib are."""
    from matplotlib import rc_context, rcParamsDefault

    settings: dict[Any, Any] = dict(rcParamsDefault) | _STYLE
    # Backends belong to the session.
    with rc_context({name: value for name, value in settings.items() if "backend" not in name}):
        yield


def in_style(draw: Callable[P, R]) -> Callable[P, R]:
    """Makes a function draw in the style.

    Args:
        draw: A function that makes a figure.
    """

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with styled():
            return draw(*args, **kwargs)

    return wrapped


def figure_of(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Returns a figure that needs no window, and its axes side by side.

    Args:
        width: Inches.
        height: Inches.
        panels: Number of axes.
    """
    figure = empty_figure(width, height)
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def grid_of(panels: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Returns a figure of panels in rows, and its axes, row by row.

    Args:
        panels: Number of axes.
        columns: Of them in a row, at most.
        width: Of a panel, in inches.
        height: Of a panel, in inches.
    """
    columns = max(1, min(columns, panels))
    rows = -(-panels // columns)
    figure = empty_figure(width * columns, height * rows)
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(panels)]
    return figure, axes


def empty_figure(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """Returns a figure without axes that needs no window.

    Args:
        width: Inches.
        height: Inches.
        layout: How axes find their place: ``constrained``, or ``None`` where they have theirs.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS, layout=layout)  # type: ignore[arg-type]
    FigureCanvasAgg(figure)
    return figure


def formula_label(formula: str) -> str:
    """Writes the numbers of a formula as subscripts.

    Args:
        formula: A formula such as ``Bi2Se3``.
    """
    return re.sub(r"(\d+)", r"$_{\1}$", formula)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes a figure as PNG and SVG, without dates, versions or random names in them.

    Args:
        figure: The figure.
        folder: Folder to write into.
        name: Name of the files, without ending.

    Returns:
        The files.
    """
    # Of what says when and with what a file was made nothing is written.
    unsaid: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
    }
    files = []
    with styled():
        # Once for both files.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for ending in ENDINGS:
            file = folder / f"{name}.{ending}"
            figure.savefig(file, metadata=unsaid[ending])
            files.append(file)
    return files


def note(axes: Axes, text: str, *, right: bool = True, top: bool = True) -> None:
    """Writes a few words into a corner of a panel.

    Args:
        axes: The panel.
        text: The words.
        right: At the right, not at the left.
        top: At the top, not at the bottom.
    """
    axes.annotate(
        text,
        (0.98 if right else 0.02, 0.98 if top else 0.02),
        xycoords="axes fraction",
        ha="right" if right else "left",
        va="top" if top else "bottom",
        fontsize=SMALL,
        zorder=10,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )


def nothing(axes: Axes, reason: str) -> None:
    """Says in an empty panel why it is empty.

    Args:
        axes: The panel.
        reason: The words.
    """
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", color=QUIET)


def finite(values: object) -> NDArray[np.float64]:
    """Returns those of some numbers that are finite, shape ``(n,)``.

    Args:
        values: Numbers; NaN and ``None`` stand for what is not known.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    return array[np.isfinite(array)]
