r"""How well critic and constraint of environments know structures that they have not seen.

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 \
    python benchmarks/environments.py --data FOLDER --out FOLDER [--generated FOLDER] [--seeds 3]

Labels are computed once, into ``OUT/labels``, and go on where a kill has left them. Each seed has
its own split by formula, weights and batches. Beside the constraint stand the mean energy of like
compositions, and gradient boosting on shares of the elements and volume per atom.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.critic import CriticTrainer
from tfmat.ccdcgan.environments.judging import Judgement
from tfmat.ccdcgan.environments.labels import KINDS, Disturbance, Labels, Sample, disturbed, label
from tfmat.ccdcgan.environments.recipe import CriticRecipe, DescriptorRecipe, EnergyRecipe
from tfmat.ccdcgan.environments.rejection import WAYS, better_share
from tfmat.ccdcgan.environments.training import environment_data, predict, train_energies
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.select import passes
from tfmat.datasets.sources import read_source
from tfmat.datasets.store import Dataset
from tfmat.relaxation.potentials.registry import find_potential
from tfmat.training.log import RunLog
from tfmat.training.loop import Stage
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

MOST_ATOMS = 20
# Shortest distances of a writer, in shares of the sum of covalent radii: 2.75 Å for Bi-Bi.
CONTACT = 0.93
IMAGES = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
# Fractions that atoms are put on: halves, thirds, ..., and the 96 bins of the writer.
GRIDS = (2, 3, 4, 6, 6, 8, 12, 96)


def placed(crystal: Crystal, random: np.random.Generator) -> Crystal | None:
    """Returns the cell of a crystal with its atoms anywhere on a grid, none too near to another."""
    from ase.data import covalent_radii

    cell = crystal.lattice * np.exp(0.02 * random.normal())
    grid, numbers = int(random.choice(GRIDS)), random.permutation(crystal.numbers)
    sites: list[NDArray[np.float64]] = []
    for number in numbers:
        for _ in range(40):
            site = random.integers(grid, size=3) / grid
            away = np.array(sites).reshape(-1, 3) - site
            away = (away - np.round(away))[:, None] + IMAGES
            distances = np.linalg.norm(away @ cell, axis=2).min(axis=1)
            radii = covalent_radii[numbers[: len(sites)]] + covalent_radii[number]
            if (distances > CONTACT * radii).all():
                sites.append(site)
                break
        else:
            return None
    return Crystal(cell, np.array(sites) @ cell, numbers)


def shuffled(crystal: Crystal, random: np.random.Generator) -> Crystal | None:
    """Returns a crystal with the elements of its atoms exchanged."""
    from tfmat.crystals.contacts import shortest_contact

    numbers = random.permutation(crystal.numbers)
    other = Crystal(crystal.lattice, crystal.positions, numbers)
    sound = (numbers != crystal.numbers).any() and shortest_contact(other) > CONTACT
    return other if sound else None


def samples(data: Path, generated: Path | None, count: int) -> list[Sample]:
    """Returns relaxed structures, disturbed ones, and stand-ins for written ones."""
    dataset = Dataset.open(data)
    relaxed = [
        Sample(dataset.ids[row], "relaxed", crystal)
        for row, crystal in enumerate(dataset)
        if passes(crystal, MOST_ATOMS)
    ]
    random, written = np.random.default_rng(0), []
    for make, part in ((placed, 2 * count // 3), (shuffled, count // 3)):
        made = 0
        while made < part:
            crystal = make(relaxed[random.integers(len(relaxed))].crystal, random)
            if crystal is not None:
                written.append(Sample(f"{make.__name__}-{made}", "written", crystal))
                made += 1
    if generated is not None:
        written += [
            Sample(entry.identifier, "written", entry.crystal)
            for entry in read_source(generated).entries
            if entry.crystal is not None and passes(entry.crystal, MOST_ATOMS)
        ]
    return [*relaxed, *disturbed(relaxed, Disturbance()), *written]


def features(crystals: list[Crystal], numbers: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns shares of the elements and volume per atom."""
    shares = [[(crystal.numbers == z).mean() for z in numbers] for crystal in crystals]
    volumes = [abs(np.linalg.det(crystal.lattice)) / len(crystal) for crystal in crystals]
    return np.column_stack([shares, volumes])


