"""Speed of judging two million formulas, beside sets and counters of plain Python.

    python benchmarks/evaluate_compositions.py
    python benchmarks/evaluate_compositions.py --data DATASET -n 2000000
    python benchmarks/evaluate_compositions.py --data DATASET --split FOLDER

Formulas are drawn from the marginals of a dataset, nine tenths of it as training set and one tenth
held out. Times are processor seconds of one thread. Plain Python counts the same numbers on the
same formulas in the same run; that both agree is checked. Validity is not among them: for that see
`validity.py`. With --split the two parts are written (training.csv, held_out.csv), for
`tfmat evaluate compositions --train --holdout --baselines`, and nothing is measured.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
from pyarrow import csv  # noqa: E402

from tfmat.datasets.composition_store import CompositionDataset  # noqa: E402
from tfmat.evaluation.formulas.measure import CURVE, References, measure  # noqa: E402
from tfmat.evaluation.formulas.sets import Distinct  # noqa: E402
from tfmat.evaluation.formulas.sources import read_sample  # noqa: E402
from tfmat.formulas.compositions import Compositions  # noqa: E402
from tfmat.matgan.generating.baselines import independent, random_formulas, substitution  # noqa: E402
from tfmat.matgan.validity.checker import ValidityChecker  # noqa: E402
from tfmat.metric import Metric, find  # noqa: E402


def main() -> int:
    """Parses the words and prints a table; 1 where plain Python counts something else."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="formulas", help="dataset of compositions")
    parser.add_argument("-n", type=int, default=2_000_000, help="formulas to judge")
    parser.add_argument("--split", type=Path, help="only write the two parts into this folder")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    formulas = CompositionDataset.open(options.data).compositions
    order = np.random.default_rng(0).permutation(len(formulas))
    parts = [formulas[np.sort(rows)] for rows in np.split(order, [len(order) // 10])]
    if options.split:
        options.split.mkdir(parents=True, exist_ok=True)
        for name, part in zip(("held_out", "training"), parts, strict=True):
            csv.write_csv(
                pa.table({"formula": part.formula_array()}), options.split / f"{name}.csv"
            )
        return 0
    held_out, training = (Distinct.of(part) for part in parts)
    known = References(training, held_out)
    times: dict[str, float] = {}
    for name, draw in (
        ("random", lambda: random_formulas(options.n, 0)),
        ("substitution", lambda: substitution(training.compositions, options.n, 0)),
        ("independent", lambda: independent(training.compositions, options.n, 0)),
    ):
        made = timed(times, f"draw {name} formulas", draw)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made.csv"
        csv.write_csv(pa.table({"formula": made.formula_array()}), file)
        sample = timed(times, "read the file", lambda: read_sample(file))
    checker = ValidityChecker()
    timed(times, "validity alone", lambda: checker.check(Distinct.of(made).compositions))
    found = timed(
        times,
        "measure, validity included",
        lambda: measure(sample, checker, known).metrics,
    )
    # Plain Python starts from frozen sets, as ours from arrays.
    plain = [as_sets(part) for part in (made, training.compositions, held_out.compositions)]
    expected = timed(times, "the same without validity, plain Python", lambda: in_python(*plain))
    agrees = same(found, expected)
    for name, seconds in times.items():
        print(f"{name:42} {seconds:7.2f} s {options.n / seconds / 1e6:7.2f} million formulas/s")
    print(f"plain Python counts {'the same' if agrees else 'SOMETHING ELSE'}")
    if options.json:
        options.json.write_text(json.dumps({"seconds": times, "agrees": agrees}) + "\n", "utf-8")
    return 0 if agrees else 1


def timed(times: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    """Does some work and notes its processor time."""
    start = time.process_time()
    result = work()
    times[name] = time.process_time() - start
    return result


def as_sets(formulas: Compositions) -> list[frozenset[tuple[int, int]]]:
    """Formulas as sets of (element, count)."""
    rows = zip(formulas.numbers.tolist(), formulas.counts.tolist(), strict=True)
    return [
        frozenset(pair for pair in zip(numbers, counts, strict=True) if pair[0])
        for numbers, counts in rows
    ]


def in_python(
    made: list[frozenset[tuple[int, int]]],
    training: list[frozenset[tuple[int, int]]],
    held_out: list[frozenset[tuple[int, int]]],
) -> dict[str, Any]:
    """The curve of uniqueness, novelty, recovery and pairs, with sets and counters."""
    seen: set[frozenset[tuple[int, int]]] = set()
    curve, pairs = {}, Counter()
    for number, formula in enumerate(made, start=1):
        seen.add(formula)
        elements = sorted(element for element, _ in formula)
        pairs.update(itertools.combinations(elements, 2))
        if number in CURVE or number == len(made):
            curve[number] = len(seen)
    return {
        "curve": curve,
        "novel": len(seen - set(training)),
        "training": sum(formula in seen for formula in training),
        "held_out": sum(formula in seen for formula in held_out),
        "pairs": pairs,
    }


def same(found: list[Metric], expected: dict[str, Any]) -> bool:
    """Whether both counted the same."""
    curve = {
        metric.subset.get("samples", metric.denominator): metric.numerator
        for metric in found
        if metric.name == "uniqueness"
    }
    names = ("novelty", "recovery_training", "recovery_held_out")
    return (curve, *(find(found, name).numerator for name in names)) == (
        expected["curve"],
        expected["novel"],
        expected["training"],
        expected["held_out"],
    )


if __name__ == "__main__":
    sys.exit(main())
