"""Relaxing in batches against the potential's own way, structure by structure, side by side.

    python benchmarks/relaxation.py -n 48
    python benchmarks/relaxation.py -n 60 --potential sevennet
    python benchmarks/relaxation.py -n 100 --potential sevennet --data my-structures --table

Without ``--data`` the starts are AFLOW's binary prototypes filled with Bi and Se at the volume of
lowest energy by CHGNet, which is what ``tfmat data build`` relaxes. Both sides get the same starts,
``fmax`` and largest number of steps on one thread of one process; times are processor seconds, so
other work on the machine counts little.

The other side is for CHGNet its StructOptimizer (no output, its default optimiser FIRE), for
SevenNet its calculator in ASE, relaxed by ASE's BFGS in a FrechetCellFilter. Agreement is counted
over all structures, and with ``--table`` listed for each.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from dataclasses import dataclass
from typing import Any

# Before NumPy is loaded: threads that wait for each other burn processor time.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np

from tfmat.crystals.contacts import touching
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.databases.substitute import candidate
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.corrections import anion_correction
from tfmat.relaxation.potentials.registry import find_potential
from tfmat.relaxation.potentials.sevennet import CHECKPOINTS, checkpoint_file
from tfmat.relaxation.relax import relax
from tfmat.relaxation.volume import scan_volumes

# Energies that differ by less are the same minimum, eV/atom.
_SAME = 0.005
_CHECKPOINTS = dict(zip(("sevennet", "sevennet-0"), CHECKPOINTS, strict=True))


@dataclass(frozen=True)
class End:
    """Where a relaxation led: energy in eV/atom, volume in Å³/atom."""

    energy: float
    volume: float
    steps: int
    converged: bool


def starts(count: int, data: str | None, seed: int) -> list[Crystal]:
    """Returns crystals to relax."""
    random = np.random.default_rng(seed)
    if data is not None:
        dataset = Dataset.open(data)
        rows = random.choice(len(dataset), min(count, len(dataset)), replace=False)
        return [dataset[int(row)] for row in rows]
    prototypes = [prototype for prototype in aflow() if len(prototype) <= 20]
    chosen = random.choice(len(prototypes), min(count, len(prototypes)), replace=False)
    filled = [candidate(prototypes[number], (83, 34)) for number in chosen]
    scans = scan_volumes(
        [touching(item.crystal) for item in filled], find_potential("chgnet").factory()
    )
    return [scan.crystal for scan in scans if scan.crystal is not None]


def with_struct_optimizer(crystals: list[Crystal], fmax: float, steps: int) -> list[End]:
    """Relaxes with CHGNet's StructOptimizer."""
    from chgnet.model import CHGNet, StructOptimizer

    optimiser = StructOptimizer(
        CHGNet.load(use_device="cpu", verbose=False), use_device="cpu", on_isolated_atoms="ignore"
    )
    ends = []
    for crystal in crystals:
        end = optimiser.relax(crystal.to_structure(), fmax=fmax, steps=steps, verbose=False)
        trajectory = end["trajectory"]
        # The observer writes the last geometry twice, and the first counts as none.
        taken = len(trajectory) - 2
        energy = trajectory.energies[-1] / len(crystal) - anion_correction(crystal.numbers)
        volume = end["final_structure"].volume / len(crystal)
        ends.append(End(energy, volume, taken, taken < steps))
    return ends


def with_ase(crystals: list[Crystal], fmax: float, steps: int, potential: str) -> list[End]:
    """Relaxes with SevenNet's own calculator and ASE."""
    from ase import Atoms
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS
    from sevenn.calculator import SevenNetCalculator

    calculator = SevenNetCalculator(checkpoint_file(_CHECKPOINTS[potential])[0], device="cpu")
    ends = []
    for crystal in crystals:
        atoms = Atoms(
            crystal.numbers,
            crystal.positions,
            cell=crystal.lattice,
            pbc=True,
            calculator=calculator,
        )
        optimiser = BFGS(FrechetCellFilter(atoms), logfile=None)
        converged = optimiser.run(fmax=fmax, steps=steps)
        energy = atoms.get_potential_energy() / len(atoms)
        ends.append(End(energy, atoms.get_volume() / len(atoms), optimiser.nsteps, bool(converged)))
    return ends


