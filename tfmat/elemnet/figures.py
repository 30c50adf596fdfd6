"""The picture of a run: predicted against true energies of the formulas that were held out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfmat.csv_tables import read_table
from tfmat.elemnet.parts import ENERGY, NETWORK, TEST
from tfmat.figures.prediction import predicted_against_true
from tfmat.figures.writing import Pictures
from tfmat.training.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run_pictures(run: Path) -> Pictures:
    """Returns the picture of a run whose training is done.

    Args:
        run: The run folder.
    """
    return {NETWORK: lambda _: _energies(run)} if Run.open(run).finished(NETWORK) else {}


def _energies(run: Path) -> Figure:
    _, rows = read_table(Run.open(run).stage_folder(NETWORK) / TEST)
    pairs = np.array([(float(row["true"]), float(row["predicted"])) for row in rows])
    return predicted_against_true(
        pairs[:, 0], pairs[:, 1], ENERGY, "eV/atom", what="held-out formulas"
    )
