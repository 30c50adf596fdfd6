"""The pictures of a run folder."""

from __future__ import annotations

from pathlib import Path

from tfmat.family import Family
from tfmat.figures.learning import learning_curves
from tfmat.figures.writing import FOLDER, renew


def draw_run(family: Family, run: Path) -> None:
    """Draws the learning curves of a run and what else its family has, into ``figures`` in it.

    Args:
        family: The run's family.
        run: The run folder.
    """
    renew(
        run / FOLDER,
        lambda: {"learning": lambda _: learning_curves(run), **family.run_pictures(run)},
    )
