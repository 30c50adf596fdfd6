"""Atoms recalled against training time: the compact sites autoencoder beside the reference form.

Both forms learn from the same structures for the same number of seconds, and both are judged by the
atoms of the same held-out channels after decoding, since the mean squared error does not tell (an
empty output scores nearly as well as a right one). The learning rate's cosine, where the recipe has
one, is stretched over the given time. Evaluation does not count as training time. On a busy machine
let ``--clock cpu`` count processor time, divided by the number of threads.

    python benchmarks/autoencoders.py --seconds 360
    python benchmarks/autoencoders.py --data my-dataset --forms compact --seconds 3600
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfmat.ccdcgan.recipe import AutoencoderRecipe, CcdcganRecipe, load_recipe
from tfmat.datasets.store import Dataset, resolve
from tfmat.training.quiet import load_keras

RECIPES = {"compact": "quickstart", "reference": "bi-se"}
HEADER = (
    f"{'form':<10} {'seconds':>8} {'images':>8} {'images/s':>9} {'loss':>9} "
    f"{'recall':>7} {'precision':>9} {'rms/Å':>6}"
)
# Reconstructed at once.
BATCH = 16


def main() -> None:
    """Parses the options and prints one line for each form and mark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="bi-se", help="name or folder of a dataset")
    parser.add_argument("--seconds", type=float, default=360.0, help="training time of each form")
    parser.add_argument("--marks", type=int, default=4, help="evaluations, evenly spread")
    parser.add_argument("--channels", type=int, default=200, help="held-out channels to decode")
    parser.add_argument("--threads", type=int, help="threads of the backend; all cores by default")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="what a second is")
    parser.add_argument("--forms", nargs="+", choices=sorted(RECIPES), default=sorted(RECIPES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=["random", "formula"], default="random")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    load_keras(options.threads)
    rows = []
    print(HEADER)
    for form in options.forms:
        settings = [f'data.split="{options.split}"']
        for row in train(form, load_recipe(RECIPES[form], settings), options):
            rows.append(row)
            print(
                f"{form:<10} {row['seconds']:8.1f} {row['images']:8d} "
                f"{row['images_per_second']:9.1f} {row['loss']:9.2e} {row['atom_recall']:7.3f} "
                f"{row['atom_precision']:9.3f} {row['atom_rms']:6.3f}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def train(
    form: str, recipe: CcdcganRecipe, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Trains one form and yields its metrics at every mark.

    Args:
        form: Name of the form, for the rows.
        recipe: Its recipe.
        options: The command's options.
    """
    import keras
    import numpy as np

    from tfmat.ccdcgan.networks.autoencoders import (
        build_autoencoder,
        build_decoder,
        build_encoder,
        inference_decoder,
    )
    from tfmat.ccdcgan.networks.losses import autoencoder_loss
    from tfmat.ccdcgan.training.data import load_training_data
    from tfmat.ccdcgan.training.metrics import atom_metrics
    from tfmat.ccdcgan.voxels.sites import encode_channels
    from tfmat.networks.batches import BatchSampler
    from tfmat.networks.optimizers import optimizer

    spec, settings = recipe.voxels, recipe.sites_autoencoder
    dataset = Dataset.open(resolve(options.data))
    data = load_training_data(recipe.data, dataset, spec.room, options.seed)
    learned, _ = data.channels(data.train, spec)
    held_out, cells = data.channels(data.test, spec)
    chosen = np.linspace(0, len(held_out) - 1, min(options.channels, len(held_out)))
    held_out = [held_out[index] for index in chosen.astype(int)]
    cells = [cells[index] for index in chosen.astype(int)]

    keras.utils.set_random_seed(options.seed)
    encoder = build_encoder(settings, spec.sites_grid)
    decoder = build_decoder(settings, spec.sites_grid)
    model = build_autoencoder(encoder, decoder, settings.latent_noise)
    model.compile(
        optimizer=optimizer(replace(settings, schedule="constant")),
        loss=autoencoder_loss(settings),
        jit_compile=False,
    )
    whole = build_autoencoder(encoder, inference_decoder(decoder))
    sampler = BatchSampler(len(learned), settings.batch_size, options.seed)

    def evaluate() -> dict[str, float]:
        outputs = [
            keras.ops.convert_to_numpy(whole(encode_channels(held_out[i : i + BATCH], spec)))
            for i in range(0, len(held_out), BATCH)
        ]
        metrics = atom_metrics(held_out, np.concatenate(outputs)[..., 0], spec, cells)
        return {
            metric.name: math.nan if metric.value is None else metric.value for metric in metrics
        }

    # Building the graph is no training.
    weights = model.get_weights()
    first = encode_channels([learned[row] for row in sampler(0)], spec)
    model.optimizer.learning_rate = 0.0
    model.train_on_batch(first, first)
    model.set_weights(weights)

    threads = options.threads or os.cpu_count() or 1

    def now() -> float:
        return time.perf_counter() if options.clock == "wall" else time.process_time() / threads

    step, spent = 0, 0.0
    for mark in range(1, options.marks + 1):
        model.reset_metrics()
        loss = math.nan
        began = now() - spent
        while spent < options.seconds * mark / options.marks:
            model.optimizer.learning_rate = _rate(settings, spent / options.seconds)
            voxels = encode_channels([learned[row] for row in sampler(step)], spec)
            # The mean since the last mark.
            loss = float(model.train_on_batch(voxels, voxels))
            step += 1
            spent = now() - began
        images = step * settings.batch_size
        yield {
            "form": form,
            "seconds": spent,
            "images": images,
            "images_per_second": images / spent,
            "loss": loss,
            **evaluate(),
        }


def _rate(settings: AutoencoderRecipe, progress: float) -> float:
    if settings.schedule == "constant":
        return settings.learning_rate
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


if __name__ == "__main__":
    main()
