"""Runs one case on two logical CPU devices and prints its results as JSON; started by the tests.

Logical devices must be set up before TensorFlow starts, so each case has a process of its own.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from logical_devices import split_cpu
from random_slots import some_slots

split_cpu()

import keras  # noqa: E402

from tfmat.ccdcgan.graph import GraphLayout  # noqa: E402
from tfmat.ccdcgan.networks.autoencoders import build_autoencoder, build_decoder, build_encoder  # noqa: E402
from tfmat.ccdcgan.networks.losses import autoencoder_loss  # noqa: E402
from tfmat.ccdcgan.recipe import load_recipe  # noqa: E402
from tfmat.ccdcgan.training import constraint as train_constraint  # noqa: E402
from tfmat.ccdcgan.training import gan as train_gan  # noqa: E402
from tfmat.networks.batches import Batches, BatchSampler  # noqa: E402
from tfmat.training import checkpoints  # noqa: E402
from tfmat.training.log import RunLog, read_log  # noqa: E402
from tfmat.training.loop import Stage, separate_dropout  # noqa: E402
from tfmat.training.run import Run  # noqa: E402
from tfmat.training.strategy import Devices, choose  # noqa: E402

RECIPE = load_recipe(sys.argv[2], ["gan.steps=12", "constraint.steps=12"])
SCRATCH = Path(tempfile.mkdtemp())


def stage(name: str, folder: str, devices: Devices) -> Stage:
    path = SCRATCH / folder
    dataset = {"name": "none", "path": "none", "sha256": "none"}
    run = Run.open(path) if path.exists() else Run.start(path, {"name": "test"}, 3, dataset)
    return Stage(name, run, RunLog(path), devices)


def losses(folder: str, name: str = "loss") -> list[float]:
    return [line[name] for line in read_log(SCRATCH / folder / "log.jsonl")]


def fit_autoencoder(devices: Devices, folder: str) -> list[np.ndarray]:
    """Gradient descent without moments, so that a gradient of the wrong size shows."""
    recipe = RECIPE.sites_autoencoder
    keras.utils.set_random_seed(1)
    with devices.scope():
        model = build_autoencoder(build_encoder(recipe, 16), build_decoder(recipe, 16))
        model.compile(keras.optimizers.SGD(0.05), autoencoder_loss(recipe))
    voxels = np.random.default_rng(0).random((11, 16, 16, 16, 1), dtype=np.float32) ** 8
    sampler = BatchSampler(11, 4, 5)

    def draw(rows):
        return voxels[rows], voxels[rows]

    stage("fit", folder, devices).fit(
        model, lambda first, count: Batches(draw, sampler, first, count), 10
    )
    return [np.asarray(value) for value in model.get_weights()]


def fit_normalised(devices: Devices, folder: str) -> list[np.ndarray]:
    """A network with batch normalisation whose two halves of a batch differ much."""
    keras.utils.set_random_seed(1)
    layout = GraphLayout.from_recipe(RECIPE, RECIPE.data.elements)
    recipe = replace(RECIPE.constraint, dropout=0.0)
    with devices.scope():
        model = train_constraint.build_constraint(recipe, layout)
        model.compile(keras.optimizers.SGD(0.01), keras.losses.MeanSquaredError())
    graphs = np.random.default_rng(0).normal(size=(8, 8, 8, 1)).astype(np.float32)
    graphs[4:] += 5.0

    class InOrder:
        def __call__(self, step):
            return np.arange(8)

    def draw(rows):
        return graphs[rows], graphs[rows].mean(axis=(1, 2))

    stage("fit", folder, devices).fit(
        model, lambda first, count: Batches(draw, InOrder(), first, count), 3
    )
    return [np.asarray(value) for value in model.get_weights()]


def dropout_masks(devices: Devices) -> dict[str, object]:
    def masks(separate: bool) -> list[np.ndarray]:
        keras.utils.set_random_seed(1)
        with devices.scope():
            model = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5)])
        if separate:
            separate_dropout(model, devices)

        @tf.function
        def call():
            return devices.strategy.run(lambda: model(tf.ones((1, 64)), training=True))

        both = [devices.strategy.experimental_local_results(call()) for _ in range(2)]
        return [np.asarray(value) for pair in both for value in pair]

    first, again, plain = masks(True), masks(True), masks(False)
    return {
        "differ": not np.array_equal(first[0], first[1]),
        "differ_by_step": not np.array_equal(first[0], first[2]),
        "repeat": all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)),
        "plain_keras_differs": not np.array_equal(plain[0], plain[1]),
    }


def distance(left: list[np.ndarray], right: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(left, right, strict=True))


def case_fit() -> dict[str, object]:
    one, two = Devices("one"), choose("mirrored")
    return {
        "replicas": two.replicas,
        "autoencoder": distance(fit_autoencoder(one, "a1"), fit_autoencoder(two, "a2")),
        "autoencoder_losses": [losses("a1"), losses("a2")],
        "normalised": distance(fit_normalised(one, "n1"), fit_normalised(two, "n2")),
        "normalised_losses": [losses("n1"), losses("n2")],
        "dropout": dropout_masks(two),
    }


def case_gan() -> dict[str, object]:
    """Trains a GAN, then once more from the checkpoint before the last."""
    devices, layout = choose("mirrored"), GraphLayout.from_recipe(RECIPE, RECIPE.data.elements)
    gan_stage = stage("gan", "gan", devices)
    arrays = gan_stage.run.stage_folder("graphs")
    some_slots(layout, [[83, 34]] * 13).save(arrays)
    np.save(arrays / "train.npy", np.arange(13))
    np.save(arrays / "test.npy", np.arange(2))
    np.save(arrays / "presence.npy", np.zeros(2))
    checkpoints.clear = lambda folder: None
    # Small networks: most of the time goes into tracing them for two devices.
    small = {"form": "dense", "generator_filters": (8,), "discriminator_filters": (8,)}
    recipe = replace(RECIPE, gan=replace(RECIPE.gan, terms=(), **small))
    names = ("discriminator_real_loss", "discriminator_fake_loss", "generator_loss")
    train_gan.train_gan(gan_stage, recipe, layout)
    whole = {name: losses("gan", name) for name in names}
    shutil.rmtree(gan_stage.run.stage_folder("gan") / "checkpoint-000000012")
    train_gan.train_gan(gan_stage, recipe, layout)
    return {"whole": whole, "resumed": {name: losses("gan", name) for name in names}}


sys.stdout.write(json.dumps({"fit": case_fit, "gan": case_gan}[sys.argv[1]]()) + "\n")
