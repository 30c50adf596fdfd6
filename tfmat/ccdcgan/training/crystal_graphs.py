"""The crystal graphs that a run has written, opened without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.paths import inside
from tfmat.reading import load_array

if TYPE_CHECKING:
    from tfmat.training.run import Run

STAGE = "graphs"


@dataclass(frozen=True)
class CrystalGraphs:
    """The crystal graphs of a run.

    Args:
        graphs: Shape ``(n, height, width, 1)``, memory-mapped.
        train: Numbers of the structures to learn from.
        test: Numbers of the structures held out.
        presence: Threshold of each element (:meth:`GraphLayout.calibrate_presence`).
        folder: Where the arrays lie.
    """

    graphs: NDArray[np.float32]
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    presence: NDArray[np.float64]
    folder: Path

    @classmethod
    def open(cls, run: Run) -> CrystalGraphs:
        """Opens the crystal graphs of a run whose ``graphs`` stage is done.

        Raises:
            InputError: A file was changed since it was written, or is damaged.
        """
        run.check_stage(STAGE)
        folder = run.stage_folder(STAGE)
        return cls(
            load_array(folder / "crystal_graphs.npy", mapped=True),
            load_array(folder / "train.npy"),
            load_array(folder / "test.npy"),
            load_array(folder / "presence.npy"),
            folder,
        )

    def property(self, name: str) -> NDArray[np.float64]:
        """Returns a property of the structures, NaN where unknown, shape ``(n,)``."""
        values: NDArray[np.float64] = load_array(
            inside(self.folder, f"property-{name}.npy", self.folder)
        )
        return values
