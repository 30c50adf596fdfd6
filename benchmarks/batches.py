"""How many training voxels a core draws: the batches alone, without a network.

    python benchmarks/batches.py [RECIPE ...] [--data DATASET]

Each batch is also copied once, as a backend does that fetches it. Rates are voxels a processor
second, so that a busy machine does not change them much; the threads share one Python process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tfmat.ccdcgan.recipe import load_recipe
from tfmat.ccdcgan.training.data import load_training_data
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_channels
from tfmat.datasets.store import Dataset
from tfmat.networks.batches import BatchSampler

VOXELS = 400
REPEATS = 5


def rate(draw: Callable[[int], np.ndarray], batches: int, threads: int) -> float:
    """Returns batches a processor second, the best of some repeats.

    Args:
        draw: From the number of a step to its batch.
        batches: Batches to draw.
        threads: Threads that draw them.
    """
    best = 0.0
    for _ in range(REPEATS):
        began = time.process_time()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda step: draw(step).copy().shape, range(batches)))
        best = max(best, batches / (time.process_time() - began))
    return best


def main() -> None:
    """Measures and prints a line for each recipe and autoencoder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=["bi-se", "quickstart"])
    parser.add_argument("--data", help="dataset by name or folder, in place of the recipes'")
    arguments = parser.parse_args()
    print(f"{'voxels a CPU second':<24}{'edge':>6}{'batch':>6}{'1 thread':>10}{'2 threads':>10}")
    for name in arguments.recipes:
        recipe = load_recipe(name, [])
        dataset = Dataset.open(arguments.data or recipe.data.dataset)
        data = load_training_data(recipe.data, dataset, recipe.voxels.room, seed=0)
        spec, channels = recipe.voxels, data.channels(data.train, recipe.voxels)[0]
        lattices = [data.crystals[row].lattice for row in data.train]

        def sites(rows: np.ndarray, channels=channels, spec=spec) -> np.ndarray:
            return encode_channels([channels[row] for row in rows], spec)

        def lattice(rows: np.ndarray, lattices=lattices, spec=spec) -> np.ndarray:
            voxels = np.empty((len(rows), *(spec.lattice_grid,) * 3, 1), np.float32)
            for voxel, row in zip(voxels, rows, strict=True):
                encode_lattice(lattices[row], spec, voxel[..., 0])
            return voxels

        for what, draw, count, edge, size in (
            ("sites", sites, len(channels), spec.sites_grid, recipe.sites_autoencoder.batch_size),
            (
                "lattice",
                lattice,
                len(lattices),
                spec.lattice_grid,
                recipe.lattice_autoencoder.batch_size,
            ),
        ):
            sampler = BatchSampler(count, size, seed=0)
            sampler(0)

            def batch(step: int, draw=draw, sampler=sampler) -> np.ndarray:
                return draw(sampler(step))

            rates = [size * rate(batch, max(20, VOXELS // size), n) for n in (1, 2)]
            line = "".join(f"{value:>10.0f}" for value in rates)
            print(f"{name + ' ' + what:<24}{edge:>6}{size:>6}{line}", flush=True)


if __name__ == "__main__":
    main()
