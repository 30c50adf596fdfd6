"""What a training sample costs: CPU milliseconds for one update of the critic and the generator.

Run as ``python benchmarks/train_matgan.py DATASET [RECIPE ...]``. One thread; the first two steps,
which trace and warm up, are not counted.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

for _name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[_name] = "1"

RECIPES = ("matgan-oqmd", "matgan-icsd-filter", "matgan-dense")


def milliseconds(recipe_name: str, dataset: str, batch: int, steps: int) -> float:
    """Returns CPU milliseconds for one sample.

    Args:
        recipe_name: Name or file of a recipe.
        dataset: Name or folder of a dataset of compositions.
        batch: Formulas in a batch.
        steps: Steps to measure.
    """
    import keras
    import tensorflow as tf

    from tfmat.datasets.composition_store import CompositionDataset
    from tfmat.matgan.networks.gan import build_critic, build_generator
    from tfmat.matgan.recipe import load_recipe
    from tfmat.matgan.training.data import load_training_data
    from tfmat.matgan.training.gan_step import WganTrainer
    from tfmat.networks.batches import BatchSampler

    recipe = load_recipe(recipe_name)
    settings = replace(recipe.gan, batch_size=batch, steps=steps + 2, epochs=0.0)
    data = load_training_data(recipe.data, CompositionDataset.open(dataset), seed=0)
    real = data.counts(data.train)
    keras.utils.set_random_seed(0)
    trainer = WganTrainer(build_generator(settings), build_critic(settings), settings, seed=0)
    trainer.build()
    sampler = BatchSampler(len(real), batch, seed=0)
    for step in range(steps + 2):
        if step == 2:
            began = time.process_time()
        trainer.step(tf.constant(real[sampler(step)][:, None]), step)
    return (time.process_time() - began) / (steps * batch) * 1000


def main() -> None:
    """Measures and prints a line for each recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    for name in options.recipes:
        cost = milliseconds(name, options.dataset, options.batch, options.steps)
        print(f"{name}: {cost:.2f} ms of CPU a sample")


if __name__ == "__main__":
    main()
