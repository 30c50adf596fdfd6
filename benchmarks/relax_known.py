"""Does relaxation leave known structures where they are? tfmat relax on real ones.

    tfmat data import mp_le20.extxyz.gz --out mp
    python benchmarks/relax_known.py --data mp

Draws compounds from a dataset with formation energies, relaxes them, and prints how many keep
their prototype, ΔEf, and how far the formation energies are from those of the dataset. Without
oxygen, nitrogen and halogens the corrections of different schemes matter little.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.metric import find, read_metrics
from tfmat.relaxation.potentials.registry import find_potential
from tfmat.relaxation.relax_source import relax_source
from tfmat.relaxation.relaxing import RelaxationSettings

ELEMENTS = "Li,Na,Mg,Al,Si,Ti,Fe,Co,Ni,Cu,Zn,Se,Te,Bi"


def main() -> int:
    """Parses the words, draws and relaxes structures, and prints what became of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="dataset with formation energies")
    parser.add_argument("--elements", default=ELEMENTS, help="draw compounds of these only")
    parser.add_argument("--number", type=int, default=100, help="structures")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        allowed = {atomic_numbers[symbol] for symbol in options.elements.split(",")}
        found = _draw(folder / "drawn", options.data, allowed, options.number, options.seed)
        start = time.process_time()
        summary = relax_source(
            folder / "drawn", folder / "relaxed", find_potential("chgnet"), RelaxationSettings()
        )
        seconds = time.process_time() - start
        _report(folder / "relaxed", summary, found, seconds)
    return 0


def _draw(out: Path, data: str, allowed: set[int], number: int, seed: int) -> int:
    dataset = Dataset.open(data)
    energies = dataset.property("formation_energy_per_atom")
    fitting = []
    for index, crystal in enumerate(dataset):
        elements = set(crystal.numbers.tolist())
        if elements <= allowed and len(elements) > 1 and np.isfinite(energies[index]):
            fitting.append(index)
    random = np.random.default_rng(seed)
    with DatasetWriter(out, {"name": "drawn"}) as writer:
        for index in sorted(random.choice(fitting, number, replace=False)):
            properties = {"formation_energy_per_atom": float(energies[index])}
            writer.add(dataset[index], dataset.ids[index], properties)
    return len(fitting)


def _report(folder: Path, summary: dict, found: int, seconds: float) -> None:
    total = summary["structures"]
    dataset = Dataset.open(folder)
    error = dataset.property("formation_energy_per_atom") - dataset.property(
        "source_formation_energy_per_atom"
    )
    metrics = read_metrics(summary)
    mean, median, largest = (
        find(metrics, f"{kind}_delta_formation_energy_per_atom", structures="relaxed").number()
        for kind in ("mean", "median", "maximum")
    )
    small = find(metrics, "small_change", structures="relaxed")
    with (folder / "relaxation.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    same = sum(row["space_group"] == row["initial_space_group"] for row in rows)
    print(f"{total} of {found} compounds; {summary['converged']} converged; {seconds:.0f} s")
    print(
        f"prototype kept {find(metrics, 'kept_prototype').percent()}, "
        f"space group {same / total:.1%}"
    )
    print(
        f"ΔEf mean {mean}, median {median}, largest {largest} eV/atom; below 0.2: {small.percent()}"
    )
    print(
        f"formation energy against the dataset's: mean absolute difference "
        f"{np.abs(error).mean():.3f}, mean difference {error.mean():+.3f} eV/atom"
    )


if __name__ == "__main__":
    raise SystemExit(main())
