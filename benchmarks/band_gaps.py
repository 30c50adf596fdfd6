"""Band gaps of generated, known and enumerated formulas (paper 000, Fig. 6 and Methods).

Run as ``python benchmarks/band_gaps.py DATASET OUT NAME=TABLE ...`` with scikit-learn and matminer
(``pip install tfmat[train,coverage]``): DATASET is one of compositions with ``band_gap``, as
``tfmat data import --rule bandgap`` makes it; each TABLE a list of formulas, as ``tfmat generate
matgan`` or ``tfmat data enumerate`` writes it. Gradient boosting with the paper's settings on
Magpie features learns the gaps of nine tenths of DATASET, is judged by the rest, and predicts all
sets, and formulas drawn from DATASET without a network. OUT gets ``fig6-band-gaps`` (PNG, SVG,
CSV); a line of JSON says what was measured.

It is a program and not a command: the study is the paper's, about one model of one property, and
its predictor is thrown away at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from tfmat.csv_tables import TableWriter
from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.readers.formulas import read_formulas
from tfmat.errors import require
from tfmat.figures.outlines import outlines
from tfmat.figures.writing import renew
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.generating.baselines import independent, substitution
from tfmat.metric import Metric, mean, share

GAP, NAME = "band_gap", "fig6-band-gaps"
# Paper 000, Methods.
SETTINGS = {"learning_rate": 0.06, "max_depth": 20, "subsample": 0.4, "n_estimators": 100}
EDGES = np.round(np.arange(0, 10.05, 0.25), 2)
# As many elements as the data of matminer have.
_ELEMENTS = 103
# A wide gap, eV.
WIDE = 3.0


def element_table() -> NDArray[np.float64]:
    """Returns the 22 properties of Magpie by atomic number, shape ``(104, 22)``."""
    composite = require("matminer.featurizers.composition.composite", "coverage", "Magpie features")
    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        preset = composite.ElementProperty.from_preset("magpie")
        table = np.full((_ELEMENTS + 1, len(preset.features)), np.nan)
        for number in range(1, _ELEMENTS + 1):
            for column, name in enumerate(preset.features):
                value = preset.data_source.get_elemental_property(Element.from_Z(number), name)
                table[number, column] = value
    return table


def magpie(compositions: Compositions, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns Magpie features: minimum, maximum, range, mean, mean deviation, mode.

    The mode is the value of the most frequent element, the smallest where several are. Source:
    L. Ward et al., npj Comput. Mater. 2, 16028 (2016).

    Args:
        compositions: ``n`` formulas.
        table: From :func:`element_table`.

    Returns:
        Shape ``(n, 132)``, property by property.
    """
    there = compositions.numbers > 0
    values = table[compositions.numbers]
    weights = compositions.counts / compositions.counts.sum(axis=1, keepdims=True)
    low = np.where(there[..., None], values, np.inf).min(axis=1)
    high = np.where(there[..., None], values, -np.inf).max(axis=1)
    weighed = np.where(there, weights, 0.0)[..., None]
    filled = np.where(there[..., None], values, 0.0)
    average = (weighed * filled).sum(axis=1)
    deviation = (weighed * np.abs(filled - average[:, None])).sum(axis=1)
    most = compositions.counts == compositions.counts.max(axis=1, keepdims=True)
    mode = np.where((most & there)[..., None], values, np.inf).min(axis=1)
    found = np.stack([low, high, high - low, average, deviation, mode], axis=2)
    return found.reshape(len(compositions), -1)


