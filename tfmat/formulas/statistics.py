"""How the formulas of one set are distributed, and how far that is from another set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions

_ELEMENTS = 256


def size_histogram(
    compositions: Compositions, weights: NDArray[np.integer] | None = None
) -> NDArray[np.float64]:
    """Returns the share of formulas with each number of elements, from 0 up.

    Args:
        compositions: Formulas ``(n,)``.
        weights: How often each counts ``(n,)``; once by default.
    """
    counts = np.bincount(compositions.n_elements, weights=weights).astype(np.float64)
    return np.asarray(counts / max(counts.sum(), 1))


def total_variation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Returns half the sum of absolute differences of two histograms: 0 same, 1 disjoint.

    Args:
        first: Shares that sum to one.
        second: Likewise; the shorter one is continued with zeros.
    """
    length = max(len(first), len(second))
    padded = [np.pad(shares, (0, length - len(shares))) for shares in (first, second)]
    return float(np.abs(padded[0] - padded[1]).sum() / 2)


def element_frequencies(
    compositions: Compositions, weights: NDArray[np.integer] | None = None
) -> NDArray[np.float64]:
    """Returns the share of formulas that have each element ``(256,)``, by atomic number.

    Args:
        compositions: Formulas ``(n,)``.
        weights: How often each counts ``(n,)``; once by default.
    """
    counts = np.zeros(_ELEMENTS)
    for slot in range(compositions.numbers.shape[1]):
        counts += np.bincount(compositions.numbers[:, slot], weights, minlength=_ELEMENTS)
    counts[0] = 0
    return counts / _total(compositions, weights)


def pair_frequencies(
    compositions: Compositions, weights: NDArray[np.integer] | None = None
) -> NDArray[np.float64]:
    """Returns the share of formulas that have each two elements ``(256, 256)``.

    Args:
        compositions: Formulas ``(n,)``.
        weights: How often each counts ``(n,)``; once by default.

    Returns:
        Above the diagonal, by atomic numbers; zeros elsewhere.
    """
    numbers = compositions.numbers
    counts = np.zeros(_ELEMENTS * _ELEMENTS)
    for second in range(1, numbers.shape[1]):
        # Slots ascend, so where the second is in use every one before it is.
        rows = np.flatnonzero(numbers[:, second])
        if not len(rows):
            break
        part = numbers[rows].astype(np.int64)
        weight = None if weights is None else weights[rows]
        for first in range(second):
            codes = part[:, first] * _ELEMENTS + part[:, second]
            counts += np.bincount(codes, weight, minlength=len(counts))
    return counts.reshape(_ELEMENTS, _ELEMENTS) / _total(compositions, weights)


def correlations(
    elements: tuple[NDArray[np.float64], NDArray[np.float64]],
    pairs: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[float | None, float | None]:
    """Correlates the frequencies of elements, and of pairs of elements, of two sets of formulas.

    Pearson's r over all elements that either set has, and over all pairs of those elements, also
    pairs that neither set has.

    Args:
        elements: From :func:`element_frequencies` of either set.
        pairs: From :func:`pair_frequencies` of either set.

    Returns:
        r of the elements and r of the pairs; ``None`` where a set has no variance.
    """
    present = np.flatnonzero((elements[0] > 0) | (elements[1] > 0))
    above = np.triu_indices(len(present), 1)
    chosen = [table[np.ix_(present, present)][above] for table in pairs]
    return pearson(elements[0][present], elements[1][present]), pearson(*chosen)


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Returns Pearson's r of two rows of numbers, or ``None`` where one does not vary."""
    if len(first) < 2:
        return None
    centred = [values - values.mean() for values in (first, second)]
    norms = [float(np.linalg.norm(values)) for values in centred]
    if min(norms) <= 1e-12 * max(np.abs(first).max(), np.abs(second).max()):
        return None
    return float(centred[0] @ centred[1] / (norms[0] * norms[1]))


def correlation_error(
    compositions: Compositions, known: NDArray[np.float64], draws: int = 300
) -> float | None:
    """Returns the standard error of the correlation of :func:`element_frequencies` with known ones.

    The formulas are drawn again with replacement (bootstrap), always in the same way.

    Args:
        compositions: Formulas ``(n,)``.
        known: Shares of the known formulas by atomic number ``(256,)``, taken as exact.
        draws: How often all are drawn.

    Returns:
        Standard deviation of Pearson's r over the elements that either has, or ``None`` where there
        are fewer than two formulas or one of the two does not vary.
    """
    count = len(compositions)
    if count < 2:
        return None
    # Formulas of one system are alike here, so that systems are drawn and not formulas.
    systems, times = np.unique(np.sort(compositions.numbers, axis=1), axis=0, return_counts=True)
    held = np.zeros((len(systems), _ELEMENTS))
    held[np.arange(len(systems))[:, None], systems] = 1
    held[:, 0] = 0
    present = np.flatnonzero((held.any(0)) | (known > 0))
    random = np.random.default_rng(0)
    drawn = (random.multinomial(count, times / count) for _ in range(draws))
    found = [pearson((one @ held[:, present]) / count, known[present]) for one in drawn]
    values = [value for value in found if value is not None]
    return float(np.std(values)) if len(values) == draws else None


def _total(compositions: Compositions, weights: NDArray[np.integer] | None) -> float:
    return max(float(len(compositions) if weights is None else weights.sum()), 1.0)
