"""The structures that were written last, in variables that a checkpoint holds."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray


class Pool:
    """A ring of environments with a number for each; new ones take the place of the oldest.

    Args:
        size: Most structures in it.
        most_atoms: Rows of a structure.
        width: Numbers for each atom.
    """

    def __init__(self, size: int, most_atoms: int, width: int) -> None:
        self._size = size
        self._rows = keras.Variable(
            np.zeros((size, most_atoms, width), np.float32), trainable=False
        )
        self._values = keras.Variable(np.zeros(size, np.float32), trainable=False)
        self._added = keras.Variable(np.zeros((), np.int64), trainable=False, dtype="int64")

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold."""
        return [self._rows, self._values, self._added]

    def __len__(self) -> int:
        return min(int(self._added.numpy()), self._size)

    @property
    def rows(self) -> NDArray[np.float32]:
        """The environments, shape ``(n, most_atoms, width)``."""
        return np.asarray(self._rows.numpy()[: len(self)])

    @property
    def values(self) -> NDArray[np.float32]:
        """The number of each, shape ``(n,)``."""
        return np.asarray(self._values.numpy()[: len(self)])

    def add(self, rows: NDArray[np.float32], values: NDArray[np.float64] | None = None) -> None:
        """Adds structures.

        Args:
            rows: Their environments, shape ``(n, most_atoms, width)``.
            values: A number for each, shape ``(n,)``; zeros by default.
        """
        rows = rows[-self._size :]
        numbers = np.zeros(len(rows)) if values is None else values[-self._size :]
        added = int(self._added.numpy())
        places = (added + np.arange(len(rows))) % self._size
        for variable, new in ((self._rows, rows), (self._values, numbers)):
            held = variable.numpy().copy()
            held[places] = new
            variable.assign(held)
        self._added.assign(added + len(rows))
