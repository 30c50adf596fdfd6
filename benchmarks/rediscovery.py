"""After how many structures the known crystals of a system come back.

    python benchmarks/rediscovery.py MODEL --data DATASET --system Co-Hf [-n 1000] [--seed 1]
        [--source pool] [--choose-by constraint]

MODEL is a run or package with sources, DATASET what is known, as it was trained on. For every
crystal of DATASET with just these elements it prints whether it is one of the model's prototypes
(else its formula was held out, or left out by the selection), and the number of compositions drawn
until a structure that matches it (pymatgen's StructureMatcher as in ``tfmat.crystals.matching``).
A prototype that comes back is no discovery: only what is none tells something.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from ase.data import atomic_numbers

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import PARTS, generate
from tfmat.ccdcgan.request import StructureRequest
from tfmat.ccdcgan.sources.generating import Sources
from tfmat.crystals.matching import match_rms, matchers
from tfmat.crystals.writing import reduced_formula
from tfmat.datasets.store import Dataset
from tfmat.inference.package import load


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--system", default="Co-Hf")
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--source", default="pool")
    parser.add_argument("--choose-by", default="constraint")
    options = parser.parse_args()
    codec = Codec.from_package(load(options.model, threads=1, parts=PARTS))
    prototypes = set(Sources(codec).known.prototypes.ids)
    symbols = tuple(options.system.split("-"))
    wanted = sorted(atomic_numbers[symbol] for symbol in symbols)
    dataset, rules = Dataset.open(options.data), codec.recipe.data
    known = {
        dataset.ids[row]: crystal
        for row, crystal in enumerate(dataset)
        if len(crystal) <= rules.max_atoms and np.unique(crystal.numbers).tolist() == wanted
    }
    request = StructureRequest(
        0.7,
        max_atoms=rules.max_atoms,
        required=symbols,
        allowed=symbols,
        source=options.source,
        choose_by=options.choose_by,
    )
    judges, found, sources = matchers(), dict[str, int](), dict[str, str]()
    began, made = time.process_time(), 0
    for index, one in enumerate(generate(codec, options.n, options.seed, request=request)):
        if one.crystal is None:
            continue
        made += 1
        for name, crystal in known.items():
            if name not in found and match_rms(crystal, one.crystal, judges) is not None:
                found[name] = index + 1
                sources[name] = f"{one.source} of {one.prototype or 'nothing'}"
    seconds = time.process_time() - began
    print(f"{made} structures of {options.n} compositions of {options.system}, {seconds:.0f} s")
    for name in sorted(known, key=lambda name: found.get(name, options.n + 1)):
        kind = "a prototype" if name in prototypes else "no prototype"
        when = f"after {found[name]}, {sources[name]}" if name in found else "not found"
        print(f"{name} {reduced_formula(known[name])} ({len(known[name])} atoms), {kind}: {when}")


if __name__ == "__main__":
    main()
