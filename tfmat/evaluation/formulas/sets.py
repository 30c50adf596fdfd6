"""Generated formulas as a set: which are distinct, how often each came, and when first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions


@dataclass(frozen=True)
class Drawn:
    """What a generator drew to write a file.

    Args:
        samples: All samples, also those that are no formula of 2 to 8 elements.
        accepted: Those that are one; fewer were kept where the user asked for certain formulas.
    """

    samples: int
    accepted: int


@dataclass(frozen=True, eq=False)
class Sample:
    """Formulas as a generator, a file or a baseline gave them.

    Args:
        name: What to call them in a table.
        compositions: Reduced compositions, one a row; in the order of sampling unless ``times``.
        times: How often each row was generated ``(n,)``; ``None`` for once a row, in order.
        rejected: Rows of the file that are no formula.
        drawn: What the formulas were kept of, where that is known.
        left_out: How many rows are no formula, and why, in words; empty if all are.
    """

    name: str
    compositions: Compositions
    times: NDArray[np.int64] | None = None
    rejected: int = 0
    drawn: Drawn | None = None
    left_out: str = ""


@dataclass(frozen=True, eq=False)
class Distinct:
    """The distinct formulas of a sample, ascending in their keys.

    Args:
        compositions: One row for each distinct formula ``(m,)``.
        keys: Their keys ``(m,)``, ascending.
        times: How often each was sampled ``(m,)``.
        first: The first sample that gave each ``(m,)``; ``None`` where the order is not known.
    """

    compositions: Compositions
    keys: NDArray[np.uint64]
    times: NDArray[np.int64]
    first: NDArray[np.int64] | None

    @classmethod
    def of(cls, compositions: Compositions, times: NDArray[np.int64] | None = None) -> Distinct:
        """Finds the distinct formulas.

        Args:
            compositions: Reduced compositions, one a row.
            times: How often each row was sampled; ``None`` for once, in the order of the rows.
        """
        keys, first, inverse, counts = np.unique(
            compositions.keys(), return_index=True, return_inverse=True, return_counts=True
        )
        if times is None:
            return cls(compositions[first], keys, counts.astype(np.int64), first.astype(np.int64))
        # Exact: no sum of a file's counts comes near 2**53.
        totals = np.bincount(inverse, weights=times, minlength=len(keys)).astype(np.int64)
        return cls(compositions[first], keys, totals, None)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def samples(self) -> int:
        """Number of samples, duplicates counted."""
        return int(self.times.sum())

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Returns the place of each key among the distinct formulas ``(k,)``; -1 where absent."""
        if not len(self):
            return np.full(len(keys), -1, np.intp)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self) - 1)
        return np.where(self.keys[places] == keys, places, -1)

    def without(self, other: Distinct) -> Distinct:
        """Returns those formulas that ``other`` does not have."""
        rows = other.find(self.keys) < 0
        first = None if self.first is None else self.first[rows]
        return Distinct(self.compositions[rows], self.keys[rows], self.times[rows], first)

    def seen_after(self, draws: int) -> NDArray[np.float64]:
        """Tells which formulas the first ``draws`` samples hold ``(m,)``.

        In the order of sampling where it is known: exactly 0 or 1. Otherwise the chance of each
        formula to be among ``draws`` of all samples, chosen at random without replacement (see
        :func:`inclusion`), so that sums over formulas are expected numbers: rarefaction.

        Args:
            draws: Number of samples, at most :attr:`samples`.
        """
        if self.first is not None:
            return (self.first < draws).astype(np.float64)
        return inclusion(self.times, self.samples, draws)


def inclusion(times: NDArray[np.int64], total: int, draws: int) -> NDArray[np.float64]:
    """Returns the chance that a random part of the samples holds each formula.

    Of ``total`` samples ``draws`` are chosen without replacement; a formula sampled t times is
    missed with the hypergeometric chance C(total - t, draws) / C(total, draws), the product of
    1 - draws / (total - j) over j < t (S. H. Hurlbert, Ecology 52, 577 (1971)). The product
    is summed as logarithms, so that neither the binomials overflow nor small chances cancel.

    Args:
        times: How often each formula was sampled ``(m,)``.
        total: Number of samples.
        draws: Number chosen, at most ``total``.

    Returns:
        Chances ``(m,)``.
    """
    steps = np.arange(int(times.max(initial=0)))
    with np.errstate(divide="ignore"):  # log(0) where even one sample in `draws` must hold it
        logarithms = np.log1p(np.maximum(-draws / (total - steps), -1.0))
    missed = np.concatenate([[0.0], np.cumsum(logarithms)])
    chances: NDArray[np.float64] = -np.expm1(missed)[times]
    return chances
