"""The noise of each sample, from seed and index alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Samples that share a stream of random numbers. A stream for every sample would cost more than
# the numbers themselves.
BLOCK = 4096


def draw(seed: int, first: int, count: int, length: int, stream: int = 0) -> NDArray[np.float32]:
    """Draws standard normal noise, each row the same whichever rows are drawn with it.

    Args:
        seed: Seed, 0 to 2⁶⁴ - 1.
        first: Index of the first sample, below 2⁶³.
        count: Number of samples.
        length: Numbers for each sample.
        stream: 0, or 1 for samples that have nothing to do with those.

    Returns:
        The noise, shape ``(count, length)``.
    """
    rows = np.empty((count, length), np.float32)
    done = 0
    while done < count:
        block, skipped = divmod(first + done, BLOCK)
        key = np.array([seed, block | stream << 63], np.uint64)
        random = np.random.Generator(np.random.Philox(key=key))
        size = min(count - done, BLOCK - skipped)
        if skipped:
            drawn = random.standard_normal((skipped + size, length), np.float32)
            rows[done : done + size] = drawn[skipped:]
        else:
            random.standard_normal(dtype=np.float32, out=rows[done : done + size])
        done += size
    return rows
