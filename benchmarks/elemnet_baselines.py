"""Formation energies of held-out formulas without a network, beside `tfmat train elemnet`.

Run as ``python benchmarks/elemnet_baselines.py DATASET`` (scikit-learn, of ``[train]``). Formulas
are split as the recipe ``elemnet-compact`` splits them with the same seed, so that all errors are
of the same held-out formulas. One thread; seconds are of the processor.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.elemnet.data import load_energies
from tfmat.elemnet.fractions import fractions
from tfmat.elemnet.linear import linear_fit
from tfmat.elemnet.recipe import load_recipe
from tfmat.metric import mean

Fit = Callable[[NDArray[np.float32], NDArray[np.float64]], Callable[[NDArray[np.float32]], object]]


def _mean(_: NDArray[np.float32], energies: NDArray[np.float64]) -> Callable[..., object]:
    return lambda inputs: np.full(len(inputs), energies.mean())


def _linear(inputs: NDArray[np.float32], energies: NDArray[np.float64]) -> Callable[..., object]:
    weights = linear_fit(inputs, energies)
    return lambda others: others.astype(np.float64) @ weights


def _boosted(inputs: NDArray[np.float32], energies: NDArray[np.float64]) -> Callable[..., object]:
    model = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=300, max_leaf_nodes=127, random_state=0
    )
    return model.fit(inputs, energies).predict


def main() -> None:
    """Measures and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    recipe = load_recipe("elemnet-compact")
    data = load_energies(recipe.data, CompositionDataset.open(options.dataset), options.seed)
    inputs, energies = fractions(data.compositions), data.energies
    fits: dict[str, Fit] = {
        "mean of the training energies": _mean,
        "an energy for each element": _linear,
        "histogram gradient boosting, 300 trees of 127 leaves": _boosted,
    }
    for name, fit in fits.items():
        began = time.process_time()
        predicted = fit(inputs[data.train], energies[data.train])(inputs[data.test])
        errors = np.abs(np.asarray(predicted) - energies[data.test]).tolist()
        found = mean("test_mae", errors, "eV/atom", sampled=True)
        seconds = time.process_time() - began
        print(
            f"{name}: {found.value:.4f} ± {found.standard_error:.4f} eV/atom of {len(errors):,} "
            f"held-out formulas, {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
