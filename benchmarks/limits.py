"""Training steps beside the limit: what oneDNN takes for the same products and convolutions alone.

    python benchmarks/limits.py [--steps bi-se/sites bi-se/constraint ...] [--json FILE]

For each step all matrix products and convolutions of its graph, forward and backward, are found
with their shapes and run alone on random numbers, in TensorFlow (oneDNN), in turn with the step
itself: the share is the time of the one over that of the other. The rest of a step is what its
activations, losses, optimiser and the framework take. In the same run stand the rates of a product
of two matrices of 1,024 x 1,024, of a convolution of images and one of volumes, and of copying
memory. Seconds are processor seconds of one thread, the fastest of the rounds.

How ONNX Runtime's generators stand beside the matrix product: benchmarks/throughput.py.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmat.training.quiet import load_keras

STEPS = (
    "bi-se/lattice",
    "bi-se/sites",
    "bi-se/constraint",
    "bi-se-compact/lattice",
    "bi-se-compact/sites",
    "bi-se-compact/constraint",
    "ccdcgan-plus/writer",
)
# Where a contraction's kernel and the smaller of its images stand: among inputs, or the output.
OUTPUT = -1
CONVOLUTIONS = {
    "Conv2D": (1, OUTPUT),
    "Conv3D": (1, OUTPUT),
    "Conv2DBackpropInput": (1, 2),
    "Conv3DBackpropInputV2": (1, 2),
    "Conv2DBackpropFilter": (OUTPUT, 2),
    "Conv3DBackpropFilterV2": (OUTPUT, 2),
}
PRODUCTS = ("MatMul", "BatchMatMulV2", "Einsum")


def main() -> None:
    """Parses the words, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, metavar="STEP")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each step, at least")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    load_keras(1)
    rates = machine_rates()
    print(", ".join(f"{name} {value:.1f}" for name, value in rates.items()))
    heads = "".join(
        f"{name:>11}" for name in ("MFLOP", "step, ms", "alone, ms", "share", "of GEMM")
    )
    print(f"{'step':<28}{'batch':>6}{heads}")
    rows = []
    for name in options.steps:
        row = measured(name, options.seconds)
        # The matrix product of the same round: a busy machine slows both.
        row["of_gemm"] = row["flop"] / row["alone_s"] * row["gemm_s"] / (2 * 1024**3)
        rows.append(row)
        print(
            f"{name:<28}{row['batch']:>6}{row['flop'] / 1e6:>11.1f}{1e3 * row['step_s']:>11.2f}"
            f"{1e3 * row['alone_s']:>11.2f}{row['share']:>11.0%}{row['of_gemm']:>11.0%}",
            flush=True,
        )
    if options.json:
        found = {"rates": rates, "steps": rows, "load": os.getloadavg()[0]}
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def measured(name: str, seconds: float) -> dict[str, Any]:
    """Measures a step, and its contractions alone."""
    import keras

    keras.utils.set_random_seed(0)
    recipe, part = name.split("/")
    model, batch = BUILDERS[part](recipe)
    step, alone, flop = calls(model, batch)
    took = fastest({"step": step, "alone": alone, "gemm": gemm()}, seconds)
    return {
        "step": name,
        "batch": len(batch[0]),
        "flop": flop,
        "step_s": took["step"],
        "alone_s": took["alone"],
        "gemm_s": took["gemm"],
        "share": took["alone"] / took["step"],
    }


