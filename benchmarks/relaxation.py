"""Relaxing in batches against CHGNet's own StructOptimizer, structure by structure, side by side.

    python benchmarks/relaxation.py -n 48
    python benchmarks/relaxation.py -n 48 --data my-structures

Without ``--data`` the starts are AFLOW's binary prototypes filled with Bi and Se at the volume of
lowest energy, which is what ``tfmat data build`` relaxes. Both sides get the same starts, ``fmax``
and largest number of steps on one thread of one process; times are processor seconds, so other
work on the machine counts little. StructOptimizer is asked for nothing but the relaxation (no
output, its default optimiser FIRE).
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from typing import Any

# Before NumPy is loaded: threads that wait for each other burn processor time.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np

from tfmat.crystals.contacts import touching
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.databases.substitute import candidate
from tfmat.relaxation.potentials.chgnet import ChgnetCalculator
from tfmat.relaxation.potentials.corrections import anion_correction
from tfmat.relaxation.relax import relax
from tfmat.relaxation.volume import scan_volumes

# Energies that differ by less are the same minimum, eV/atom.
_SAME = 0.005


def starts(count: int, data: str | None, seed: int, calculator: ChgnetCalculator) -> list[Crystal]:
    """Returns crystals to relax."""
    random = np.random.default_rng(seed)
    if data is not None:
        dataset = Dataset.open(data)
        rows = random.choice(len(dataset), min(count, len(dataset)), replace=False)
        return [dataset[int(row)] for row in rows]
    prototypes = [prototype for prototype in aflow() if len(prototype) <= 20]
    chosen = random.choice(len(prototypes), min(count, len(prototypes)), replace=False)
    filled = [candidate(prototypes[number], (83, 34)) for number in chosen]
    scans = scan_volumes([touching(item.crystal) for item in filled], calculator)
    return [scan.crystal for scan in scans if scan.crystal is not None]


def one_by_one(crystals: list[Crystal], fmax: float, steps: int) -> dict[str, Any]:
    """Relaxes with CHGNet's StructOptimizer."""
    from chgnet.model import CHGNet, StructOptimizer

    model = CHGNet.load(use_device="cpu", verbose=False)
    optimiser = StructOptimizer(model, use_device="cpu", on_isolated_atoms="ignore")
    optimiser.relax(crystals[0].to_structure(), steps=1, verbose=False)
    begin, wall = time.process_time(), time.monotonic()
    energies, taken, converged = [], [], 0
    for crystal in crystals:
        end = optimiser.relax(crystal.to_structure(), fmax=fmax, steps=steps, verbose=False)
        trajectory = end["trajectory"]
        energies.append(trajectory.energies[-1] / len(crystal))
        # The observer writes the last geometry twice, and the first counts as none.
        taken.append(len(trajectory) - 2)
        converged += taken[-1] < steps
    return record(begin, wall, taken, converged) | {
        "energies": np.array(energies) - [anion_correction(item.numbers) for item in crystals]
    }


def in_batches(
    crystals: list[Crystal], fmax: float, steps: int, calculator: ChgnetCalculator
) -> dict[str, Any]:
    """Relaxes with tfmat."""
    relax(crystals[:1], calculator, steps=1)
    begin, wall = time.process_time(), time.monotonic()
    ends = relax(crystals, calculator, fmax=fmax, steps=steps)
    found = record(begin, wall, [end.steps for end in ends], sum(end.converged for end in ends))
    return found | {"energies": np.array([end.energy for end in ends])}


def record(begin: float, wall: float, taken: list[int], converged: int) -> dict[str, Any]:
    """Returns times and steps since a start."""
    seconds = time.process_time() - begin
    return {
        "structures_per_cpu_second": round(len(taken) / seconds, 3),
        "cpu_seconds": round(seconds, 2),
        "wall_seconds": round(time.monotonic() - wall, 2),
        "mean_steps": round(float(np.mean(taken)), 1),
        "cpu_ms_per_step": round(1e3 * seconds / max(sum(taken), 1), 2),
        "converged": converged,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=48, help="structures")
    parser.add_argument("--data", help="a dataset of starts")
    parser.add_argument("--fmax", type=float, default=0.05, help="eV/Å")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    calculator = ChgnetCalculator()
    crystals = starts(arguments.n, arguments.data, arguments.seed, calculator)
    batch = in_batches(crystals, arguments.fmax, arguments.steps, calculator)
    single = one_by_one(crystals, arguments.fmax, arguments.steps)
    difference = batch.pop("energies") - single.pop("energies")
    summary = {
        "structures": len(crystals),
        "mean_atoms": round(float(np.mean([len(crystal) for crystal in crystals])), 1),
        "tfmat": batch,
        "StructOptimizer": single,
        "ratio": round(batch["structures_per_cpu_second"] / single["structures_per_cpu_second"], 1),
        "energy_difference_mean_meV_per_atom": round(1e3 * float(difference.mean()), 2),
        "same_minimum": int((np.abs(difference) <= _SAME).sum()),
        "lower": int((difference < -_SAME).sum()),
        "higher": int((difference > _SAME).sum()),
    }
    if arguments.json:
        print(json.dumps(summary))
        return
    for name, value in summary.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
