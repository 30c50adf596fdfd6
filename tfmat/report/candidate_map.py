"""A map of the candidates: what is alike lies close, by composition and cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import symbols
from tfmat.report.charts import DATA, MADE
from tfmat.report.contents import Candidate, Chart
from tfmat.report.elements import amounts
from tfmat.report.svg import Plot

# What cells differ in, beside their elements; candidates that have it are compared by it.
_CELL = ("atoms", "volume_per_atom", "contact")
_NAMES = ("first", "second")
# Two candidates lie on a line whatever they are.
_FEWEST = 3


def candidate_map(candidates: Sequence[Candidate]) -> Chart | None:
    """Draws the candidates along the two directions in which they differ most.

    These are principal components of the shares of the elements and of the cells' numbers (atoms,
    volume per atom, shortest contact; these in units of their standard deviations), elements and
    cell of equal weight.

    Args:
        candidates: Those of the page's table; each may be chosen.

    Returns:
        The chart; ``None`` where there are too few, or they differ in fewer than two ways.
    """
    if len(candidates) < _FEWEST:
        return None
    features = _features(candidates)
    centred = features - features.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    if len(sizes) < 2 or sizes[1] < 1e-6 * max(sizes[0], 1e-12):
        return None
    places = left[:, :2] * sizes[:2]
    # A direction has no sign of its own: most of what lies far lies right and above.
    places *= np.where((places**3).sum(0) < 0, -1, 1)
    shares = sizes[:2] ** 2 / (sizes**2).sum()
    ends = [(float(low), float(high)) for low, high in zip(*_ends(places), strict=True)]
    title = "Map of the candidates"
    labels = [f"{one} direction ({two:.0%})" for one, two in zip(_NAMES, shares, strict=True)]
    plot = Plot(ends[0], ends[1], title, *labels)
    old = np.array([one.values.get("novel") is False for one in candidates])
    for rows, colour, words in (
        (np.flatnonzero(old), DATA, "known"),
        (np.flatnonzero(~old), MADE, "new" if old.any() else "candidates"),
    ):
        if len(rows):
            names = [candidates[int(row)].identifier for row in rows]
            x, y = places[rows].T
            plot.points(x, y, colour, f"{words} ({len(rows):,})", names=names)
    caption = (
        "What lies close is alike in its elements and cell; each point may be chosen. The "
        "directions are those in which they differ most (principal components), with their shares."
    )
    return Chart(title, plot.svg(), caption)


def _features(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """Returns the numbers that are compared, ``(candidates, features)``."""
    shares = np.zeros((len(candidates), len(symbols())))
    for row, one in enumerate(candidates):
        for number, count in amounts(one.formula).items():
            shares[row, number] = count
    shares /= np.maximum(shares.sum(1, keepdims=True), 1)
    cells = [
        [float(one.values[key]) for one in candidates]
        for key in _CELL
        if all(isinstance(one.values.get(key), int | float) for one in candidates)
    ]
    numbers = np.array(cells).T.reshape(len(candidates), -1)
    spread = numbers.std(0)
    varied = spread > 1e-9
    blocks = [shares, numbers[:, varied] / spread[varied]]
    return np.concatenate([block / (block.var(0).sum() ** 0.5 or 1) for block in blocks], axis=1)


def _ends(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = places.min(0), places.max(0)
    room = 0.05 * np.maximum(high - low, 1e-6)
    return low - room, high + room
