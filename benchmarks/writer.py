"""How good the crystals of a writer are, beside the structures that it was trained on.

    python benchmarks/writer.py RUN --data DATA [-n 1000] [--seed 7] [--relax 60] [--keep 0.5]

Prints, for as many training structures and for what was written: the share of sound ones (no
contact below 2 Å, volume per atom between the 5% and 95% quantile of the training structures), the
share with symmetry (0.1 Å), the total variation of composition and of atoms per cell to the
training structures, and for what was written the shares that are unique, in training, and both
unique and new. With ``--relax`` so many of each are relaxed with CHGNet: the mean and median fall
of the energy, and the share that falls by less than 0.2 eV/atom; failures count as more.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import PARTS, Result, generate
from tfmat.ccdcgan.request import StructureRequest
from tfmat.ccdcgan.training.data import load_training_data
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_distance
from tfmat.crystals.symmetry import space_group
from tfmat.datasets.sources import Entry
from tfmat.datasets.store import Dataset
from tfmat.evaluation.novelty.count import judge
from tfmat.evaluation.novelty.index import NoveltyIndex
from tfmat.inference.package import load


def volumes(crystals: Sequence[Crystal]) -> np.ndarray:
    """Returns volumes per atom in Å³."""
    return np.array([abs(np.linalg.det(one.lattice)) / len(one) for one in crystals])


def composition(crystal: Crystal) -> tuple[tuple[int, int], ...]:
    """Returns what is the same for cells of one reduced formula."""
    counts = Counter(crystal.numbers.tolist())
    divisor = int(np.gcd.reduce(list(counts.values())))
    return tuple(sorted((number, count // divisor) for number, count in counts.items()))


def variation(one: Sequence[object], other: Sequence[object]) -> float:
    """Returns the total variation of two samples."""
    first, second = Counter(one), Counter(other)
    keys = set(first) | set(second)
    return 0.5 * sum(abs(first[key] / len(one) - second[key] / len(other)) for key in keys)


def describe(name: str, crystals: Sequence[Crystal], training: Sequence[Crystal]) -> str:
    """Returns the line of what needs no potential."""
    low, high = np.quantile(volumes(training), [0.05, 0.95])
    found = volumes(crystals)
    far = np.array([shortest_distance(one) >= 2 for one in crystals])
    sound = far & (found >= low) & (found <= high)
    symmetric = np.mean([space_group(one, 0.1)[1] > 1 for one in crystals])
    kinds = variation([*map(composition, crystals)], [*map(composition, training)])
    sizes = variation([*map(len, crystals)], [*map(len, training)])
    return (
        f"{name}: {len(crystals)} structures, beyond 2 Å {far.mean():.3f}, sound "
        f"{sound.mean():.3f}, volume {np.median(found):.1f} Å³/atom, not P1 {symmetric:.3f}, "
        f"TV composition {kinds:.3f}, TV atoms {sizes:.3f}"
    )


def novelty(crystals: Sequence[Crystal], training: Sequence[Crystal]) -> str:
    """Returns the line of what is unique and new."""
    index = NoveltyIndex(training, [str(row) for row in range(len(training))])
    entries = [Entry(str(row), one, "") for row, one in enumerate(crystals)]
    found = judge(entries, {"training": index}, distances=False)
    unique = np.array([one.distinct for one in found])
    novel = np.array([one.novel for one in found])
    return (
        f"  unique {unique.mean():.3f}, in training {1 - novel.mean():.3f}, unique and new "
        f"{(unique & novel).mean():.3f}"
    )


def relaxed(crystals: Sequence[Crystal]) -> str:
    """Returns the line of how far the energies fall."""
    from tfmat.relaxation.potentials.chgnet import chgnet
    from tfmat.relaxation.relax import relax

    ends = relax(crystals, chgnet(), steps=300, fmax=0.05, cell=True, symmetry=False)
    falls = np.array([end.initial_energy - end.energy for end in ends if not end.reason])
    below = (falls < 0.2).sum() / len(crystals)
    return (
        f"  of {len(crystals)} relaxed: fall mean {falls.mean():.3f}, median "
        f"{np.median(falls):.3f} eV/atom, below 0.2 {below:.3f}, failed {len(ends) - len(falls)}"
    )


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--relax", type=int, default=0)
    parser.add_argument("--novelty", type=int, default=300)
    parser.add_argument("--attempts", type=int, help="in place of the recipe's")
    parser.add_argument("--same-cell", type=int, help="in place of the recipe's")
    parser.add_argument("--keep", type=float, help="share that is kept, as of tfmat generate")
    options = parser.parse_args()
    codec = Codec.from_package(load(options.run, threads=1, parts=PARTS))
    changed = {
        name: value
        for name in ("attempts", "same_cell")
        if (value := getattr(options, name)) is not None
    }
    codec = replace(
        codec, recipe=replace(codec.recipe, writer=replace(codec.recipe.writer, **changed))
    )
    seed = codec.package.metadata["seed"]
    data = load_training_data(
        codec.recipe.data, Dataset.open(options.data), codec.recipe.voxels.room, seed
    )
    training = [data.crystals[row] for row in data.train]
    request = StructureRequest(max_atoms=codec.recipe.data.max_atoms, keep=options.keep)
    began, used = time.monotonic(), time.process_time()
    results: list[Result] = list(generate(codec, options.n, options.seed, request=request))
    seconds = time.monotonic() - began, time.process_time() - used
    made = [one.crystal for one in results if one.crystal is not None]
    print(
        f"written {len(made) / len(results):.3f} of {len(results)} in {seconds[0]:.1f} s, "
        f"{seconds[1]:.1f} s of processor"
    )
    chosen = np.random.default_rng(options.seed).choice(len(training), len(made))
    print(describe("training", [training[row] for row in chosen], training), flush=True)
    print(describe("written", made, training), flush=True)
    print(novelty(made[: options.novelty], training), flush=True)
    if options.relax:
        print(relaxed(made[: options.relax]), flush=True)


if __name__ == "__main__":
    main()
