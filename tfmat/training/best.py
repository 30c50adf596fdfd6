"""The weights of a stage's best checkpoint, kept beside its newest ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfmat.training import checkpoints


class BestWeights:
    """Keeps the weights with the smallest held-out loss; a stage that is resumed goes on with it.

    Args:
        folder: The stage's folder; the weights lie in :data:`tfmat.training.checkpoints.BEST`.
        variables: Keras variables of the model, without the optimiser's.
        write: Write them; of several workers one does, and the others read what it wrote.
    """

    def __init__(self, folder: Path, variables: Sequence[Any], *, write: bool = True) -> None:
        self.folder = folder / checkpoints.BEST
        self._variables = list(variables)
        self._write = write
        found = checkpoints.latest(self.folder)
        self.step = found.step if found is not None else 0
        self.loss = found.state.get("loss", math.inf) if found is not None else math.inf

    def offer(self, step: int, loss: float) -> None:
        """Keeps the present weights if they are the best so far; call it before the checkpoint.

        Args:
            step: Steps done.
            loss: Held-out loss.
        """
        if loss < self.loss:
            checkpoints.save(self.folder, step, self._variables, {"loss": loss}, write=self._write)
            self.step, self.loss = step, loss

    def restore(self) -> None:
        """Gives the model the best weights, if any loss was a number."""
        found = checkpoints.latest(self.folder)
        if found is not None:
            found.restore(self._variables)
            self.step, self.loss = found.step, found.state.get("loss", math.inf)
