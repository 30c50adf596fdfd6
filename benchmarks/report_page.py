"""How large the page of tfmat report is, and how long it takes to make.

python benchmarks/report_page.py -n 1000 --atoms 20
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.writing import reduced_formula
from tfmat.report.contents import Candidate, Part
from tfmat.report.page import page

_ELEMENTS = [8, 14, 22, 26, 38]


def main() -> None:
    """Prints megabytes and seconds for random structures, whose cells are as full as real ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--atoms", type=int, default=20)
    given = parser.parse_args()
    random = np.random.default_rng(0)
    candidates = []
    for place in range(given.n):
        edge = (given.atoms * random.uniform(10, 20)) ** (1 / 3)
        lattice = np.eye(3) * edge + random.uniform(-0.5, 0.5, (3, 3))
        points = random.uniform(0, 1, (given.atoms, 3)) @ lattice
        one = Crystal.from_arrays(lattice, points, random.choice(_ELEMENTS, given.atoms))
        values = {"formation_energy_per_atom": float(random.normal(-1, 0.5))}
        candidates.append(
            Candidate(f"one-{place}", reduced_formula(one), values, lambda one=one: one)
        )
    start = time.process_time()
    text = page([Part("random", Path("random"), candidates=candidates)], limit=given.n)
    seconds = time.process_time() - start
    whole = text.count('"scene":{')
    size = len(text.encode()) / 1e6
    print(f"{whole:,} of {given.n:,} structures of {given.atoms} atoms")
    print(f"{size:.1f} MB, {seconds:.1f} s of processor time")


if __name__ == "__main__":
    main()
