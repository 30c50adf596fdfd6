"""Novelty of 10,000 structures against 50,000 known ones, and whether the verdicts are exact.

    python benchmarks/novelty.py --data mp_le20 [--every 5] [--system bi-se-large] [--json FILE]

DATA is a dataset of at least 60,000 structures, as `tfmat data import` makes it of `mp_le20`. Known
are 50,000 of it, drawn at random; --known and --queries are for a smaller one. The queries are
structures of DATA that are not among them (unrelated; some have a known copy all the same), known
ones that were disturbed (noise of the atoms, strain, another cell or a supercell), and structures
that `tfmat generate ccdcgan` makes of bismuth and selenium. Times are processor seconds of one
process with one thread, measured in one run, with no index on disk and with the index that the
first pass left.

The verdicts are then compared with pymatgen alone: StructureMatcher.fit in both forms, nothing
reduced beforehand, for all pairs of equal reduced formula of some queries, and for random pairs of
other formulas.

SYSTEM is a dataset of bismuth and selenium with thousands of structures of a formula. 10,000
generated structures, and all of its own after they were disturbed, are judged against it.
"""

from __future__ import annotations

import os

# One core: before NumPy starts its threads.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import recorded  # noqa: E402

from tfmat.crystals.crystal import Crystal  # noqa: E402
from tfmat.crystals.matching import matchers  # noqa: E402
from tfmat.crystals.reduced_cells import Cell  # noqa: E402
from tfmat.datasets.sources import Entry, read_source  # noqa: E402
from tfmat.datasets.splits.groups import formula  # noqa: E402
from tfmat.datasets.store import Dataset, DatasetWriter  # noqa: E402
from tfmat.evaluation.novelty.count import judge, summarise  # noqa: E402
from tfmat.evaluation.novelty.index import NoveltyIndex  # noqa: E402
from tfmat.evaluation.novelty.lattices import LatticeTree, unit_lattice  # noqa: E402
from tfmat.evaluation.novelty.screen import Screen  # noqa: E402

KNOWN, QUERIES, GENERATED = 50_000, 10_000, 2_000


