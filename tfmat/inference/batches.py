"""Runs a part on more inputs than one call should take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.inference.package import NetworkSet


def run_batches(
    networks: NetworkSet, part: str, inputs: NDArray[np.float32], size: int
) -> dict[str, NDArray[Any]]:
    """Runs a part in batches, so that memory stays bounded by what goes in and comes out.

    Args:
        networks: The networks of a package.
        part: Name of a part.
        inputs: Its input, shape ``(n, ...)``, n at least 1.
        size: Samples in one call.

    Returns:
        Its outputs by name, shapes ``(n, ...)``.

    Raises:
        InputError: No such part, or the shape does not fit.
    """
    results = [
        networks.run_all(part, inputs[start : start + size])
        for start in range(0, len(inputs), size)
    ]
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}
