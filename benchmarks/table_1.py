"""Table 1 of paper 002: fifteen systems, generated, relaxed, and held against their hulls.

    python benchmarks/table_1.py MODEL --data DATASET [-n 40] [--source pool] [--seed 1]
        [--potential chgnet] [--steps 200] [--system Co-Hf --system Cd-Li] [--figures FOLDER]

MODEL makes crystals of any system, DATASET is what is known (as ``tfmat data import`` wrote it).
Of each system so many compositions are drawn; what becomes a structure is relaxed with the
potential, and so are the known structures of the system and of all systems within it, since
energies of a potential and those of a database do not make one hull. Elements need no known
structure: their energies are those that formation energies count from. For every system it prints
the number of structures, the mean fall of the energy and the share below 0.2 eV/atom, the mean
formation energy, the mean energy above the hull of the known structures, and how many lie more
than a meV/atom below it, each with its standard error, and in a second line what the paper has.
With ``--figures`` there is a folder of each system, as ``tfmat evaluate hull`` writes it, with its
hull as a picture (Figs. 5 and 6 of the paper).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase.data import atomic_numbers

import tfmat
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.evaluation.hull.above import in_memory
from tfmat.evaluation.hull.report import evaluate
from tfmat.evaluation.hull.stability import below, distances, parse_system

FORMATION = "formation_energy_per_atom"


class Paper(NamedTuple):
    """A row of the paper's table; energies in eV/atom."""

    made: int
    fall: float
    near: int
    formation: float
    above: float


PAPER = {
    "Cd-Li": Paper(69, 0.47, 44, -0.21, 0.002),
    "Cr-Se": Paper(11, 0.02, 11, 0.06, 0.31),
    "Mn-Se": Paper(11, 0.03, 11, -0.11, 0.09),
    "Fe-Se": Paper(36, 0.25, 34, -0.06, 0.18),
    "Co-Se": Paper(101, 0.14, 91, -0.05, 0.15),
    "Ni-Se": Paper(36, 0.12, 31, -0.07, 0.14),
    "Cr-Ta": Paper(4, 0.13, 4, 0.07, 0.12),
    "Mn-Ta": Paper(8, 0.09, 7, 0.02, 0.15),
    "Fe-Ta": Paper(15, 0.05, 15, 0.01, 0.11),
    "Co-Ta": Paper(32, 0.06, 23, 0.001, 0.10),
    "Ni-Ta": Paper(11, 0.04, 11, -0.07, 0.12),
    "Al-Cr-Mn": Paper(9, 0.09, 8, -0.04, 0.10),
    "Co-Li-O": Paper(88, 0.09, 82, -1.18, 0.07),
    "Co-Mn-Si": Paper(11, 0.15, 10, -0.07, 0.19),
    "Co-Hf": Paper(51, 0.18, 49, -0.05, 0.07),
}


def mean(values: np.ndarray) -> str:
    """Returns a mean with its standard error."""
    if not len(values):
        return f"{'-':>14}"
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{values.mean():7.3f}±{error:<6.3f}"


def known_compounds(dataset: Dataset, system: str, most: int) -> list[Crystal]:
    """Returns the known compounds of a system and of the systems within it."""
    wanted = {atomic_numbers[symbol] for symbol in system.split("-")}
    kinds = ((one, set(one.numbers.tolist())) for one in dataset if len(one) <= most)
    return [one for one, there in kinds if len(there) > 1 and there <= wanted]


def row(model: tfmat.api.Model, system: str, dataset: Dataset, options: argparse.Namespace) -> str:
    """Measures one system."""
    made = model.generate(
        options.n, seed=options.seed, system=system, source=options.source, smact=False
    )
    how = {"potential": options.potential, "steps": options.steps, "fmax": options.fmax}
    relaxed = tfmat.relax(made, **how)
    known = known_compounds(dataset, system, options.max_atoms)
    reference = tfmat.relax([one.to_structure() for one in known], **how) if known else []
    fall = np.array([one.properties[f"delta_{FORMATION}"] for one in relaxed])
    formation = np.array([one.properties[FORMATION] for one in relaxed])
    above = np.full(len(relaxed), np.nan)
    if len(reference) and len(relaxed):
        hulls, judged = in_memory(reference, "known"), in_memory(relaxed, "generated")
        numbers = parse_system(system)
        _, found = distances([numbers], hulls, judged)
        above = found.known
        if options.figures:
            evaluate(options.figures / system, hulls, judged, [numbers], overwrite=True)
    there = np.isfinite(above)
    share = np.mean(np.abs(fall) < 0.2) if len(fall) else float("nan")
    error = np.sqrt(share * (1 - share) / max(len(fall), 1))
    return (
        f"{system:10}{len(made):5}{len(relaxed):5} {mean(np.abs(fall))} {share:5.2f}±{error:<4.2f} "
        f"{mean(formation)} {mean(above[there])} {int(below(above[there]).sum()):4} "
        f"of {int(there.sum())} ({len(reference)} known)"
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("-n", type=int, default=40)
    parser.add_argument("--source", default="pool")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--potential", default="chgnet")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--fmax", type=float, default=0.1)
    parser.add_argument("--max-atoms", type=int, default=20)
    parser.add_argument("--system", action="append", default=[])
    parser.add_argument("--figures", type=Path, help="folder for tables and pictures of the hulls")
    options = parser.parse_args()
    model, dataset = tfmat.load(options.model, threads=1), Dataset.open(options.data)
    print(
        f"{'system':10}{'made':>5}{'rel.':>5} {'mean |dEf|':>14} {'< 0.2':>10} {'mean Ef':>14} "
        f"{'mean above':>14} below"
    )
    for system in options.system or PAPER:
        began = time.process_time()
        print(row(model, system, dataset, options), f"{time.process_time() - began:.0f} s")
        if system in PAPER:
            paper = PAPER[system]
            print(
                f"{'  paper':10}{paper.made:5}{'':5} {paper.fall:7.3f}{'':7} "
                f"{paper.near / paper.made:5.2f}{'':5} {paper.formation:7.3f}{'':7} "
                f"{paper.above:7.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
