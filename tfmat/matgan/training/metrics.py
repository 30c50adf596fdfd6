"""The metrics of generated formulas while a network trains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.matgan.matrix import accept
from tfmat.matgan.validity.checker import ValidityChecker
from tfmat.metric import Metric, share


def sample_metrics(counts: NDArray[np.uint8]) -> list[Metric]:
    """Measures generated formulas.

    Args:
        counts: Atoms of each element ``(n, 85)``, as ``generate`` gives them.

    Returns:
        ``sample_accepted`` (2 to 8 elements), ``sample_neutral`` and ``sample_balanced`` (the
        paper's check, see :class:`tfmat.matgan.validity.checker.ValiditySettings`) as shares of all
        ``n``, ``sample_unique`` as share of the accepted.
    """
    compositions, accepted = accept(counts)
    checker = ValidityChecker()
    verdict = checker.check(compositions)
    distinct = len(np.unique(compositions.keys()))
    judge = checker.settings.judge()
    total, samples = len(counts), f"of {len(counts)} samples"
    return [
        share(
            "sample_accepted",
            accepted.sum(),
            total,
            f"share {samples} with 2 to 8 elements",
            sampled=True,
        ),
        share(
            "sample_unique",
            distinct,
            len(compositions),
            f"distinct reduced formulas as share of those accepted {samples}",
        ),
        share(
            "sample_neutral",
            verdict.neutral.sum(),
            total,
            f"charge-neutral share {samples}",
            judge=judge,
            sampled=True,
        ),
        share(
            "sample_balanced",
            verdict.balanced.sum(),
            total,
            f"charge-neutral and electronegativity-balanced share {samples}",
            judge=judge,
            sampled=True,
        ),
    ]
