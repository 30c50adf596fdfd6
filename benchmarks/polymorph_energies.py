"""How far apart a potential sees the polymorphs of one formula, beside DFT.

    python benchmarks/polymorph_energies.py --data mp
    python benchmarks/polymorph_energies.py --data mp --elements Al,Si,Ga,Ge,As,Se,In,Sn,Sb,Te,Bi

DATA holds formation energies (eV/atom, without anion corrections, as the legacy scale of the
Materials Project). Of every binary formula whose structures lie more than 0.05 eV/atom apart, each
structure is compared with the lowest by DFT, as it stands, without relaxation. References of the
elements and constant errors of a formula cancel. A ratio below 1 means that the potential is too
soft: structures of high energy look more stable than they are, and more of them lie near the hull.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from itertools import pairwise

import numpy as np
from ase.data import atomic_numbers

from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset
from tfmat.relaxation.potentials.registry import find_potential

_EDGES = (0, 0.05, 0.1, 0.2, 0.4, 1.0)
_SPREAD = 0.05


def main() -> None:
    """Compares and prints one line for each range of energies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="a dataset with formation energies")
    parser.add_argument("--elements", help="only binaries of these, with commas")
    parser.add_argument("--potential", default="chgnet")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    dataset = Dataset.open(options.data)
    energies = dataset.property("formation_energy_per_atom")
    allowed = {atomic_numbers[word] for word in (options.elements or "").split(",") if word}
    groups = defaultdict(list)
    for row in np.flatnonzero(np.isfinite(energies)):
        found = formula(dataset[int(row)])
        if len(found) == 2 and (not allowed or {number for number, _ in found} <= allowed):
            groups[found].append(int(row))
    rows = [rows for rows in groups.values() if np.ptp(energies[rows]) > _SPREAD]
    flat = [row for group in rows for row in group]
    calculator = find_potential(options.potential).factory()
    values = dict(zip(flat, calculator.energies([dataset[row] for row in flat]), strict=True))
    pairs = []
    for group in rows:
        lowest = min(group, key=lambda row: energies[row])
        pairs += [
            (energies[row] - energies[lowest], values[row] - values[lowest])
            for row in group
            if row != lowest and np.isfinite([values[row], values[lowest]]).all()
        ]
    dft, own = np.array(pairs).T
    print(f"{len(rows)} formulas, {len(flat)} structures; eV/atom above the lowest by DFT")
    print("DFT            structures  mean DFT  mean potential  ratio")
    for low, high in pairwise(_EDGES):
        chosen = (dft > low) & (dft <= high)
        if chosen.any():
            left, right = dft[chosen].mean(), own[chosen].mean()
            print(
                f"{low:.2f} to {high:.2f} {chosen.sum():>14} {left:>9.3f} {right:>15.3f} "
                f"{right / left:>6.2f}"
            )


if __name__ == "__main__":
    main()