def autoencoder(recipe_name: str, part: str) -> tuple[Any, Any]:
    """Returns a compiled autoencoder as tfmat trains it, and a batch."""
    from tfmat.ccdcgan.networks.autoencoders import (
        build_autoencoder,
        build_decoder,
        build_encoder,
    )
    from tfmat.ccdcgan.networks.losses import autoencoder_loss
    from tfmat.ccdcgan.recipe import load_recipe
    from tfmat.networks.optimizers import optimizer

    recipe = load_recipe(recipe_name)
    settings = getattr(recipe, f"{part}_autoencoder")
    grid = getattr(recipe.voxels, f"{part}_grid")
    model = build_autoencoder(
        build_encoder(settings, grid), build_decoder(settings, grid), settings.latent_noise
    )
    model.compile(optimizer=optimizer(settings), loss=autoencoder_loss(settings))
    voxels = np.random.default_rng(0).random((settings.batch_size, *(grid,) * 3, 1), np.float32)
    # As sparse as voxels are.
    voxels[voxels < 0.98] = 0.0
    return model, (voxels, voxels)


def constraint(recipe_name: str) -> tuple[Any, Any]:
    """Returns a compiled constraint as tfmat trains it, and a batch."""
    from tfmat.ccdcgan.graph import GraphLayout
    from tfmat.ccdcgan.networks.constraint import build_constraint
    from tfmat.ccdcgan.recipe import load_recipe
    from tfmat.networks.optimizers import optimizer

    recipe = load_recipe(recipe_name)
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    model = build_constraint(recipe.constraint, layout, recipe.data.max_elements)
    model.compile(optimizer=optimizer(recipe.constraint), loss="mse")
    rng = np.random.default_rng(0)
    shape = (recipe.constraint.batch_size, *model.input.shape[1:])
    graphs = rng.normal(size=shape).astype(np.float32)
    return model, (graphs, rng.normal(size=(len(graphs), 1)).astype(np.float32))


def writer(recipe_name: str) -> tuple[Any, Any]:
    """Returns a compiled writer as tfmat trains it, and a batch of the structures of `bi-se`."""
    import keras
    from ase.data import atomic_numbers

    from tfmat.ccdcgan.recipe import load_recipe
    from tfmat.ccdcgan.writer.network import build_likelihood
    from tfmat.ccdcgan.writer.tokens import Examples
    from tfmat.ccdcgan.writer.training import vocabulary
    from tfmat.datasets.store import Dataset
    from tfmat.networks.likelihood import compile_likelihood

    recipe = load_recipe(recipe_name)
    settings = recipe.writer
    words = vocabulary(recipe, tuple(sorted(atomic_numbers[name] for name in ("Bi", "Se"))))
    network = build_likelihood(settings, words)
    network = keras.Model(network.input, network.output)
    compile_likelihood(
        network, settings.learning_rate, settings.steps, settings.weight_decay, beta_2=0.98
    )
    data, size = Dataset.open("bi-se"), settings.batch_size
    fitting = [row for row in range(len(data)) if len(data[row]) <= recipe.data.max_atoms]
    examples = Examples.of([data[row] for row in fitting[:size]], words)
    rows = np.arange(size) % len(examples)
    tokens = examples.draw(rows, np.random.default_rng(0), settings.jitter)
    return network, (tokens, tokens)


BUILDERS: dict[str, Callable[[str], tuple[Any, Any]]] = {
    "lattice": lambda recipe: autoencoder(recipe, "lattice"),
    "sites": lambda recipe: autoencoder(recipe, "sites"),
    "constraint": constraint,
    "writer": writer,
}


def calls(model: Any, batch: Any) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    """Returns a training step, its contractions alone, and their additions and multiplications."""
    import keras
    import tensorflow as tf

    tensors = keras.tree.map_structure(tf.constant, batch)
    # Makes the variables of metrics and optimiser, which a graph may not.
    model.train_on_batch(*batch)
    step = tf.function(lambda x, y: model.train_step((x, y))).get_concrete_function(*tensors)
    found = [op for op in step.graph.get_operations() if op.type in (*CONVOLUTIONS, *PRODUCTS)]
    inputs = [[random_tensor(tensor) for tensor in op.inputs] for op in found]

    @tf.function
    def alone(given: Any) -> list[Any]:
        graph = tf.compat.v1.get_default_graph()
        outputs = []
        for op, values in zip(found, given, strict=True):
            # Whole numbers are the shape of a gradient: that of what comes out.
            shape = op.outputs[0].shape.as_list()
            values = [
                value if tensor.dtype.is_floating else tf.constant(shape)
                for value, tensor in zip(values, op.inputs, strict=True)
            ]
            dtypes = [tensor.dtype for tensor in op.outputs]
            made = graph.create_op(op.type, values, dtypes, attrs=dict(op.node_def.attr))
            outputs += made.outputs
        return outputs

    products = alone.get_concrete_function(inputs)
    flat = keras.tree.flatten(inputs)
    return lambda: step(*tensors), lambda: products(*flat), sum(flops(op) for op in found)