def study(
    known: CompositionDataset, sets: dict[str, Compositions], seed: int, rows: int, sample: int
) -> tuple[list[Metric], dict[str, NDArray[np.float64]]]:
    """Learns gaps and predicts those of all sets.

    Args:
        known: Formulas with gaps.
        sets: Formulas by name.
        seed: Of the split, the boosting and the samples.
        rows: Most formulas that are learned from.
        sample: Most formulas of a set that are predicted.

    Returns:
        What was measured, and the gaps of each set in eV.
    """
    ensemble = require("sklearn.ensemble", "train", "gradient boosting")
    random, table = np.random.default_rng(seed), element_table()
    gaps = known.property(GAP)
    order = random.permutation(np.flatnonzero(gaps > 0))
    features, gaps = magpie(known.compositions[order], table), gaps[order]
    sound = np.isfinite(features).all(axis=1)
    features, gaps, order = features[sound], gaps[sound], order[sound]
    test = len(gaps) // 10
    learned = slice(test, test + rows)
    model = ensemble.GradientBoostingRegressor(random_state=seed, **SETTINGS)
    model.fit(features[learned], gaps[learned])
    errors = np.abs(model.predict(features[:test]) - gaps[:test])
    plain = np.abs(gaps[learned].mean() - gaps[:test])
    what = f"of {test:,} held-out formulas; learned from {len(gaps[learned]):,}"
    metrics = [
        mean("test_mae", errors.tolist(), "eV", f"mean absolute error {what}", sampled=True),
        mean("test_mae_mean", plain.tolist(), "eV", f"the same of the mean gap {what}",
             sampled=True),
    ]  # fmt: skip
    found = {
        "true gaps": gaps,
        # Of those that it has not learned, whose predictions are not their own labels.
        "held out": model.predict(features[:test]),
    }
    for name, formulas in sets.items():
        chosen = random.permutation(len(formulas))[:sample]
        inputs = magpie(formulas[chosen], table)
        found[name] = model.predict(inputs[np.isfinite(inputs).all(axis=1)])
    reference = histogram(found["held out"])
    for name, values in found.items():
        subset = {"set": name}
        apart = 0.5 * float(np.abs(histogram(values) - reference).sum())
        metrics += [
            mean("mean_gap", values.tolist(), "eV", subset=subset, sampled=True),
            share("wide", int((values > WIDE).sum()), len(values), f"above {WIDE:g} eV",
                  subset=subset, sampled=True),
            Metric("distance", apart, denominator=len(values), subset=subset,
                   note="total variation of the histogram from that predicted of held-out ones"),
        ]  # fmt: skip
    return metrics, found


def histogram(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns shares in bins of 0.25 eV from 0 to 10 eV; what lies beyond is in the last."""
    counts = np.histogram(np.clip(values, EDGES[0], EDGES[-1]), EDGES)[0]
    return np.asarray(counts / max(1, len(values)), np.float64)


def draw(found: dict[str, NDArray[np.float64]], folder: Path) -> Any:
    """Draws the distributions and writes their table."""
    counts = {name: np.rint(histogram(v) * len(v)).astype(int) for name, v in found.items()}
    with (folder / f"{NAME}.csv").open("w", encoding="utf-8", newline="") as stream:
        table = TableWriter(stream, ["from_ev", *counts])
        for place, edge in enumerate(EDGES[:-1].tolist()):
            table.row([edge, *(int(values[place]) for values in counts.values())])
    lists = {name: values.tolist() for name, values in counts.items()}
    return outlines(
        EDGES.tolist(), lists, "band gap (eV)", "held out", ("independent", "substitution")
    )


def main() -> None:
    """Measures, draws and prints a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("out", type=Path)
    parser.add_argument("tables", nargs="*", metavar="NAME=TABLE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=10**9, help="most formulas to learn from")
    parser.add_argument("--sample", type=int, default=10_000, help="most formulas of a set")
    options = parser.parse_args()
    began = time.process_time()
    sets = {}
    for word in options.tables:
        name, _, table = word.partition("=")
        sets[name] = read_formulas(table).compositions
    known = CompositionDataset.open(options.dataset)
    # Without a network: what a generator's distribution is to be compared with.
    learned = known.compositions[known.property(GAP) > 0]
    for name, drawn in (("independent", independent), ("substitution", substitution)):
        sets[name] = drawn(learned, options.sample, options.seed)
    metrics, found = study(known, sets, options.seed, options.rows, options.sample)
    renew(options.out, lambda: {NAME: lambda folder: draw(found, folder)})
    seconds = round(time.process_time() - began, 1)
    records = [metric.record() for metric in metrics]
    print(json.dumps({"settings": SETTINGS, "metrics": records, "cpu_seconds": seconds}))


if __name__ == "__main__":
    main()
