"""How long it takes to judge structures beside their novelty, and what it says of real crystals.

    python benchmarks/judged_structures.py --data DATA -n 10000

DATA is a file, a folder or a dataset of structures.
"""

from __future__ import annotations

import argparse
import time

from tfmat.datasets.importing import ImportOptions
from tfmat.datasets.sources import read_source
from tfmat.evaluation.structures.described import describe
from tfmat.evaluation.structures.metrics import metrics_of


def main() -> None:
    """Prints seconds of a processor and the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("-n", type=int, default=10_000)
    given = parser.parse_args()
    entries = read_source(given.data, ImportOptions(limit=given.n)).entries
    crystals = [entry.crystal for entry in entries if entry.crystal is not None]
    for symmetry in (False, True):
        start = time.process_time()
        found = describe(crystals, symmetry=symmetry)
        words = "with" if symmetry else "without"
        seconds = time.process_time() - start
        print(f"{len(crystals):,} structures {words} space groups: {seconds:.1f} s")
    for metric in metrics_of(found, {}):
        shown = metric.percent() if metric.numerator is not None else metric.number(2)
        print(f"{metric.name}: {shown}")


if __name__ == "__main__":
    main()