def baselines(x: NDArray[np.float64], y: NDArray[np.float64], of: NDArray[np.float64]) -> dict:
    """Returns what predicts the energies of ``of`` without environments."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    apart = np.abs(of[:, None, :-1] - x[None, :, :-1]).sum(axis=2) / 2
    weights = np.exp(-0.5 * (apart / 0.05) ** 2)
    boosted = HistGradientBoostingRegressor(loss="absolute_error", random_state=0).fit(x, y)
    return {
        "mean of like compositions": (weights @ y) / weights.sum(axis=1),
        "boosting, composition and volume": boosted.predict(of),
    }


def show(
    name: str, predicted: NDArray[np.float64], true: NDArray[np.float64], kinds: NDArray
) -> None:
    """Prints errors by kind."""
    groups = {kind: kinds == number for number, kind in enumerate(KINDS)}
    groups["as made"] = kinds > 0
    words = []
    for group, chosen in groups.items():
        off, energies = predicted[chosen] - true[chosen], true[chosen]
        mae, r2 = np.abs(off).mean(), 1 - (off * off).mean() / energies.var()
        words.append(f"{group} {len(energies)}: MAE {mae:.4f} R2 {r2:.3f}")
    print(f"  {name}: " + "; ".join(words), flush=True)


def main() -> None:
    """Labels, trains, measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="dataset of relaxed structures")
    parser.add_argument("--generated", type=Path, help="folder of tfmat generate ccdcgan")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--written", type=int, default=3000, help="stand-ins for written ones")
    parser.add_argument("--potential", default="chgnet")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=EnergyRecipe().steps)
    parser.add_argument("--critic-steps", type=int, default=300)
    given = parser.parse_args()
    if not (given.out / "labels").exists():
        made = samples(given.data, given.generated, given.written)
        print(
            label(
                made,
                given.out / "labels",
                find_potential(given.potential),
                source={"name": given.data.name},
            )
        )
    labels = Labels.open(given.out / "labels")
    numbers = tuple(sorted({int(z) for c in labels.crystals for z in c.numbers}, reverse=True))
    descriptor = DescriptorRecipe().descriptor(numbers)
    began = time.process_time()
    descriptor.describe(labels.crystals)
    spent = (time.process_time() - began) / len(labels) * 1e3
    print(f"{len(labels)} structures; {spent:.3f} ms of one core to describe one")
    recipe = EnergyRecipe(steps=given.steps)
    for seed in given.seeds:
        data = environment_data(labels, descriptor, MOST_ATOMS, seed=seed)
        folder = given.out / f"seed-{seed}-{given.steps}"
        record = {"name": "labels", "path": "labels", "sha256": ""}
        run = (
            Run.open(folder) if folder.exists() else Run.start(folder, {"name": "x"}, seed, record)
        )
        began = time.process_time()
        network = train_energies(
            Stage("energies", run, RunLog(folder), Devices("one")), recipe, data
        )
        print(f"seed {seed}: {len(data.train)} to learn from, {time.process_time() - began:.0f} s")
        learned = np.clip(data.energies, recipe.lowest, recipe.highest)
        true, kinds = learned[data.test], data.kinds[data.test]
        energies = predict(network, data.environments[data.test])
        show("constraint", energies, true, kinds)
        x = features(labels.crystals, numbers)
        for name, predicted in baselines(x[data.train], learned[data.train], x[data.test]).items():
            show(name, predicted, true, kinds)
        critic = CriticTrainer(descriptor, MOST_ATOMS, CriticRecipe(), seed)
        relaxed = data.environments[data.train[data.kinds[data.train] == 0]]
        written = data.environments[data.train[data.kinds[data.train] == 2]]
        for number in range(given.critic_steps):
            critic.update(relaxed, written, number)
        scores = predict(critic.critic, data.environments[data.test])
        held = np.flatnonzero(kinds == 2)
        by_critic, by_constraint = (
            np.corrcoef(values[held], true[held])[0, 1] for values in (scores, energies)
        )
        print(
            f"  held-out written: correlation of the energy with the critic {by_critic:.2f}, with "
            f"the constraint {by_constraint:.3f}; median {np.median(true[held]):.3f} eV/atom"
        )
        crystals = [labels.crystals[data.test[row]] for row in held]
        judgement = Judgement(energies[held], scores[held])
        for by in WAYS:
            kept = better_share(crystals, judgement, numbers, 0.5, by)
            print(
                f"  better half by {by}: median {np.median(true[held][kept]):.3f} eV/atom",
                flush=True,
            )


if __name__ == "__main__":
    main()