def in_batches(
    crystals: list[Crystal], fmax: float, steps: int, calculator: Calculator
) -> list[End]:
    """Relaxes with tfmat."""
    return [
        End(
            end.energy,
            float(abs(np.linalg.det(end.crystal.lattice))) / len(end.crystal),
            end.steps,
            end.converged,
        )
        for end in relax(crystals, calculator, fmax=fmax, steps=steps)
    ]


def timed(way: Any, crystals: list[Crystal], *arguments: Any) -> tuple[list[End], dict[str, Any]]:
    """Relaxes, after one structure to warm up, and returns the ends with times and steps."""
    way(crystals[:1], *arguments)
    begin, wall = time.process_time(), time.monotonic()
    ends = way(crystals, *arguments)
    seconds = time.process_time() - begin
    taken = [end.steps for end in ends]
    return ends, {
        "structures_per_cpu_second": round(len(taken) / seconds, 3),
        "cpu_seconds": round(seconds, 2),
        "wall_seconds": round(time.monotonic() - wall, 2),
        "mean_steps": round(float(np.mean(taken)), 1),
        "cpu_ms_per_step": round(1e3 * seconds / max(sum(taken) + len(taken), 1), 2),
        "converged": sum(end.converged for end in ends),
    }


def agreement(own: list[End], other: list[End]) -> dict[str, Any]:
    """Compares ends of the same starts."""
    energies = np.array([one.energy - two.energy for one, two in zip(own, other, strict=True)])
    volumes = np.array([one.volume / two.volume - 1 for one, two in zip(own, other, strict=True)])
    same = np.abs(energies) <= _SAME
    return {
        "energy_difference_mean_meV_per_atom": round(1e3 * float(energies.mean()), 2),
        "energy_difference_median_absolute_meV_per_atom": round(
            1e3 * float(np.median(np.abs(energies))), 3
        ),
        "same_minimum": int(same.sum()),
        "lower": int((energies < -_SAME).sum()),
        "higher": int((energies > _SAME).sum()),
        "volume_difference_median_absolute_percent": round(
            100 * float(np.median(np.abs(volumes))), 3
        ),
        "volume_difference_of_same_minimum_largest_percent": (
            round(100 * float(np.abs(volumes[same]).max()), 2) if same.any() else None
        ),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", type=int, default=48, help="structures")
    parser.add_argument("--potential", default="chgnet", choices=["chgnet", *_CHECKPOINTS])
    parser.add_argument("--data", help="a dataset of starts")
    parser.add_argument("--fmax", type=float, default=0.05, help="eV/Å")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="a line for every structure")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    crystals = starts(options.n, options.data, options.seed)
    limits = options.fmax, options.steps
    calculator = find_potential(options.potential).factory()
    own, fast = timed(in_batches, crystals, *limits, calculator)
    if options.potential == "chgnet":
        name, (other, slow) = "StructOptimizer", timed(with_struct_optimizer, crystals, *limits)
    else:
        name, (other, slow) = "ASE", timed(with_ase, crystals, *limits, options.potential)
    summary = {
        "potential": options.potential,
        "structures": len(crystals),
        "mean_atoms": round(float(np.mean([len(crystal) for crystal in crystals])), 1),
        "tfmat": fast,
        name: slow,
        "ratio": round(fast["structures_per_cpu_second"] / slow["structures_per_cpu_second"], 2),
        "ratio_per_step": round(slow["cpu_ms_per_step"] / fast["cpu_ms_per_step"], 2),
        **agreement(own, other),
    }
    if options.json:
        print(json.dumps(summary))
        return
    if options.table:
        print(f"atoms {'eV/atom':>10} {name:>10} {'Å³/atom':>8} {name:>8} steps {name:>8}")
        for crystal, one, two in zip(crystals, own, other, strict=True):
            print(
                f"{len(crystal):>5} {one.energy:>10.4f} {two.energy:>10.4f} {one.volume:>8.2f} "
                f"{two.volume:>8.2f} {one.steps:>5} {two.steps:>8}"
            )
    for word, value in summary.items():
        print(f"{word}: {value}")


if __name__ == "__main__":
    main()
