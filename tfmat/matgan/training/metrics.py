"""The figures that judge generated formulas while a network trains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.matgan.matrix import accept
from tfmat.matgan.validity.checker import ValidityChecker
from tfmat.networks.metric import Metric, metric


def sample_shares(counts: NDArray[np.uint8]) -> dict[str, float]:
    """Measures generated formulas.

    Args:
        counts: Atoms of each element ``(n, 85)``, as ``generate`` gives them.

    Returns:
        ``accepted`` (2 to 8 elements), ``neutral`` and ``balanced`` (the paper's check, see
        :class:`tfmat.matgan.validity.checker.ValiditySettings`) as shares of all ``n``, ``unique``
        as share of the accepted; NaN of nothing.
    """
    compositions, accepted = accept(counts)
    verdict = ValidityChecker().check(compositions)
    distinct = len(np.unique(compositions.keys()))
    return {
        "accepted": float(accepted.mean()),
        "unique": distinct / len(compositions) if len(compositions) else float("nan"),
        "neutral": float(verdict.neutral.sum() / len(counts)),
        "balanced": float(verdict.balanced.sum() / len(counts)),
    }


def sample_metrics(counts: NDArray[np.uint8]) -> dict[str, Metric]:
    """Measures generated formulas, each number with its meaning, as ``run.json`` keeps it.

    Args:
        counts: As for :func:`sample_shares`.
    """
    shares = sample_shares(counts)
    settings = ValidityChecker().settings.describe()
    smact = ", ".join(f"{name} {value}" for name, value in settings.items())
    samples = f"of {len(counts)} samples"
    notes = {
        "accepted": f"share {samples} with 2 to 8 elements",
        "unique": f"distinct reduced formulas as share of those accepted {samples}",
        "neutral": f"charge-neutral share {samples} ({smact})",
        "balanced": f"charge-neutral and electronegativity-balanced share {samples} ({smact})",
    }
    return {f"sample_{name}": metric(shares[name], "1", note) for name, note in notes.items()}
