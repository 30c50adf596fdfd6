"""The noise that networks generate from, by seed and index alone.

Each sample's noise is the same whatever batch it is drawn in, so that a range of indices can be
generated elsewhere. Both ways take Philox, a generator that can start anywhere: its key is the seed
and a counter.

=====================  ==========  ===========================  ============================
function               family      second word of the key       numbers
=====================  ==========  ===========================  ============================
:func:`vector_noise`   structures  index of the sample          drawn as float64, rounded
:func:`block_noise`    formulas    index of the block of 4096   drawn as float32
                                   samples; the highest bit is
                                   the stream
=====================  ==========  ===========================  ============================

Formulas come by the million, where a generator for each would cost more than the numbers. The two
give different numbers for one seed and index; what packages generated so far depends on both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Samples that share a generator in `block_noise`.
BLOCK = 4096


def vector_noise(seed: int, first: int, count: int, length: int) -> NDArray[np.float32]:
    """Draws noise for structures, with a generator for each vector.

    Args:
        seed: Seed, 0 to 2⁶⁴ - 1.
        first: Index of the first vector.
        count: Number of vectors.
        length: Their length.

    Returns:
        Standard normal numbers, shape ``(count, length)``.
    """
    rows = np.empty((count, length), dtype="<f4")
    for row, index in enumerate(range(first, first + count)):
        rows[row] = _generator(seed, index).standard_normal(length)
    return rows


def block_noise(
    seed: int, first: int, count: int, length: int, stream: int = 0
) -> NDArray[np.float32]:
    """Draws noise for formulas, with a generator for each block.

    Args:
        seed: Seed, 0 to 2⁶⁴ - 1.
        first: Index of the first sample, below 2⁶³.
        count: Number of samples.
        length: Numbers for each sample.
        stream: 0, or 1 for samples that have nothing to do with those.

    Returns:
        Standard normal numbers, shape ``(count, length)``.
    """
    rows = np.empty((count, length), np.float32)
    done = 0
    while done < count:
        block, skipped = divmod(first + done, BLOCK)
        random = _generator(seed, block | stream << 63)
        size = min(count - done, BLOCK - skipped)
        if skipped:
            drawn = random.standard_normal((skipped + size, length), np.float32)
            rows[done : done + size] = drawn[skipped:]
        else:
            random.standard_normal(dtype=np.float32, out=rows[done : done + size])
        done += size
    return rows


def _generator(seed: int, counter: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, counter], np.uint64)))
