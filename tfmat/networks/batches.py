"""Training batches, addressed by step, with voxels drawn on the fly from crystals in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

# From row numbers to what a network is given and what it should return.
Draw = Callable[[NDArray[np.intp]], tuple[NDArray[Any], NDArray[Any]]]


@dataclass
class BatchSampler:
    """Chooses the rows of each step: epoch after epoch, each in its own random order.

    A batch may span two epochs, so that all batches are full; none depends on the ones before.

    Args:
        rows: Number of samples.
        batch_size: Samples of a batch.
        seed: Seed of the order.
        replacement: Draw each row of each batch from all, without epochs.
    """

    rows: int
    batch_size: int
    seed: int
    replacement: bool = False

    def __post_init__(self) -> None:
        self._orders: dict[int, NDArray[np.intp]] = {}

    def __call__(self, step: int) -> NDArray[np.intp]:
        """Returns the row numbers of a step, shape ``(batch_size,)``.

        Args:
            step: Number of the step, from 0.
        """
        if self.replacement:
            drawn = np.random.default_rng([self.seed, step])
            return drawn.integers(self.rows, size=self.batch_size, dtype=np.intp)
        places = step * self.batch_size + np.arange(self.batch_size)
        epochs, offsets = np.divmod(places, self.rows)
        return np.array(
            [
                self._order(epoch)[offset]
                for epoch, offset in zip(epochs.tolist(), offsets.tolist(), strict=True)
            ],
            dtype=np.intp,
        )

    def _order(self, epoch: int) -> NDArray[np.intp]:
        if epoch not in self._orders:
            # Steps are asked for in order: only the epoch before may still be needed.
            self._orders = {e: order for e, order in self._orders.items() if e == epoch - 1}
            self._orders[epoch] = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        return self._orders[epoch]


class Batches(keras.utils.PyDataset):
    """The batches of some consecutive steps.

    Args:
        draw: Makes the samples of given rows.
        sampler: Chooses the rows of a step.
        first: First step.
        steps: Number of steps.
        apart: Whether the samples of some rows do not depend on the other rows of the batch.
    """

    def __init__(
        self,
        draw: Draw,
        sampler: Callable[[int], NDArray[np.intp]],
        first: int,
        steps: int,
        *,
        apart: bool = True,
    ) -> None:
        super().__init__()
        self._apart = apart
        self._draw = draw
        self._sampler = sampler
        self._first = first
        self._steps = steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self._steps:
            raise IndexError(index)
        return self._draw(self._sampler(self._first + index))

    def part(self, index: int, number: int, parts: int) -> tuple[Any, Any]:
        """Returns one of the equal parts of a batch; if it can be, nothing else is made.

        Args:
            index: Number of the batch.
            number: Number of the part, from 0.
            parts: How many there are; the batch is a multiple of it.
        """
        if self._apart:
            rows = self._sampler(self._first + index)
            size = len(rows) // parts
            return self._draw(rows[number * size : (number + 1) * size])
        inputs, targets = self[index]
        size = len(inputs) // parts
        chosen = slice(number * size, (number + 1) * size)
        return inputs[chosen], targets[chosen]


def spread(rows: NDArray[Any], count: int) -> NDArray[Any]:
    """Returns up to ``count`` rows of an array, spread evenly over all of them.

    Args:
        rows: Any array, e.g. the numbers of held-out samples.
        count: Most rows; all where there are fewer.
    """
    count = min(count, len(rows))
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.intp)]