def random_tensor(tensor: Any) -> Any:
    """Returns numbers in the shape of a tensor of a graph."""
    import tensorflow as tf

    if not tensor.dtype.is_floating:
        return tf.zeros(tensor.shape, tensor.dtype)
    return tf.cast(tf.random.normal(tensor.shape), tensor.dtype)


def flops(op: Any) -> int:
    """Returns the additions and multiplications of a product or convolution."""
    if op.type in CONVOLUTIONS:
        kernel, image = (
            (op.outputs[0] if place == OUTPUT else op.inputs[place]).shape
            for place in CONVOLUTIONS[op.type]
        )
        return 2 * math.prod(kernel) * math.prod(image[:-1])
    if op.type == "Einsum":
        letters = op.get_attr("equation").decode().split("->")[0].split(",")
        sizes = {
            letter: size
            for word, tensor in zip(letters, op.inputs, strict=True)
            for letter, size in zip(word, tensor.shape, strict=True)
        }
        return 2 * math.prod(sizes.values())
    transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
    inner = op.inputs[0].shape[-2 if transposed else -1]
    return 2 * math.prod(op.outputs[0].shape) * inner


def machine_rates() -> dict[str, float]:
    """Measures what one core reaches: GFLOP/s of products and convolutions, GB/s of copying."""
    import tensorflow as tf

    image, kernel = tf.random.normal((16, 32, 32, 64)), tf.random.normal((3, 3, 64, 64))
    volume, cube = tf.random.normal((4, 16, 16, 16, 64)), tf.random.normal((3, 3, 3, 64, 64))
    flat = tf.function(lambda: tf.nn.conv2d(image, kernel, 1, "SAME"))
    deep = tf.function(lambda: tf.nn.conv3d(volume, cube, [1] * 5, "SAME"))
    source, target = (np.ones(2**26, np.float32) for _ in range(2))
    took = fastest(
        {
            "gemm": gemm(),
            "flat": flat,
            "deep": deep,
            "copy": lambda: np.copyto(target, source),
        },
        1.0,
    )
    return {
        "GEMM, GFLOP/s": 2 * 1024**3 / took["gemm"] / 1e9,
        "convolution of images, GFLOP/s": 2 * 16 * 32**2 * 9 * 64**2 / took["flat"] / 1e9,
        "convolution of volumes, GFLOP/s": 2 * 4 * 16**3 * 27 * 64**2 / took["deep"] / 1e9,
        "copying, read and written, GB/s": 2 * source.nbytes / took["copy"] / 1e9,
    }


def gemm() -> Callable[[], Any]:
    """Returns a product of two matrices of 1,024 x 1,024."""
    import tensorflow as tf

    matrix = tf.random.normal((1024, 1024))
    return tf.function(lambda: tf.linalg.matmul(matrix, matrix + 0.0))


def fastest(tasks: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Runs all tasks in turn and returns the processor seconds of the fastest run of each."""
    for task in tasks.values():
        task()
    best = dict.fromkeys(tasks, math.inf)
    spent, rounds = 0.0, 0
    while rounds < 7 or spent < seconds:
        rounds += 1
        for name, task in tasks.items():
            began = time.process_time()
            task()
            took = time.process_time() - began
            spent += took
            best[name] = min(best[name], took)
    return best


if __name__ == "__main__":
    main()
