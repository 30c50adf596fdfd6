"""How far apart potentials see the polymorphs of one formula, beside DFT.

    python benchmarks/polymorph_energies.py --data mp
    python benchmarks/polymorph_energies.py --data mp --elements Al,Si,Ga,Ge,As,Se,In,Sn,Sb,Te,Bi
    python benchmarks/polymorph_energies.py --data mp --potential sevennet --pairs 500

DATA holds formation energies (eV/atom, without anion corrections, as the legacy scale of the
Materials Project). Of every binary formula whose structures lie more than 0.05 eV/atom apart, each
structure is compared with the lowest by DFT, as it stands, without relaxation. References of the
elements and constant errors of a formula cancel. A ratio below 1 means that the potential is too
soft: structures of high energy look more stable than they are, and more of them lie near the hull.
Wrong order: the potential sees the pair the other way round.

Oxides and fluorides of the metals with +U are left out: whether DFT used it differs from run to run
of one formula. All potentials that the line names see the same structures.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections import defaultdict
from itertools import pairwise

# Before NumPy is loaded: threads that wait for each other burn processor time.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset
from tfmat.relaxation.potentials.registry import find_potential

_EDGES = (0, 0.05, 0.1, 0.2, 0.4, 1.0)
_SPREAD = 0.05
_PLUS_U = {atomic_numbers[word] for word in ["V", "Cr", "Mn", "Fe", "Co", "Ni", "Mo", "W"]}
_ANIONS = {atomic_numbers[word] for word in ["O", "F"]}


def groups_of(
    dataset: Dataset, energies: NDArray[np.float64], allowed: set[int], pairs: int | None, seed: int
) -> list[list[int]]:
    """Returns rows of each formula, the lowest by DFT first; about so many pairs, drawn."""
    groups = defaultdict(list)
    for row in np.flatnonzero(np.isfinite(energies)):
        found = formula(dataset[int(row)])
        own = {number for number, _ in found}
        if len(found) != 2 or (allowed and not own <= allowed):
            continue
        if not (own & _PLUS_U and own & _ANIONS):
            groups[found].append(int(row))
    rows = [
        sorted(rows, key=lambda row: energies[row])
        for rows in groups.values()
        if np.ptp(energies[rows]) > _SPREAD
    ]
    if pairs is None:
        return rows
    chosen: list[list[int]] = []
    for place in np.random.default_rng(seed).permutation(len(rows)):
        if sum(len(group) - 1 for group in chosen) >= pairs:
            break
        chosen.append(rows[int(place)])
    return chosen


def main() -> None:
    """Compares and prints one line for each range of energies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="a dataset with formation energies")
    parser.add_argument("--elements", help="only binaries of these, with commas")
    parser.add_argument("--potential", default="chgnet,sevennet", help="one or more, with commas")
    parser.add_argument("--pairs", type=int, help="about so many pairs, drawn; all by default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    dataset = Dataset.open(options.data)
    energies = dataset.property("formation_energy_per_atom")
    allowed = {atomic_numbers[word] for word in (options.elements or "").split(",") if word}
    groups = groups_of(dataset, energies, allowed, options.pairs, options.seed)
    flat = [row for group in groups for row in group]
    names = options.potential.split(",")
    seen = {
        name: dict(
            zip(
                flat,
                find_potential(name).factory().energies([dataset[row] for row in flat]),
                strict=True,
            )
        )
        for name in names
    }
    pairs = np.array(
        [
            [energies[row] - energies[group[0]]]
            + [seen[name][row] - seen[name][group[0]] for name in names]
            for group in groups
            for row in group[1:]
        ]
    )
    known = np.isfinite(pairs).all(axis=1)
    dft, own = pairs[known, 0], dict(zip(names, pairs[known, 1:].T, strict=True))
    print(f"{len(groups)} formulas, {len(flat)} structures; eV/atom above the lowest by DFT")
    header = "".join(f"{name:>16} ratio" for name in names)
    print(f"DFT               pairs  mean DFT{header}")
    for low, high in pairwise(_EDGES):
        chosen = (dft > low) & (dft <= high)
        if not chosen.any():
            continue
        left = dft[chosen].mean()
        print(
            f"{low:.2f} to {high:.2f} {chosen.sum():>10} {left:>9.3f}"
            + "".join(
                f"{own[name][chosen].mean():>16.3f} {own[name][chosen].mean() / left:>5.2f}"
                for name in names
            )
        )
    chosen = (dft > _SPREAD) & (dft <= _EDGES[-1])
    print(f"all pairs from {_SPREAD} to {_EDGES[-1]:g} eV/atom: {chosen.sum()}")
    for name in names:
        error = 1000 * np.abs(own[name][chosen] - dft[chosen])
        print(
            f"{name:>12}: ratio {own[name][chosen].mean() / dft[chosen].mean():.2f}, mean error "
            f"{error.mean():.1f} meV/atom, wrong order {(own[name][chosen] < 0).mean():.1%}"
        )


if __name__ == "__main__":
    main()
