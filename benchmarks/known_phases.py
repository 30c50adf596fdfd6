"""Which known phases of a system a model writes again, and after how many structures.

    python benchmarks/known_phases.py RUN --known PHASES --system Bi-Se [--data DATASET]
        [-n 100000] [--seed 1]
    python benchmarks/known_phases.py --left-out BiSe3=RUN [--left-out Bi2Se3=RUN ...]
        --known PHASES --system Bi-Se [-n 1000]

PHASES is a dataset with the known phases of the system, as the Materials Project is; where
it has the property ``icsd``, only those known from experiment count::

    tfmat data import mp_le20.extxyz.gz --property icsd --max-atoms 20 --out mp

The first form is paper 004's study of 100,000 structures (11 of 15 phases regenerated), the second
its four trainings without a composition, all of which were regenerated. ``RUN`` was then trained
with ``--set data.split=leave-out --set data.leave_out=BiSe3``, and is asked for cells of the
phases of that formula: what a writer draws by itself has compositions that it has seen.

Of each phase is printed whether DATASET has it (what was trained on: then finding it again is no
discovery), and the first structure that matches it (StructureMatcher as in
``tfmat.crystals.matching``), with the root mean square distance of its atoms.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from ase.data import atomic_numbers

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import PARTS, generate
from tfmat.ccdcgan.request import StructureRequest
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import match_rms, matchers
from tfmat.crystals.writing import reduced_formula
from tfmat.datasets.store import Dataset
from tfmat.inference.package import load

Phases = Mapping[str, Crystal]


def search(codec: Codec, phases: Phases, request: StructureRequest, count: int, seed: int) -> str:
    """Generates, and looks for each phase.

    Returns:
        A line that counts what was made; the phases' lines follow it.
    """
    judges, made = matchers(), 0
    waiting: dict[str, dict[str, Crystal]] = defaultdict(dict)
    for name, crystal in phases.items():
        waiting[reduced_formula(crystal)][name] = crystal
    found: dict[str, str] = {}
    for index, one in enumerate(generate(codec, count, seed, request=request), start=1):
        if one.crystal is None:
            continue
        made += 1
        same = waiting[reduced_formula(one.crystal)]
        for name, crystal in list(same.items()):
            distance = match_rms(crystal, one.crystal, judges)
            if distance is not None:
                found[name] = f"after {index:,} ({distance:.3f} Å)"
                del same[name]
        if not any(waiting.values()):
            break
    lines = [f"{len(found)} of {len(phases)} phases, {made:,} structures of {index:,} begun"]
    lines += [
        f"  {name} {reduced_formula(crystal)} ({len(crystal)} atoms): "
        f"{found.get(name, 'not found')}"
        for name, crystal in phases.items()
    ]
    return "\n".join(lines)


def phases_of(known: Dataset, system: str) -> dict[str, Crystal]:
    """Returns the phases of a system: those of experiment, where the dataset says which."""
    wanted = sorted(atomic_numbers[symbol] for symbol in system.split("-"))
    real = np.array(known.property("icsd")) == 1 if "icsd" in known.properties else None
    return {
        known.ids[row]: crystal
        for row, crystal in enumerate(known)
        if np.unique(crystal.numbers).tolist() == wanted and (real is None or real[row])
    }


def in_dataset(phases: Phases, dataset: Dataset) -> list[str]:
    """Returns the names of the phases that a dataset has."""
    judges, same = matchers(), defaultdict(list)
    for crystal in dataset:
        same[reduced_formula(crystal)].append(crystal)
    return [
        name
        for name, phase in phases.items()
        if any(
            match_rms(phase, crystal, judges) is not None
            for crystal in same[reduced_formula(phase)]
        )
    ]


def main() -> None:
    """Prints what came back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--known", required=True)
    parser.add_argument("--system", default="Bi-Se")
    parser.add_argument("--data")
    parser.add_argument("--left-out", action="append", default=[], metavar="FORMULA=RUN")
    parser.add_argument("-n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    phases = phases_of(Dataset.open(options.known), options.system)
    if options.run:
        codec = Codec.from_package(load(options.run, threads=1, parts=PARTS))
        most = codec.recipe.data.max_atoms
        small = {name: one for name, one in phases.items() if len(one) <= most}
        if options.data:
            print("in the data:", ", ".join(in_dataset(small, Dataset.open(options.data))))
        request = StructureRequest(max_atoms=most)
        print(search(codec, small, request, options.n, options.seed), flush=True)
    for word in options.left_out:
        formula, _, run = word.partition("=")
        codec = Codec.from_package(load(run, threads=1, parts=PARTS))
        for name, crystal in phases.items():
            if reduced_formula(crystal) != formula or len(crystal) > codec.recipe.data.max_atoms:
                continue
            symbols = crystal.to_structure().composition.get_el_amt_dict()
            cell = tuple((symbol, round(count)) for symbol, count in symbols.items())
            request = StructureRequest(max_atoms=codec.recipe.data.max_atoms, formula=cell)
            print(f"without {formula}, asked for cells of {name}:", end=" ")
            print(search(codec, {name: crystal}, request, options.n, options.seed), flush=True)


if __name__ == "__main__":
    main()
