"""Trains the autoencoder of composition matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from tfmat.matgan.matrix import encode, matrix_counts, to_counts
from tfmat.matgan.networks.autoencoder import (
    autoencoder_loss,
    build_autoencoder,
    build_decoder,
    build_encoder,
)
from tfmat.matgan.recipe import DecodingRecipe, MatganRecipe
from tfmat.matgan.training.data import TrainingFormulas
from tfmat.metric import Metric, share
from tfmat.networks.backend import call, compiled_steps
from tfmat.networks.batches import Batches, BatchSampler, spread
from tfmat.networks.optimizers import optimizer

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# Held-out formulas that are decoded at a chunk's end, and of both lists at the end.
SAMPLE = 1024
FINAL_SAMPLE = 20_000
# Formulas that are decoded at once.
DECODED = 512


def train_autoencoder(stage: Stage, recipe: MatganRecipe, data: TrainingFormulas) -> None:
    """Trains the autoencoder and writes ``composition_encoder`` and ``composition_decoder``.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The formulas, some of them held out.
    """
    settings = recipe.autoencoder
    stage.devices.check_batch(settings.batch_size, "autoencoder.batch_size")
    keras.utils.set_random_seed(stage.seed)
    loss = autoencoder_loss(settings)
    with stage.devices.scope():
        encoder, decoder = build_encoder(settings), build_decoder(settings)
        model = build_autoencoder(settings, encoder, decoder)
        model.compile(optimizer=optimizer(settings), loss=loss, jit_compile=compiled_steps())
    sampler = BatchSampler(len(data.train), settings.batch_size, stage.seed)

    def draw(rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        matrices = encode(data.compositions[data.train[rows]])[..., None]
        return matrices, matrices

    def exact(subset: NDArray[np.intp], count: int) -> tuple[int, int]:
        """Returns how many of up to ``count`` formulas, spread over the subset, come back."""
        chosen = spread(subset, count)
        same = exactly_decoded(data, chosen, encoder, decoder, recipe.decoding)
        return int(same.sum()), len(chosen)

    def validate(_: int) -> Mapping[str, float]:
        same, count = exact(data.test, SAMPLE)
        values = {"test_exact": same / count}
        if settings.keep == "best":
            values["test_loss"] = test_loss()
        return values

    def test_loss() -> float:
        """Returns the mean loss of the held-out formulas that choose the weights."""
        chosen = spread(data.test, SAMPLE)
        total = 0.0
        for start in range(0, len(chosen), DECODED):
            rows = chosen[start : start + DECODED]
            matrices = encode(data.compositions[rows])[..., None]
            value = loss(matrices, call(model, matrices, DECODED))
            total += float(keras.ops.convert_to_numpy(value)) * len(rows)
        return total / len(chosen)

    best = stage.fit(
        model,
        lambda first, count: Batches(draw, sampler, first, count),
        settings.steps,
        validate,
        settings.keep,
    )
    metrics = []
    if best is not None:
        judges = len(spread(data.test, SAMPLE))
        note = f"smallest mean of {judges} held-out formulas at a chunk's end; it chose the weights"
        metrics += [
            Metric("kept_step", best.step, "step", note="step whose weights were kept"),
            Metric("kept_test_loss", best.loss, settings.loss, denominator=judges, note=note),
        ]
    for name, subset, what in (
        ("train_exact", data.train, "training"),
        ("test_exact", data.test, "held-out"),
    ):
        same, count = exact(subset, FINAL_SAMPLE)
        note = f"share of {count} {what} formulas decoded exactly"
        metrics.append(share(name, same, count, note))
    stage.finish({"composition_encoder": encoder, "composition_decoder": decoder}, metrics)


def exactly_decoded(
    data: TrainingFormulas,
    subset: NDArray[np.intp],
    encoder: keras.Model,
    decoder: keras.Model,
    decoding: DecodingRecipe,
) -> NDArray[np.bool_]:
    """Tells which formulas come back from their latents with every element and count.

    Args:
        data: The formulas.
        subset: Numbers of formulas ``(n,)``.
        encoder: From :func:`tfmat.matgan.networks.autoencoder.build_encoder`.
        decoder: From :func:`tfmat.matgan.networks.autoencoder.build_decoder`.
        decoding: How matrices are read.

    Returns:
        Shape ``(n,)``.
    """
    same = []
    for start in range(0, len(subset), DECODED):
        compositions = data.compositions[subset[start : start + DECODED]]
        latents = call(encoder, encode(compositions)[..., None], DECODED)
        matrices = call(decoder, latents, DECODED)
        counts = matrix_counts(matrices, decoding.rule, decoding.threshold)
        same.append((counts == to_counts(compositions)).all(axis=1))
    return np.concatenate(same)