def main() -> int:
    """Parses the words, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="dataset of more structures than are known")
    parser.add_argument("--system", help="dataset of one chemical system")
    parser.add_argument("--every", type=int, default=1, help="judge one query of so many")
    parser.add_argument("--sample", type=int, default=300, help="queries checked by brute force")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--known", type=int, default=KNOWN, help="structures that are known")
    parser.add_argument("--queries", type=int, default=QUERIES, help="structures that are judged")
    recorded.add_option(parser)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        data, every = Dataset.open(options.data), options.every
        sizes = options.known, options.queries
        found["novelty"] = novelty(data, Path(scratch), options.sample, rng, every, sizes)
        if options.system:
            data = Dataset.open(options.system)
            found["system"] = system(data, Path(scratch), options.sample // 30, rng)
    if options.json:
        title = "Novelty of structures"
        recorded.write(options.json, __file__, title, list(tables(found)), {})
    return 0


def tables(found: dict[str, Any]) -> Iterator[recorded.Table]:
    """Yields the tables of what was measured."""
    result = found["novelty"]
    seconds = [[name, value] for name, value in result.items() if isinstance(value, float)]
    title = f"{result['queries']:,} structures against {result['known']:,} known ones"
    yield recorded.Table(title, {"pass": "text", "processor, s": "number"}, seconds)
    if "system" in found:
        result = found["system"]
        lines: list[list[Any]] = [["known structures reduced once", result["reduced"]]]
        lines += [[name, result[name]["seconds"]] for name in ("generated", "its own disturbed")]
        title = f"One system with {result['structures']:,} known structures"
        yield recorded.Table(title, {"what": "text", "processor, s": "number"}, lines)
    for name, result in found.items():
        lines = [[key.replace("_", " "), value] for key, value in result["agreement"].items()]
        title = f"Agreement with pymatgen alone ({name})"
        yield recorded.Table(title, {"what": "text", "number": "count"}, lines)


def novelty(
    data: Dataset,
    scratch: Path,
    sample: int,
    rng: np.random.Generator,
    every: int,
    sizes: tuple[int, int],
) -> dict[str, Any]:
    """Measures queries against known structures; sizes are those of known ones and queries."""
    order, wanted = rng.permutation(len(data)), sizes[1]
    known, rest = np.sort(order[: sizes[0]]), order[sizes[0] :]
    with DatasetWriter(scratch / "known", {"name": "known"}) as writer:
        for row in known:
            writer.add(data[int(row)], data.ids[int(row)])
    dataset = Dataset.open(scratch / "known")
    made = generated(scratch / "generated", min(GENERATED, wanted // 5))
    unrelated = [data[int(row)] for row in rest[: (wanted - len(made)) // 2]]
    count = wanted - len(made) - len(unrelated)
    disturbed = [disturb(data[int(row)], rng) for row in rng.choice(known, count, replace=False)]
    queries = [*unrelated, *disturbed, *made][::every]
    print(
        f"{len(queries)} queries (of {len(unrelated)} unrelated, {len(disturbed)} disturbed and "
        f"{len(made)} generated) against {len(dataset)} known"
    )
    entries = [Entry(str(row), crystal) for row, crystal in enumerate(queries)]
    result: dict[str, Any] = {"queries": len(queries), "known": len(dataset)}
    for label, distances in (
        ("no index yet, with distances", True),
        ("index on disk, with distances", True),
        ("index on disk, verdicts alone", False),
    ):
        start = time.process_time()
        with NoveltyIndex.open(dataset, scratch / "index") as index:
            verdicts = judge(entries, {"known": index}, distances=distances)
        seconds = time.process_time() - start
        result[label] = seconds
        print(f"{seconds:8.1f} s  {label}")
    summary = summarise(verdicts, {"known": index})
    print(json.dumps(summary["against"]["known"]))
    result["summary"] = summary
    chosen = rng.choice(len(queries), sample, replace=False).tolist()
    novel = [verdicts[row].known["known"] is None for row in chosen]
    result["agreement"] = agreement([queries[row] for row in chosen], novel, index, rng)
    return result


def generated(folder: Path, count: int) -> list[Crystal]:
    """Generates structures of bismuth and selenium with the package that ships."""
    words = ["generate", "ccdcgan", "-n", str(count), "--seed", "7", "--out", str(folder)]
    program = [sys.executable, "-c", "from tfmat.cli.main import main; main()"]
    subprocess.run([*program, *words], check=True, capture_output=True)
    entries = read_source(folder).entries
    return [entry.crystal for entry in entries if entry.crystal is not None]


def disturb(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Moves atoms (0 to 0.15 Å), strains the cell (1%), scales it, and describes it otherwise."""
    cell, positions, numbers = crystal.lattice, crystal.positions, crystal.numbers
    fractional = positions @ np.linalg.inv(cell)
    change = np.eye(3, dtype=int)
    kind = rng.integers(3)
    if kind == 1:  # a skewed cell
        change[0, 1], change[1, 2] = rng.integers(-2, 3, 2)
    elif kind == 2 and len(crystal) <= 12:  # a supercell
        change = np.diag(rng.permutation([1, 1, 2]))
    images = list(np.ndindex(*change.diagonal()))
    fractional = np.concatenate([fractional + shift for shift in images]) @ np.linalg.inv(change)
    numbers = np.concatenate([numbers] * len(images))
    strain = np.eye(3) * rng.uniform(0.95, 1.05) + rng.normal(0, 0.01, (3, 3))
    cell = change @ cell @ strain
    noise = rng.normal(0, 1, fractional.shape) * rng.uniform(0, 0.15) / np.sqrt(3)
    return Crystal.from_arrays(cell, (fractional + rng.uniform(size=3)) @ cell + noise, numbers)


def agreement(
    queries: Sequence[Crystal], novel: Sequence[bool], index: NoveltyIndex, rng: np.random.Generator
) -> dict[str, int]:
    """Compares verdicts with pymatgen alone: every pair of equal formula, and others at random."""
    judges = matchers()
    pairs = differing = matching = wrong = others = 0
    start = time.process_time()
    for crystal, verdict in zip(queries, novel, strict=True):
        structure = crystal.to_structure()
        matched = {match.row for match in index.matches(crystal)}
        for row in index.rows(formula(crystal)).tolist():
            known = index.crystals[row].to_structure()
            same = any(judge.fit(structure, known) for judge in judges)
            pairs += 1
            matching += same
            differing += same != (row in matched)
        wrong += verdict != (not matched)
        for row in rng.integers(len(index), size=20).tolist():
            if formula(index.crystals[row]) != formula(crystal):
                known = index.crystals[row].to_structure()
                others += 1
                differing += any(judge.fit(structure, known) for judge in judges)
    seconds = time.process_time() - start
    print(
        f"brute force of {len(queries)} queries, {pairs} pairs of equal formula ({matching} match) "
        f"and {others} of others: {differing} pairs and {wrong} verdicts differ ({seconds:.0f} s)"
    )
    return {
        "queries": len(queries),
        "pairs": pairs,
        "matching_pairs": matching,
        "pairs_of_other_formulas": others,
        "differing_pairs": differing,
        "differing_verdicts": wrong,
    }


