"""How a training went: the curves of a run's log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmat.figures.style import LINES, grid_of, in_style, nothing
from tfmat.training.log import read_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What a line of the log says beside the values.
_NOT_DRAWN = ("stage", "step", "time", "steps_per_second")
# A loss that falls by this factor is drawn on a logarithmic axis.
_LOGARITHMIC = 20.0
# Fewer points than this are marked.
_FEW = 25


@dataclass(frozen=True)
class Panel:
    """Values that belong into one panel.

    Args:
        title: What they are.
        names: Of the values in the log, each with its words.
        unit: Of the axis.
        share: Whether they are shares, 0 to 1.
    """

    title: str
    names: Mapping[str, str]
    unit: str = ""
    share: bool = False


# Of all families; a value that is in none of these has a panel of its own.
PANELS = (
    Panel("loss", {"loss": "training", "test_loss": "held out"}),
    Panel(
        "discriminator",
        {"discriminator_real_loss": "loss, real", "discriminator_fake_loss": "loss, generated"},
    ),
    Panel(
        "generator",
        {"generator_loss": "loss, all terms", "generator_adversarial_loss": "adversarial"},
    ),
    Panel(
        "critic",
        {"critic_loss": "loss", "wasserstein": "Wasserstein distance", "generator_score": "score"},
    ),
    Panel(
        "formulas of the generator",
        {
            "sample_accepted": "2 to 8 elements",
            "sample_unique": "distinct",
            "sample_neutral": "charge-neutral",
            "sample_balanced": "balanced, too",
        },
        share=True,
    ),
    Panel("held out: MAE", {"test_mae": ""}, "mean absolute error"),
    Panel("held out: R²", {"test_r2": ""}),
    Panel(
        "held out: found",
        {
            "lattice_decoded": "cells decoded",
            "atom_recall": "atoms found",
            "atom_precision": "of those found, true",
        },
        share=True,
    ),
    Panel("held out: atoms", {"atom_rms": ""}, "rms distance (Å)"),
    Panel("held out: lengths", {"lattice_length_error": ""}, "mean relative error"),
    Panel("held out: angles", {"lattice_angle_error": ""}, "mean error (°)"),
    Panel(
        "predicted formation energy",
        {
            "predicted_formation_energy_per_atom": "training batch",
            "sample_formation_energy_per_atom": "sample",
        },
        "eV/atom",
    ),
)


@in_style
def learning_curves(run: str | Path | Sequence[Mapping[str, Any]]) -> Figure:
    """Draws what a run's log says of every stage, step by step.

    Losses that fall by more than a factor of 20 are on a logarithmic axis.

    Args:
        run: A run folder, or lines of its log as :func:`tfmat.training.log.read_log` gives them.

    Returns:
        A matplotlib figure without a window, a panel for each kind of value of each stage.

    Raises:
        OSError: The folder has no readable log.
    """
    lines = read_log(Path(run) / "log.jsonl") if isinstance(run, str | Path) else run
    panels = [
        (stage, panel, rows) for stage, rows in by_stage(lines).items() for panel in panels_of(rows)
    ]
    figure, axes = grid_of(max(len(panels), 1), 3, 3.0, 2.2)
    if not panels:
        nothing(axes[0], "the log is empty")
    for place, (stage, panel, rows) in zip(axes, panels, strict=False):
        _draw(place, stage, panel, rows)
    return figure


def by_stage(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Returns the lines of each stage, by step.

    Args:
        lines: Of a run's log.
    """
    stages: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        stages.setdefault(str(line["stage"]), []).append(line)
    return {stage: sorted(rows, key=lambda row: row["step"]) for stage, rows in stages.items()}


def panels_of(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """Returns the panels for which there are numbers, ours first.

    Args:
        rows: Lines of one stage.
    """
    there = dict.fromkeys(
        name for row in rows for name in row if name not in _NOT_DRAWN and is_number(row[name])
    )
    known = [panel for panel in PANELS if any(name in there for name in panel.names)]
    drawn = {name for panel in known for name in panel.names}
    others = [Panel(name.replace("_", " "), {name: ""}) for name in there if name not in drawn]
    return known + others


def _draw(axes: Axes, stage: str, panel: Panel, rows: Sequence[Mapping[str, Any]]) -> None:
    lowest, highest = np.inf, -np.inf
    found = [
        (words, points)
        for name, words in panel.names.items()
        if (points := [(row["step"], row[name]) for row in rows if is_number(row.get(name))])
    ]
    for (words, points), colour in zip(found, LINES, strict=False):
        steps, values = np.array(points, dtype=np.float64).T
        marker = "o" if len(points) < _FEW else ""
        axes.plot(steps, values, color=colour, marker=marker, markersize=2.5, label=words)
        lowest, highest = min(lowest, values.min()), max(highest, values.max())
    title = found[0][0] if len(found) == 1 and found[0][0] else panel.title
    axes.set_title(f"{stage} · {panel.title if title == 'training' else title}", loc="left")
    axes.set_xlabel("steps")
    axes.set_ylabel(panel.unit)
    axes.set_xlim(0, 1.03 * max(row["step"] for row in rows) or 1)
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if panel.share:
        axes.set_ylim(-0.03, 1.03)
    elif is_logarithmic(panel, lowest, highest):
        axes.set_yscale("log")
    if len(found) > 1:
        axes.legend(loc="best")


def is_logarithmic(panel: Panel, lowest: float, highest: float) -> bool:
    """Tells whether the values of a panel are drawn on a logarithmic axis.

    Args:
        panel: The panel.
        lowest: Lowest value.
        highest: Highest value.
    """
    return "loss" in panel.title and lowest > 0 and highest / lowest > _LOGARITHMIC


def is_number(value: object) -> bool:
    """Tells whether a value of a log's line is drawn.

    Args:
        value: Any value.
    """
    return isinstance(value, int | float) and not isinstance(value, bool)
