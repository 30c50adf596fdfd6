"""How good the crystals of a writer are, beside the structures that it was trained on.

    python benchmarks/writer.py RUN --data DATA [-n 1000] [--seed 7] [--keep 0.5]
        [--relax 100 [--potential chgnet,sevennet] [--baselines [--autoencoder PACKAGE]]]

Prints, for as many training structures and for what was written: the share of sound ones (no
contact below 2 Å, volume per atom between the 5% and 95% quantile of the training structures), the
share with symmetry (0.1 Å), the total variation of composition and of atoms per cell to the
training structures, and for what was written the shares that are unique, in training, and both
unique and new. ``--baselines`` adds what needs no network: training structures whose atoms are
moved at random (0.15 Å along each axis), and atoms at random places of training cells; and with
``--autoencoder`` training structures through the encoders and decoders of a package.

With ``--relax`` so many of each are relaxed with each potential: the mean and median fall of the
energy, the share that falls by less than 0.2 eV/atom (failures count as more) with its standard
error, of all and of the unique and new ones alone, the share that keeps its prototype, the mean
formation energy of the relaxed ones, and the shares that are stable and metastable, as paper 004
defines them, beside the hull of DATA on the potential's own scale. Baselines are relaxed with the
first potential alone.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import tfmat
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

# How far atoms are moved along each axis, Å (standard deviation).
NOISE = 0.15
ENERGY = "formation_energy_per_atom"


def volumes(crystals: Sequence[Crystal]) -> NDArray[np.float64]:
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


def new_ones(
    crystals: Sequence[Crystal], training: Sequence[Crystal]
) -> tuple[NDArray[np.bool_], str]:
    """Returns which are unique and new, and the line that counts them."""
    index = NoveltyIndex(training, [str(row) for row in range(len(training))])
    entries = [Entry(str(row), one, "") for row, one in enumerate(crystals)]
    found = judge(entries, {"training": index}, distances=False)
    unique = np.array([one.distinct for one in found])
    novel = np.array([one.novel for one in found])
    return unique & novel, (
        f"  of {len(crystals)}: unique {unique.mean():.3f}, in training {1 - novel.mean():.3f}, "
        f"unique and new {share(unique & novel)}"
    )


def share(flags: NDArray[np.bool_]) -> str:
    """Returns a share with its standard error."""
    mean = flags.mean() if len(flags) else np.nan
    return f"{mean:.3f} ± {np.sqrt(mean * (1 - mean) / max(1, len(flags))):.3f} (of {len(flags)})"


def relaxed(crystals: Sequence[Crystal], potential: str, new: NDArray[np.bool_], data: Path) -> str:
    """Returns the lines of how far the energies fall.

    Args:
        crystals: What is relaxed.
        potential: With what.
        new: Which of these are unique and new; none for what was not written.
        data: The dataset whose hull, on the potential's scale, counts.
    """
    found = tfmat.relax(crystals, potential=potential, steps=300)
    rows = np.array([int(one.properties["id"].rpartition("-")[2]) for one in found])
    falls = np.array([one.properties[f"delta_{ENERGY}"] for one in found])
    energies = np.array([one.properties[ENERGY] for one in found])
    kept = np.mean([bool(one.properties["kept_prototype"]) for one in found])
    below = np.zeros(len(crystals), bool)
    below[rows] = falls < 0.2
    line = (
        f"  {potential}, of {len(crystals)} relaxed: fall mean {falls.mean():.3f}, median "
        f"{np.median(falls):.3f} eV/atom, below 0.2 {share(below)}, failed "
        f"{len(crystals) - len(falls)}, prototype kept {kept:.3f}, then {energies.mean():.3f} "
        "eV/atom"
    )
    if len(new):
        line += f"; of the new ones below 0.2 {share(below[: len(new)][new[: len(below)]])}"
    beside = tfmat.hull(found, str(data))
    return line + (
        f"; stable {beside.stable.sum() / len(crystals):.3f}, metastable "
        f"{beside.metastable.sum() / len(crystals):.3f}"
    )


def through(package: str, crystals: Sequence[Crystal]) -> list[Crystal]:
    """Returns what an autoencoder makes of crystals, of those that it can encode."""
    model = tfmat.load(package)
    decoded = model.decode(model.encode([one.to_structure() for one in crystals]))
    return [Crystal.from_structure(one) for one in decoded if one is not None]


def moved(crystal: Crystal, random: np.random.Generator) -> Crystal:
    """Returns a crystal whose atoms are moved."""
    shifts = random.normal(0, NOISE, crystal.positions.shape)
    return replace(crystal, positions=crystal.positions + shifts)


def scattered(crystal: Crystal, random: np.random.Generator) -> Crystal:
    """Returns the cell of a crystal with its atoms anywhere."""
    return replace(crystal, positions=random.random(crystal.positions.shape) @ crystal.lattice)


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--relax", type=int, default=0)
    parser.add_argument("--potential", default="chgnet", help="one or several, with commas")
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--autoencoder", help="a package with encoders and decoders")
    parser.add_argument("--novelty", type=int, default=300)
    parser.add_argument("--attempts", type=int, help="in place of the recipe's")
    parser.add_argument("--same-cell", type=int, help="in place of the recipe's")
    parser.add_argument("--keep", type=float, help="share that is kept, as of tfmat generate")
    return parser.parse_args()


def main() -> None:
    """Measures."""
    options = arguments()
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
    random = np.random.default_rng(options.seed)
    drawn = [training[row] for row in random.choice(len(training), len(made))]
    groups = {"training": drawn}
    if options.autoencoder:
        groups["training, through the autoencoder"] = through(options.autoencoder, drawn)
    if options.baselines:
        groups["training, moved"] = [moved(one, random) for one in drawn]
        groups["training cells, atoms anywhere"] = [scattered(one, random) for one in drawn]
    groups["written"] = made
    for name, crystals in groups.items():
        print(describe(name, crystals, training), flush=True)
        new = np.zeros(0, bool)
        if name != "training":
            new, line = new_ones(crystals[: options.novelty], training)
            print(line, flush=True)
        for place, potential in enumerate(options.potential.split(",") if options.relax else ()):
            if name != "written" and place:
                continue
            print(relaxed(crystals[: options.relax], potential, new, options.data), flush=True)


if __name__ == "__main__":
    main()
