"""Trains the lattice autoencoder and the sites autoencoder (paper 004, Methods)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import keras
import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from tfmat.ccdcgan.networks.autoencoders import (
    build_autoencoder,
    build_decoder,
    build_encoder,
    inference_decoder,
)
from tfmat.ccdcgan.networks.losses import autoencoder_loss
from tfmat.ccdcgan.networks.recipe import AutoencoderRecipe
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.training.data import TrainingData
from tfmat.ccdcgan.training.metrics import atom_metrics, lattice_errors
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_channels
from tfmat.metric import Metric
from tfmat.networks.backend import call, compiled_steps
from tfmat.networks.batches import Batches, BatchSampler, Draw, spread
from tfmat.networks.optimizers import optimizer

if TYPE_CHECKING:
    from tfmat.training.best import BestWeights
    from tfmat.training.loop import Stage

# Held-out voxels: for the loss at every chunk's end and for the metrics at the end.
SAMPLE = 64
FINAL_SAMPLE = 256
# The atoms of the sample are decoded at every fifth chunk's end.
DECODED_CHUNKS = 5
# Voxels that are reconstructed at once.
VOXEL_BATCH = 8

Measure = Callable[[NDArray[np.intp], NDArray[np.float32]], list[Metric]]


def train_lattice_autoencoder(stage: Stage, recipe: CcdcganRecipe, data: TrainingData) -> None:
    """Trains the lattice autoencoder and writes ``lattice_encoder`` and ``lattice_decoder``.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The structures.
    """
    spec = recipe.voxels
    lattices = [crystal.lattice for crystal in data.crystals]

    def draw(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        voxels = np.empty((len(rows), *(spec.lattice_grid,) * 3, 1), dtype=np.float32)
        for voxel, row in zip(voxels, rows, strict=True):
            encode_lattice(lattices[row], spec, voxel[..., 0])
        return voxels

    def measure(rows: NDArray[np.intp], voxels: NDArray[np.float32]) -> list[Metric]:
        return lattice_errors([lattices[row] for row in rows], voxels, spec)

    _train(
        stage,
        "lattice",
        recipe.lattice_autoencoder,
        spec.lattice_grid,
        _Samples(draw, data.train, data.test),
        measure,
    )


def train_sites_autoencoder(
    stage: Stage, recipe: CcdcganRecipe, data: TrainingData, element: str | None = None
) -> None:
    """Trains the sites autoencoder and writes ``sites_encoder`` and ``sites_decoder``.

    One network sees all elements, each channel by itself; or one element's copy of it learns on
    from that element's channels (paper 002, Fig. 2C) and is written as ``sites_encoder-ELEMENT``
    and ``sites_decoder-ELEMENT``, unless there is nothing to learn from.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The structures.
        element: Symbol of the element whose copy is trained; ``None`` for the shared network.
    """
    spec, settings = recipe.voxels, recipe.sites_autoencoder
    only = None if element is None else atomic_numbers[element]
    learned, cells = data.channels(data.train, spec, only)
    held_out, other_cells = data.channels(data.test, spec, only)
    start = None
    if element is not None:
        if not learned:
            stage.finish({}, [])
            return
        bank = recipe.sites_bank
        settings = replace(settings, steps=bank.steps, learning_rate=bank.learning_rate)
        start = [stage.run.network(f"sites_{part}") for part in ("encoder", "decoder")]
    channels, lattices = learned + held_out, cells + other_cells

    def draw(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        return encode_channels([channels[row] for row in rows], spec)

    def measure(rows: NDArray[np.intp], voxels: NDArray[np.float32]) -> list[Metric]:
        wanted = [channels[row] for row in rows], [lattices[row] for row in rows]
        return atom_metrics(wanted[0], voxels, spec, wanted[1])

    numbers = np.arange(len(channels))
    # A rare element may have nothing held out; then its own channels judge.
    judges = numbers[len(learned) :] if held_out else numbers
    samples = _Samples(draw, numbers[: len(learned)], judges)
    suffix = "" if element is None else f"-{element}"
    _train(stage, "sites", settings, spec.sites_grid, samples, measure, start, suffix)


class _Samples:
    """Voxels to learn from and voxels held out.

    Args:
        draw: Draws the voxels of given rows.
        train: Rows to learn from.
        test: Rows held out.
    """

    def __init__(
        self,
        draw: Callable[[NDArray[np.intp]], NDArray[np.float32]],
        train: NDArray[np.intp],
        test: NDArray[np.intp],
    ) -> None:
        self.draw = draw
        self.train = train
        self.test = test

    def pairs(self) -> Draw:
        """Returns what draws training voxels as (input, target): both the same array."""

        def draw(rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            voxels = self.draw(self.train[rows])
            return voxels, voxels

        return draw

    def held_out(self, count: int) -> NDArray[np.intp]:
        """Returns up to ``count`` held-out rows, spread evenly over all of them."""
        return spread(self.test, count)

    def without(self, rows: NDArray[np.intp]) -> _Samples:
        """Returns the same voxels with some of the held-out ones left out, if others remain."""
        rest = np.setdiff1d(self.test, rows)
        return _Samples(self.draw, self.train, rest if len(rest) else self.test)


def _train(
    stage: Stage,
    part: str,
    recipe: AutoencoderRecipe,
    grid: int,
    samples: _Samples,
    measure: Measure,
    start: Sequence[keras.Model] | None = None,
    suffix: str = "",
) -> None:
    stage.devices.check_batch(recipe.batch_size, f"{part}_autoencoder.batch_size")
    keras.utils.set_random_seed(stage.seed)
    loss = autoencoder_loss(recipe)
    with stage.devices.scope():
        encoder, decoder = build_encoder(recipe, grid), build_decoder(recipe, grid)
        for network, other in zip((encoder, decoder), start or (), strict=False):
            network.set_weights(other.get_weights())
        model = build_autoencoder(encoder, decoder, recipe.latent_noise)
        model.compile(optimizer=optimizer(recipe), loss=loss, jit_compile=compiled_steps())
    probabilities = inference_decoder(decoder)
    sampler = BatchSampler(len(samples.train), recipe.batch_size, stage.seed)
    pairs = samples.pairs()
    sample = samples.held_out(SAMPLE)
    chunk = stage.chunk_length(recipe.steps)

    def reconstruct(rows: NDArray[np.intp]) -> tuple[float, NDArray[np.float32]]:
        """Returns the mean loss of held-out voxels and their reconstructions."""
        losses, outputs = [], []
        for start in range(0, len(rows), VOXEL_BATCH):
            voxels = samples.draw(rows[start : start + VOXEL_BATCH])
            latents = call(encoder, voxels, VOXEL_BATCH)
            raw = call(decoder, latents, VOXEL_BATCH)
            losses.append(float(keras.ops.convert_to_numpy(loss(voxels, raw))) * len(voxels))
            # The sigmoid of the compact form alone; the reference form has none to add.
            last = raw if probabilities is decoder else keras.ops.sigmoid(raw)
            outputs.append(keras.ops.convert_to_numpy(last)[..., 0])
        return sum(losses) / len(rows), np.concatenate(outputs)

    def validate(step: int) -> Mapping[str, float]:
        test_loss, voxels = reconstruct(sample)
        values = {"test_loss": test_loss}
        if not voxels.any():
            # Behind the steep threshold an output that is zero everywhere has no slope.
            stage.report(
                f"{stage.name}: step {step}: every voxel comes back empty; if this stays so, start "
                f"again with a lower {part}_autoencoder.learning_rate"
            )
        if step == recipe.steps or step // chunk % DECODED_CHUNKS == 0:
            found = measure(sample, voxels)
            values |= {metric.name: metric.value for metric in found if metric.value is not None}
        return values

    best = stage.fit(
        model,
        lambda first, count: Batches(pairs, sampler, first, count),
        recipe.steps,
        validate,
        recipe.keep,
    )
    # What chose the weights does not judge them.
    judges = samples if best is None else samples.without(sample)
    rows = judges.held_out(FINAL_SAMPLE)
    test_loss, voxels = reconstruct(rows)
    unit = f"{recipe.loss} a voxel point"
    note = f"mean of {len(rows)} held-out voxels"
    metrics = [Metric("test_loss", test_loss, unit, denominator=len(rows), note=note)]
    if best is not None:
        metrics += _kept(stage, best, recipe, len(sample), unit)
    stage.finish(
        {
            f"{part}_encoder{suffix}": _float32(build_encoder, encoder, recipe, grid),
            f"{part}_decoder{suffix}": _float32(build_decoder, decoder, recipe, grid),
        },
        [*metrics, *measure(rows, voxels)],
    )


def _kept(
    stage: Stage, best: BestWeights, recipe: AutoencoderRecipe, count: int, unit: str
) -> list[Metric]:
    """Returns which weights were kept, and warns where the recipe's limit was missed."""
    note = f"smallest mean of {count} held-out voxels at a chunk's end; it chose the weights"
    if recipe.keep_below and best.loss >= recipe.keep_below:
        note += f"; not below the recipe's {recipe.keep_below:g}"
        stage.report(
            f"{stage.name}: no held-out loss was below {recipe.keep_below:g} (smallest "
            f"{best.loss:.3g} at step {best.step}); the original program would have kept nothing"
        )
    return [
        Metric("kept_step", best.step, "step", note="step whose weights were kept"),
        Metric("kept_test_loss", best.loss, unit, denominator=count, note=note),
    ]


def _float32(
    builder: Callable[..., keras.Model], model: keras.Model, recipe: AutoencoderRecipe, grid: int
) -> keras.Model:
    """Returns a trained model without mixed precision, which does not export."""
    if recipe.precision == "float32":
        return model
    copy = builder(recipe, grid, precision="float32")
    copy.set_weights(model.get_weights())
    return copy
