"""Maps of formulas in two dimensions, by t-SNE of their matrices (paper 000, Figs. 3 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.csv_tables import TableWriter
from tfmat.errors import require, require_installed
from tfmat.figures.points import map_of
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.matrix import encode, fits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXTRA = "train"
"""Extra with scikit-learn."""
# t-SNE's perplexity, as scikit-learn has it by default; a map has at least thrice as many points.
_PERPLEXITY = 30.0
_FEWEST = 5


@dataclass(frozen=True)
class MapSettings:
    """How maps are drawn.

    Args:
        sample: Formulas of each set that are on a map, drawn at random without repetition.
        seed: Seed of the choice and of t-SNE.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """

    sample: int
    seed: int

    def __post_init__(self) -> None:
        require_installed("sklearn", EXTRA, "maps of formulas")


def draw_map(
    sets: Mapping[str, Compositions], settings: MapSettings, folder: Path, name: str
) -> Figure:
    """Puts sets of formulas on one map and writes the table of its points.

    Formulas near each other share elements with the same counts: distances are those of 8 × 85
    matrices, √2 for each element or count that one of two formulas has alone.

    Args:
        sets: Distinct formulas by name; what does not fit in a matrix is left out. The first lie
            below the others.
        settings: Sample and seed.
        folder: Where the table is written.
        name: Of the picture, and of the table ``NAME.csv``: set, formula, x, y.

    Returns:
        A matplotlib figure without a window.
    """
    random = np.random.default_rng(settings.seed)
    chosen = {title: _sample(found, settings.sample, random) for title, found in sets.items()}
    places = embed(Compositions.concatenate(list(chosen.values())), settings.seed)
    ends = np.cumsum([len(found) for found in chosen.values()])[:-1]
    points = dict(zip(chosen, np.split(places, ends), strict=True))
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        table = TableWriter(stream, ["set", "formula", "x", "y"])
        for title, found in chosen.items():
            for formula, (x, y) in zip(found.formulas(), points[title].tolist(), strict=True):
                table.row([title, formula, f"{x:.4f}", f"{y:.4f}"])
    return map_of(points)


def decoded_and_not(
    known: Compositions, decoded: NDArray[np.bool_], settings: MapSettings
) -> dict[str, Compositions]:
    """Draws formulas at random and parts them by whether an autoencoder gives them back.

    Args:
        known: Formulas ``n``.
        decoded: Which come back ``(n,)``.
        settings: How many are drawn, of both kinds together, and the seed.
    """
    random = np.random.default_rng(settings.seed)
    rows = random.permutation(len(known))[: settings.sample]
    return {
        "decoded": known[rows[decoded[rows]]],
        "not decoded": known[rows[~decoded[rows]]],
    }


def embed(compositions: Compositions, seed: int) -> NDArray[np.float64]:
    """Returns places by t-SNE (van der Maaten and Hinton, J. Mach. Learn. Res. 9, 2579 (2008)).

    Args:
        compositions: ``n`` formulas that fit in a matrix.
        seed: The same seed gives the same places with one version of scikit-learn.

    Returns:
        Shape ``(n, 2)``; all 0 for fewer formulas than a map needs.
    """
    if len(compositions) < _FEWEST:
        return np.zeros((len(compositions), 2))
    matrices = encode(compositions).reshape(len(compositions), -1)
    perplexity = min(_PERPLEXITY, (len(compositions) - 1) / 3)
    sklearn = require("sklearn.manifold", EXTRA, "maps of formulas")
    found = sklearn.TSNE(
        perplexity=perplexity, init="pca", random_state=seed % 2**32, n_jobs=1
    ).fit_transform(matrices)
    return np.asarray(found, np.float64)


def _sample(found: Compositions, number: int, random: np.random.Generator) -> Compositions:
    rows = np.flatnonzero(fits(found))
    if len(rows) > number:
        rows = np.sort(random.choice(rows, number, replace=False))
    return found[rows]
