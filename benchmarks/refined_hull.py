"""Does relaxing again near the hull find what a better potential finds on its own?

    tfmat data build bi-se --limit 2000 --refine sevennet --out refined
    tfmat data build bi-se --limit 2000 --potential sevennet --out every
    python benchmarks/refined_hull.py --refined refined --every every

or, of a database that is there, what was left out of the second relaxation relaxed after all:

    python benchmarks/refined_hull.py --refined bi-se --write-rest rest.extxyz
    tfmat relax rest.extxyz --potential sevennet --symmetry --out every
    python benchmarks/refined_hull.py --refined bi-se --every every

Both datasets have energies of one potential: of REFINED only what another potential puts near its
hull was relaxed with it, of EVERY all was. The hull is made of both together. A structure of EVERY
that lies near this hull must be in REFINED with a known energy (StructureMatcher, as duplicates are
found), or its composition must be there as low as this; what is neither has been missed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase.io import write
from numpy.typing import NDArray

from tfmat.crystals.duplicates import known_copies
from tfmat.crystals.hull import STABLE, energy_above_hull
from tfmat.datasets.store import Dataset
from tfmat.relaxation.databases.hypothetical import shares

# Two ways down to one minimum differ by less, eV/atom.
_SAME = 0.005


def known_rows(dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns the rows with a formation energy, and these energies in eV/atom."""
    energies = dataset.property("formation_energy_per_atom")
    rows = np.flatnonzero(np.isfinite(energies))
    return rows, energies[rows]


def write_rest(dataset: Dataset, path: Path) -> int:
    """Writes the structures without a formation energy; returns how many they are."""
    known, _ = known_rows(dataset)
    rest = np.setdiff1d(np.arange(len(dataset)), known)
    frames = []
    for row in rest:
        atoms = dataset[int(row)].to_atoms()
        atoms.info = {"id": dataset.ids[int(row)]}
        frames.append(atoms)
    write(path, frames, format="extxyz")
    return len(frames)


def main() -> int:
    """Compares and prints; 1 if something near the hull was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--refined", required=True, help="a dataset made with --refine")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--every", help="one made with that potential alone")
    task.add_argument("--write-rest", type=Path, metavar="FILE", help="what has no energy of it")
    parser.add_argument("--near", type=float, default=STABLE, help="eV/atom above the hull")
    options = parser.parse_args()
    refined = Dataset.open(options.refined)
    if options.write_rest:
        print(f"{write_rest(refined, options.write_rest)} of {len(refined)} structures written")
        return 0
    every = Dataset.open(options.every)
    scales = {data.metadata["extra"]["energies"]["scale"] for data in (refined, every)}
    if len(scales) > 1:
        parser.error(f"energies are on different scales: {', '.join(sorted(scales))}")
    (few, few_energies), (all_rows, all_energies) = known_rows(refined), known_rows(every)
    crystals = [refined[int(row)] for row in few], [every[int(row)] for row in all_rows]
    numbers = sorted(
        {int(z) for part in crystals for item in part for z in np.unique(item.numbers)}
    )
    fractions = [shares((item.numbers for item in part), numbers) for part in crystals]
    above = energy_above_hull(
        np.concatenate(fractions), np.concatenate([few_energies, all_energies])
    )
    few_above, all_above = above[: len(few)], above[len(few) :]
    near = np.flatnonzero((all_above <= options.near) & (all_energies < 0))
    copies = known_copies([crystals[1][place] for place in near], crystals[0])
    lowest = {}
    for share, distance in zip(np.round(fractions[0], 9), few_above, strict=True):
        lowest[tuple(share)] = min(distance, lowest.get(tuple(share), np.inf))
    found = same_depth = 0
    missed = []
    for place, copy in zip(near, copies, strict=True):
        best = lowest.get(tuple(np.round(fractions[1][place], 9)), np.inf)
        if copy is not None:
            found += 1
        elif best <= all_above[place] + _SAME:
            same_depth += 1
        else:
            missed.append((all_above[place], every.ids[int(all_rows[place])]))
    print(f"{len(refined)} structures, {len(few)} of them relaxed again; {len(every)} relaxed all")
    print(f"near the hull of both (Ef < 0, at most {options.near:g} eV/atom above): {len(near)}")
    print(f"  in the refined set: {found}; another of the formula there as low: {same_depth}")
    print(f"  missed: {len(missed)}")
    for distance, name in sorted(missed):
        print(f"    {distance:.3f} eV/atom above  {name}")
    on_hull = int((all_above <= 0).sum()), int((few_above <= 0).sum())
    print(f"corners of the hull: {on_hull[1]} in the refined set, {on_hull[0]} in the other")
    deepest = min((distance for distance, _ in missed), default=None)
    print(
        "the nearest that was missed: " + ("none" if deepest is None else f"{deepest:.3f} eV/atom")
    )
    return int(bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
