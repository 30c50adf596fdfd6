"""ONNX Runtime beside TensorFlow for every part of both families, each beside the machine's GEMM.

For every part, at the batch size that `tfmat generate` uses: samples a second of TensorFlow
(tf.function of the untouched Keras network, the graph that its SavedModel holds), of ONNX Runtime
with the network as it is, and with the network as `tfmat.export.rewrite` makes it. All ways run in
turn in one process, together with a product of two matrices of 1,024 x 1,024 by ONNX Runtime (the
fastest here); the percentages are FLOPs of the untouched network against that product's. `<` marks
what is slower than TensorFlow.

With one thread seconds are processor time, so other work on the machine hardly matters; with more
they are wall time. Then ONNX Runtime is measured both ways, as one session of all threads and as
one thread for each of several calls at a time. The fastest of the repeats counts.

Recipes are built with random weights. A package of `tfmat export --keras` has trained ones and is
also generated with, from end to end.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --recipes bi-se --batch 1 2 4 8
    python benchmarks/throughput.py --recipes none --packages saved_models/NAME
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import recorded
from numpy.typing import NDArray
from untrained import recipe_networks

from tfmat.inference.metadata import read_metadata
from tfmat.inference.package import NetworkSet
from tfmat.inference.tensors import Tensors
from tfmat.training.quiet import load_keras

RECIPES = (
    "bi-se",
    "bi-se-compact",
    "quickstart",
    "matgan-oqmd",
    "matgan-icsd",
    "matgan-dense",
    "matgan-plus",
    "composition-ae",
    "composition-ae-compact",
)
GEMM = 1024
COLUMNS = {
    "part": "text",
    "batch": "count",
    "threads": "count",
    "MFLOP": "number",
    "TensorFlow": "text",
    "ORT, plain": "text",
    "ORT, rewritten": "text",
    "rewritten, several calls": "text",
    "best/TensorFlow": "number",
}
Function = Callable[[NDArray[np.float32]], NDArray[Any]]


@dataclass
class Networks(NetworkSet):
    """Networks as functions, one computer of all."""

    functions: Mapping[str, Function] = field(default_factory=dict)

    def _run(self, part: str, name: str, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        del name
        return {"output": self.functions[part](batch)}


def main() -> None:
    """Parses the options and measures in a process of its own for each number of threads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", nargs="+", default=RECIPES, help="'none' for none")
    parser.add_argument("--packages", nargs="+", default=[], type=Path)
    parser.add_argument("--parts", nargs="+", help="only these")
    parser.add_argument("--batch", nargs="+", type=int, help="in place of generate's")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=1.0, help="for each way of each part")
    parser.add_argument("-n", "--number", type=int, default=256, help="end to end: crystal graphs")
    recorded.add_option(parser)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        rows = measure(options, options.threads[0])
        options.worker.write_text(json.dumps(rows), "utf-8")
        return
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "rows.json"
        for threads in options.threads:
            words = [*sys.argv[1:], "--worker", str(file), "--threads", str(threads)]
            subprocess.run([sys.executable, __file__, *words], check=True)
            found += json.loads(file.read_text("utf-8"))
    if options.json:
        note = "Processor seconds where there is one thread, wall seconds with more; in brackets "
        note += "the share of the FLOPs of ONNX Runtime's matrix product in the same run."
        table = recorded.Table("Samples a second", COLUMNS, [cells(row) for row in found], note)
        title = "Networks in ONNX Runtime beside TensorFlow"
        recorded.write(options.json, __file__, title, [table], {"rows": found})


def cells(row: Mapping[str, Any]) -> list[Any]:
    """Returns the line of a part as the page shows it."""
    rates = []
    for way in ("TensorFlow", "ORT plain", "rewritten", "several"):
        rate = row["per_second"].get(way)
        rates.append(rate and f"{rate:,.4g} ({row['of_gemm'][way]:.0%})")
    named = [row["part"], row["batch"], row["threads"], row["flop"] / 1e6]
    return [*named, *rates, row["best_over_tensorflow"]]