def sieve(index: NoveltyIndex, sample: int, rng: np.random.Generator) -> dict[str, Any]:
    """Measures what each condition leaves of the pairs of the most frequent formula."""
    name = max(index.formulas, key=lambda name: len(index.rows(name)))
    reduced = [index.reduced(int(row)) for row in index.rows(name)]
    groups: dict[int, list[Cell]] = {}
    for cell in (item.primitive for item in reduced if item is not None):
        groups.setdefault(len(cell), []).append(cell)
    screens = {size: Screen(cells) for size, cells in groups.items()}
    trees = {
        size: LatticeTree([unit_lattice(cell.lattice) for cell in cells])
        for size, cells in groups.items()
    }
    judge_pair, _ = matchers()
    left = dict.fromkeys(("formula", "atoms in the cell", "lattices", "positions", "match"), 0)
    seconds = dict.fromkeys(("lattices", "positions", "match"), 0.0)
    cells = [cell for group in groups.values() for cell in group]
    for place in rng.choice(len(cells), sample, replace=False).tolist():
        cell = cells[place]
        start = time.process_time()
        mappings = trees[len(cell)].mappings(unit_lattice(cell.lattice))
        lattices = time.process_time()
        candidates = list(screens[len(cell)].candidates(cell))
        positions = time.process_time()
        structure = cell.to_structure()
        for known in candidates:
            other = groups[len(cell)][known].to_structure()
            left["match"] += judge_pair.fit(structure, other, skip_structure_reduction=True)
        seconds["lattices"] += lattices - start
        seconds["positions"] += positions - lattices
        seconds["match"] += time.process_time() - positions
        left["formula"] += len(reduced)
        left["atoms in the cell"] += len(groups[len(cell)])
        left["lattices"] += len(np.unique(mappings.known))
        left["positions"] += len(candidates)
    print(f"what is left of {len(reduced)} structures of a formula, for a query:")
    for stage, count in left.items():
        spent = f"{1e3 * seconds[stage] / sample:8.2f} ms" if stage in seconds else ""
        print(f"{count / sample:10.1f}  {stage:<18}{spent}")
    return {"left": left, "seconds": seconds, "queries": sample}


def system(data: Dataset, scratch: Path, sample: int, rng: np.random.Generator) -> dict[str, Any]:
    """Measures one system: thousands of structures for each of a few formulas."""
    print(f"one system with {len(data)} known structures")
    result: dict[str, Any] = {"structures": len(data)}
    start = time.process_time()
    index = NoveltyIndex.build(data)
    result["reduced"] = time.process_time() - start
    print(f"{result['reduced']:8.1f} s  known structures reduced once")
    result["sieve"] = sieve(index, 4 * sample, np.random.default_rng(1))
    rows = rng.permutation(len(data))
    for label, crystals in (
        ("generated", generated(scratch / "system", QUERIES)),
        ("its own disturbed", [disturb(data[int(row)], rng) for row in rows]),
    ):
        start = time.process_time()
        verdicts = judge(
            [Entry(str(row), crystal) for row, crystal in enumerate(crystals)],
            {"known": index},
            distances=False,
        )
        seconds = time.process_time() - start
        summary = summarise(verdicts, {"known": index})
        result[label] = {"seconds": seconds, "summary": summary}
        print(
            f"{seconds:8.1f} s  {len(crystals)} structures, {label}: {summary['distinct']} "
            f"distinct, {summary['against']['known']['novel']} novel"
        )
    chosen = [data[int(row)] for row in rows[:sample]]
    start = time.process_time()
    count = sum(len(list(index.matches(crystal))) for crystal in chosen)
    result["all_matches_of_a_query"] = (time.process_time() - start) / len(chosen)
    print(
        f"{1e3 * result['all_matches_of_a_query']:8.1f} ms for all matches of a query "
        f"({count / len(chosen):.1f} of them)"
    )
    chosen = [disturb(crystal, rng) for crystal in chosen]
    novel = [index.match(crystal) is None for crystal in chosen]
    result["agreement"] = agreement(chosen, novel, index, rng)
    return result


if __name__ == "__main__":
    sys.exit(main())
