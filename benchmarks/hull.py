"""Energies above the hull: tfmat beside pymatgen's PhaseDiagram, and beside recorded values.

    python benchmarks/hull.py --data DATASET [--systems 2000]

DATASET has formation energies, e.g. what `tfmat data import mp_le20.extxyz.gz` makes. Each system
is done by both in one process: all structures of the system and its subsystems make the hull, and
each of its own structures is judged. Seconds are processor seconds. Where the dataset records
e_above_hull, too, its values are compared by what the compounds hold.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from tfmat.datasets.energies import ENERGY
from tfmat.datasets.store import Dataset
from tfmat.evaluation.hull.entries import Entries, read_entries
from tfmat.evaluation.hull.stability import distances, hulls, parse_system
from tfmat.formulas.compositions import symbols

# Elements to which the Materials Project applies corrections as anions, or by +U in oxides.
CORRECTED = "N O F S Cl Se Br Te I Si Sb H"
EXAMPLES = ("Bi-Se", "Cd-Li", "Co-Hf", "Ni-Ta", "Al-Cr-Mn", "Co-Li-O")


def main() -> None:
    """Parses the words, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="dataset with formation energies")
    parser.add_argument("--systems", type=int, default=2000, help="systems for PhaseDiagram; 0 all")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    entries = read_entries(options.data)
    start = time.process_time()
    above, _ = distances(list(entries.systems), entries)
    whole = time.process_time() - start
    print(f"{len(entries):,} structures in {len(entries.systems):,} systems: {whole:.2f} s")
    found: dict[str, Any] = {"structures": len(entries), "systems": len(entries.systems)}
    found |= {"seconds": whole, "pymatgen": beside(entries, options.systems)}
    found["recorded"] = recorded(options.data, entries, above.known)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def beside(entries: Entries, most: int) -> dict[str, Any]:
    """Judges systems drawn at random once more, both ways."""
    systems = sorted(entries.systems)
    np.random.default_rng(0).shuffle(systems)
    chosen = systems[:most] if most else systems
    entries.within(chosen[0], corners=True)  # sorts the structures, once for all
    ours = theirs = largest = 0.0
    judged = 0
    for system in chosen:
        start = time.process_time()
        found = hulls(system, entries).known
        own = entries.systems[system]
        mine = found.above(entries.shares(own, system), entries.energies[own])
        ours += time.process_time() - start
        start = time.process_time()
        rows = entries.within(system)
        made = {int(row): entry(entries, int(row)) for row in rows}
        elements = [PDEntry(Composition(symbols()[z]), 0.0) for z in system]
        diagram = PhaseDiagram([*made.values(), *elements])
        values = [diagram.get_e_above_hull(made[int(row)]) for row in own]
        theirs += time.process_time() - start
        judged += len(own)
        largest = max(largest, float(np.abs(values - mine).max()))
    print(
        f"{len(chosen):,} systems, {judged:,} structures: PhaseDiagram {theirs:.1f} s, tfmat "
        f"{ours:.1f} s ({theirs / ours:.1f} times); largest difference "
        f"{largest:.1e} eV/atom"
    )
    return {
        "systems": len(chosen),
        "structures": judged,
        "seconds_pymatgen": theirs,
        "seconds_tfmat": ours,
        "largest_difference": largest,
    }


def entry(entries: Entries, row: int) -> PDEntry:
    """Returns a structure as pymatgen takes it."""
    amounts = {symbols()[z]: n for z, n in entries.compositions.mapping(row).items()}
    return PDEntry(Composition(amounts), float(entries.energies[row]) * sum(amounts.values()))


def recorded(data: str, entries: Entries, above: np.ndarray) -> dict[str, Any]:
    """Compares with the e_above_hull that the dataset brought along."""
    dataset = Dataset.open(data)
    if "e_above_hull" not in dataset.properties:
        return {}
    values = dataset.property("e_above_hull")[np.isfinite(dataset.property(ENERGY))]
    numbers = entries.compositions.numbers
    corrected = [symbols().index(symbol) for symbol in CORRECTED.split()]
    anions = np.isin(numbers, corrected).any(axis=1)
    sets: dict[str, Any] = {
        "all": np.ones(len(entries), dtype=bool),
        f"with {CORRECTED}": anions,
        "without": ~anions,
    }
    for name in EXAMPLES:
        sets[name] = np.isin(np.arange(len(entries)), entries.within(parse_system(name)))
    result = {}
    print(f"{'tfmat - recorded, eV/atom':>44} {'n':>7} {'mean':>7} {'median | |':>10} share of")
    print(f"{'':>71} < -0.005  > 0.005")
    for name, rows in sets.items():
        difference = (above - values)[rows & np.isfinite(values)]
        one = result[name] = {
            "n": len(difference),
            "mean": float(difference.mean()),
            "median_absolute": float(np.median(np.abs(difference))),
            "lower": float((difference < -0.005).mean()),
            "higher": float((difference > 0.005).mean()),
        }
        print(
            f"{name:>44} {one['n']:>7,} {one['mean']:>7.4f} {one['median_absolute']:>10.4f} "
            f"{one['lower']:>8.1%} {one['higher']:>8.1%}"
        )
    result["pairs"] = pairs(entries, values)
    return result


def pairs(entries: Entries, recorded_values: np.ndarray) -> dict[str, Any]:
    """Compares structures of one formula, whose hull and elements are the same.

    Where formation energies and energies above the hull belong together, they differ by the same.
    """
    rows = np.flatnonzero(np.isfinite(recorded_values))
    keys = entries.compositions.keys()[rows]
    rows = rows[np.argsort(keys, kind="stable")]
    keys = np.sort(keys)
    first, second = rows[:-1][keys[1:] == keys[:-1]], rows[1:][keys[1:] == keys[:-1]]
    differences = [values[second] - values[first] for values in (entries.energies, recorded_values)]
    size = np.abs(differences[0] - differences[1])
    result = {"n": len(size), "over_0.001": float((size > 0.001).mean())}
    result["over_0.005"] = float((size > 0.005).mean())
    print(
        f"{len(size):,} pairs of one formula: formation energies differ otherwise than recorded "
        f"values by more than 1 meV/atom in {result['over_0.001']:.1%}, 5 in "
        f"{result['over_0.005']:.1%}"
    )
    return result


if __name__ == "__main__":
    main()
