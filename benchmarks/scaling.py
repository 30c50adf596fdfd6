"""On paper: how far the training of each network can be spread over GPUs.

    python benchmarks/scaling.py [--tflops 10] [--inside 200] [--between 20] [--latency 50]
        [--overhead 2]

Builds the networks of the recipes, counts their parameters and multiplications, and works out what
a step costs on 1, 8, 64 and 512 GPUs: computing (three times the forward pass, shared by all), a
ring that adds up all gradients (float32), and what every step costs whatever its size. Nothing is
measured: the rates are assumptions, and the options change them. ``same batch`` shares the
recipe's batch, ``same batch each`` gives it to every GPU, which is another training. The efficiency
is the time on one GPU over the GPUs' times together, for as many samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from tfmat.ccdcgan import recipe as ccdcgan
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks import autoencoders, constraint, gan
from tfmat.ccdcgan.writer.network import build_likelihood
from tfmat.ccdcgan.writer.tokens import Vocabulary
from tfmat.matgan import recipe as matgan
from tfmat.matgan.networks import autoencoder as composition_autoencoder
from tfmat.matgan.networks import gan as matgan_gan

GPUS = (1, 8, 64, 512)
IN_A_NODE = 8
BYTES = 4
# A backward pass takes about twice the forward one.
PASSES = 3


@dataclass(frozen=True)
class Work:
    """What one step of a training has to do.

    Attributes:
        name: Recipe and stage.
        parameters: Numbers whose gradients are exchanged.
        operations: Floating-point operations of the forward pass for one sample.
        batch: Samples of a step.
    """

    name: str
    parameters: int
    operations: float
    batch: int


def operations(model: keras.Model) -> float:
    """Counts the multiplications and additions of dense layers and convolutions.

    Args:
        model: A network; nested ones count.
    """
    total = 0.0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += operations(layer)
            continue
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        transposed = "Transpose" in type(layer).__name__
        shape = (layer.input if transposed else layer.output).shape[1:-1]
        total += 2 * float(np.prod(kernel.shape)) * float(np.prod(shape) if shape else 1)
    return total


def works() -> Iterator[Work]:
    """Builds the networks of the recipes; yields what their steps have to do."""
    for name in ("bi-se", "mp"):
        recipe = ccdcgan.load_recipe(name)
        elements = recipe.data.elements or ("Bi", "Se")
        layout = GraphLayout.from_recipe(recipe, elements)
        for part, grid in (
            ("lattice", recipe.voxels.lattice_grid),
            ("sites", recipe.voxels.sites_grid),
        ):
            own = getattr(recipe, f"{part}_autoencoder")
            model = autoencoders.build_autoencoder(
                autoencoders.build_encoder(own, grid), autoencoders.build_decoder(own, grid)
            )
            yield _work(f"{name}: {part} autoencoder", own.batch_size, model)
        model = constraint.build_constraint(recipe.constraint, layout, recipe.data.max_elements)
        yield _work(f"{name}: constraint", recipe.constraint.batch_size, model)
        yield _work(
            f"{name}: GAN",
            recipe.gan.batch_size,
            gan.build_generator(recipe.gan, layout),
            gan.build_discriminator(recipe.gan, layout),
        )
    written = ccdcgan.load_recipe("ccdcgan-plus")
    words = Vocabulary((34, 83), written.data.max_atoms, written.data.max_length)
    likelihood = build_likelihood(written.writer, words)
    # A transformer in layers of its own: each weight is used once for every atom.
    yield Work(
        "ccdcgan-plus: writer",
        likelihood.count_params(),
        2.0 * likelihood.count_params() * written.data.max_atoms,
        written.writer.batch_size,
    )
    oqmd = matgan.load_recipe("matgan-oqmd")
    yield _work(
        "matgan-oqmd: GAN",
        oqmd.gan.batch_size,
        matgan_gan.build_generator(oqmd.gan),
        matgan_gan.build_critic(oqmd.gan),
    )
    formulas = matgan.load_recipe("composition-ae").autoencoder
    encoder = composition_autoencoder.build_encoder(formulas)
    decoder = composition_autoencoder.build_decoder(formulas)
    yield _work("composition-ae", formulas.batch_size, encoder, decoder)


def _work(name: str, batch: int, *models: keras.Model) -> Work:
    """Of a pair of opponents: each one's step goes through both."""
    times = 2 if name.endswith("GAN") else 1
    parameters = sum(
        int(np.prod(weight.shape)) for model in models for weight in model.trainable_weights
    )
    return Work(name, parameters, times * sum(operations(model) for model in models), batch)


def step_seconds(work: Work, gpus: int, batch: int, options: argparse.Namespace) -> float:
    """Returns what a step takes, in seconds.

    Args:
        work: What one sample needs.
        gpus: How many share the step.
        batch: Samples of all together.
        options: The rates.
    """
    computing = PASSES * work.operations * batch / gpus / (options.tflops * 1e12)
    if gpus == 1:
        return computing + options.overhead * 1e-3
    rate = options.inside if gpus <= IN_A_NODE else options.between
    exchange = 2 * (gpus - 1) / gpus * work.parameters * BYTES / (rate * 1e9)
    waiting = 2 * np.ceil(np.log2(gpus)) * options.latency * 1e-6
    return float(computing + exchange + waiting + options.overhead * 1e-3)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tflops", type=float, default=10, help="reached by a GPU, 1e12 a second")
    parser.add_argument("--inside", type=float, default=200, help="GB/s between GPUs of a node")
    parser.add_argument("--between", type=float, default=20, help="GB/s for a GPU between nodes")
    parser.add_argument("--latency", type=float, default=50, help="of a message, µs")
    parser.add_argument("--overhead", type=float, default=2, help="of any step, ms")
    options = parser.parse_args()
    print(
        "| network | parameters | MFLOP a sample | batch | ms a step, 1 GPU | gradients, MB "
        "| same batch: 8, 64, 512 | same batch each: 8, 64, 512 |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for work in works():
        one = step_seconds(work, 1, work.batch, options)
        shared = [
            f"{one / gpus / step_seconds(work, gpus, work.batch, options):.0%}"
            if gpus <= work.batch
            else "-"
            for gpus in GPUS[1:]
        ]
        each = [
            f"{one / step_seconds(work, gpus, gpus * work.batch, options):.0%}" for gpus in GPUS[1:]
        ]
        print(
            f"| {work.name} | {work.parameters:,} | {work.operations / 1e6:,.1f} | {work.batch} "
            f"| {one * 1e3:.1f} | {work.parameters * BYTES / 1e6:.1f} | {', '.join(shared)} "
            f"| {', '.join(each)} |"
        )


if __name__ == "__main__":
    main()