def measure(options: argparse.Namespace, threads: int) -> list[dict[str, Any]]:
    """Prints the tables of one number of threads, and returns their lines."""
    rows = []
    load_keras(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    what = "processor" if threads == 1 else "wall"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{threads} thread(s), samples per {what} second; load of the machine {load}")
    columns = ["MFLOP", "TensorFlow", "ORT plain", "rewritten"]
    columns += [f"{threads} x 1"] if threads > 1 else []
    print(f"{'part':<42}{'batch':>6}" + "".join(f"{name:>16}" for name in columns), end="")
    print(f"{'GFLOP/s':>9}{'plain/TF':>9}{'new/TF':>8}")
    sources = [recipe_networks(name) for name in options.recipes if name != "none"]
    sources += [package_networks(folder) for folder in options.packages]
    for metadata, networks in sources:
        ways = {
            "TensorFlow": computer(metadata, networks, tensorflow_function),
            "ORT plain": computer(metadata, networks, lambda n: onnx_function(n, threads, False)),
            "rewritten": computer(metadata, networks, lambda n: onnx_function(n, threads, True)),
        }
        inputs, batch_size = probes(ways["TensorFlow"], metadata["family"])
        for part in networks:
            if options.parts and part not in options.parts:
                continue
            for size in options.batch or [batch_size(part)]:
                repeated = -(-size // len(inputs[part]))
                batch = np.concatenate([inputs[part]] * repeated)[:size]
                functions = {name: way.functions[part] for name, way in ways.items()}
                row = line(
                    metadata["name"], part, networks[part], functions, batch, threads, options
                )
                rows.append(row)
        if threads == 1 and "dataset" in metadata:
            end_to_end(metadata, ways, options.number, clock)
    return rows


def line(
    name: str,
    part: str,
    network: Any,
    functions: dict[str, Function],
    batch: NDArray[np.float32],
    threads: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Measures a part, prints its line and returns its numbers."""
    size, work = len(batch), flops(network)
    calls: dict[str, Callable[[], Any]] = {
        way: lambda function=function: function(batch) for way, function in functions.items()
    }
    calls["GEMM"] = gemm(threads)
    if threads > 1:
        pool = ThreadPoolExecutor(threads)
        single = onnx_function(network, 1, True)
        calls["several"] = lambda: list(pool.map(single, [batch] * threads))
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds = fastest(calls, clock, options.seconds)
    peak = 2 * GEMM**3 / seconds["GEMM"]
    rates = {way: size / seconds[way] for way in functions}
    if threads > 1:
        rates["several"] = threads * size / seconds["several"]
    cells = "".join(f"{rate:>10.4g} {100 * rate * work / peak:>4.0f}%" for rate in rates.values())
    plain = rates["ORT plain"] / rates["TensorFlow"]
    new = max(rates["rewritten"], rates.get("several", 0.0)) / rates["TensorFlow"]
    mark = " <" if new < 1 else ""
    print(
        f"{name + ' ' + part:<42}{size:>6}{work / 1e6:>16.4g}{cells}{peak / 1e9:>9.0f}"
        f"{plain:>9.2f}{new:>8.2f}{mark}",
        flush=True,
    )
    return {
        "part": f"{name} {part}",
        "batch": size,
        "threads": threads,
        "flop": work,
        "gemm_flop_per_second": peak,
        "per_second": rates,
        "of_gemm": {way: rate * work / peak for way, rate in rates.items()},
        "best_over_tensorflow": new,
    }


def fastest(
    calls: Mapping[str, Callable[[], Any]], clock: Callable[[], float], seconds: float
) -> dict[str, float]:
    """Runs all calls in turn and returns the seconds of the fastest of each."""
    best = dict.fromkeys(calls, math.inf)
    for call in calls.values():
        call()
    spent, rounds = 0.0, 0
    while rounds < 5 or spent < seconds * len(calls):
        rounds += 1
        for name, call in calls.items():
            began = clock()
            call()
            took = clock() - began
            spent += took
            best[name] = min(best[name], took)
    return best


def end_to_end(
    metadata: dict[str, Any], ways: dict[str, Networks], number: int, clock: Callable[[], float]
) -> None:
    """Prints what a thread generates with trained networks, everything counted."""
    rates: dict[str, list[float]] = {}
    for _ in range(3):
        for name, way in ways.items():
            for what, work in workload(metadata, way, number).items():
                began = clock()
                made = work()
                rates.setdefault(f"{what}|{name}", []).append(made / (clock() - began))
    for what in dict.fromkeys(key.split("|")[0] for key in rates):
        values = {name: max(rates[f"{what}|{name}"]) for name in ways}
        cells = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        ratio = values["rewritten"] / values["TensorFlow"]
        print(f"{metadata['name']}: {what} a second: {cells}; new/TF {ratio:.2f}")


def workload(
    metadata: dict[str, Any], networks: Networks, number: int
) -> dict[str, Callable[[], int]]:
    """Returns what is to be timed; each returns how much it has made."""
    if metadata["family"] == "matgan":
        if "generator" not in networks.parts:
            return {}
        sampler = formula_sampler(networks)
        return {"formulas": lambda: sampler.chunk(0, 8192).samples}
    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.generate import STRUCTURE, generate
    from tfmat.inference.noise import vector_noise

    codec = Codec.from_package(networks)
    latents = vector_noise(0, 0, 2048, codec.recipe.gan.latent)

    def structures() -> int:
        return sum(result.status == STRUCTURE for result in generate(codec, number, 0))

    return {
        "crystal graphs": lambda: len(networks.run("generator", latents, 64)),
        "sound structures": structures,
    }


def formula_sampler(networks: Networks) -> Any:
    """Returns what `tfmat generate matgan` runs in one of its threads."""
    from tfmat.matgan.generating.generate import FormulaSampler
    from tfmat.matgan.generating.model import CompositionModel, reader
    from tfmat.matgan.validity.checker import ValidityChecker

    model = CompositionModel(
        name=networks.name,
        backend="onnx",
        version="",
        weights_sha256="",
        precision="float32",
        latent=networks.input("generator")[1][0],
        workers=1,
        clock=time.thread_time,
        generate=lambda noise: networks.run("generator", noise),
        read=reader(networks.metadata),
        score=None,
    )
    return FormulaSampler(model, 0, ValidityChecker())


def computer(
    metadata: dict[str, Any], networks: Mapping[str, Any], make: Callable[[Any], Function]
) -> Networks:
    """Returns the networks of a source as functions of one kind."""
    functions = {part: make(network) for part, network in networks.items()}
    return Networks(Path(), metadata, functions=functions)


def probes(
    networks: Networks, family: str
) -> tuple[dict[str, NDArray[np.float32]], Callable[[str], int]]:
    """Returns inputs for each part, and the batch size that `tfmat generate` gives it."""
    if family == "matgan":
        from tfmat.matgan import probe as formulas

        inputs = formulas.probe_inputs(networks, formulas.BATCH)
        return inputs, lambda part: formulas.batch_size(part, networks)
    from tfmat.ccdcgan import probe as structures

    inputs = structures.probe_inputs(networks, structures.GRAPH_BATCH)
    return inputs, lambda part: structures.batch_size(part, networks)


def package_networks(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Loads the Keras networks of a package."""
    import keras

    metadata = read_metadata(folder)
    networks = {
        part: keras.models.load_model(folder / entry["keras"]["file"], compile=False)
        for part, entry in metadata["parts"].items()
        if "keras" in entry
    }
    return {**metadata, "parts": {part: metadata["parts"][part] for part in networks}}, networks


def tensorflow_function(network: Any) -> Function:
    """Returns a network as a TensorFlow graph for any batch size."""
    import tensorflow

    signature = [tensorflow.TensorSpec((None, *network.inputs[0].shape[1:]))]
    function = tensorflow.function(
        lambda batch: network(batch, training=False), input_signature=signature
    )
    return lambda batch: function(batch).numpy()


def onnx_function(network: Any, threads: int, rewritten: bool) -> Function:
    """Returns a network as an ONNX Runtime session, set as in tfmat.inference."""
    import onnxruntime

    from tfmat.export.onnx import export_onnx
    from tfmat.export.rewrite import rewrite

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "network.onnx"
        export_onnx(rewrite(network) if rewritten else network, file, Tensors("x", {"y": "1"}))
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"x": batch})[0]


def gemm(threads: int) -> Callable[[], Any]:
    """Returns a product of two matrices by ONNX Runtime."""
    if threads not in _GEMM:
        import keras

        layer = keras.layers.Dense(GEMM, use_bias=False)
        network = keras.Sequential([keras.Input((GEMM,)), layer])
        matrix = np.random.default_rng(0).normal(size=(GEMM, GEMM)).astype(np.float32)
        function = onnx_function(network, threads, False)
        _GEMM[threads] = lambda: function(matrix)
    return _GEMM[threads]


_GEMM: dict[int, Callable[[], Any]] = {}


def flops(network: Any) -> int:
    """Returns the multiplications and additions of a network's dense and convolutional layers."""
    total = 0
    for nodes in network._nodes_by_depth.values():
        for node in nodes:
            layer = node.operation
            if getattr(layer, "kernel", None) is None:
                continue
            # A transposed convolution applies its kernel at every position of its input.
            transposed = "Transpose" in type(layer).__name__
            tensor = node.input_tensors[0] if transposed else node.outputs[0]
            total += 2 * math.prod(layer.kernel.shape) * math.prod(tensor.shape[1:-1])
    return total


if __name__ == "__main__":
    main()
