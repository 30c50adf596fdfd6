"""Where the time of generating formulas goes: the network, and everything that is not.

Generates with random weights (a dense generator, or one of the reference forms), or with --model,
and prints the processor time of each part. --network compares ways of running the network in the
same process: the decoding in NumPy or in the graph, one call of several threads or several calls
of one thread, ONNX Runtime or TensorFlow. --memory compares the peak of a process with a tenth of
the samples.

    python benchmarks/generate_matgan.py -n 2000000
    python benchmarks/generate_matgan.py -n 20000 --form matgan-7 --network
    python benchmarks/generate_matgan.py --model runs/matgan --memory
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import recorded

from tfmat.inference.noise import block_noise
from tfmat.inference.package import load
from tfmat.inference.threads import available_threads
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.generating.generate import FormulaRequest, FormulaSampler
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.generating.results import Amount, generate_into
from tfmat.matgan.generating.unique import KeyTable
from tfmat.matgan.matrix import matrix_counts
from tfmat.matgan.validity.checker import ValidityChecker
from tfmat.training.quiet import load_keras


def main() -> None:
    """Parses the options and prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--number", type=int, default=2_000_000, help="samples")
    parser.add_argument("--model", type=Path, help="a run or package; random weights by default")
    parser.add_argument("--form", choices=["dense", "matgan-7", "matgan-4"], default="dense")
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--out", default="formulas.csv", help="name of the file, for its ending")
    parser.add_argument("--all", action="store_true", help="a row for each sample")
    parser.add_argument("--known", type=int, default=300_000, help="formulas that are not novel")
    parser.add_argument("--network", action="store_true", help="compare ways to run the network")
    parser.add_argument("--memory", action="store_true", help="compare the peak of the memory")
    recorded.add_option(parser)
    options = parser.parse_args()
    if options.json and (options.network or options.memory):
        parser.error("--json goes with neither --network nor --memory")
    with tempfile.TemporaryDirectory() as scratch:
        if options.model is None:
            options.model = Path(scratch) / "run"
            write_random_run(options.model, options.form)
        if options.network:
            compare_networks(options)
        elif options.memory:
            compare_memory(options)
        else:
            print_parts(options, Path(scratch))


def print_parts(options: argparse.Namespace, scratch: Path) -> None:
    """Generates once and prints the processor time of each part."""
    model = CompositionModel.load(options.model, threads=options.threads)
    known = KeyTable()
    known.add(np.unique(np.random.default_rng(0).integers(0, 2**64, options.known, np.uint64)))
    sampler = FormulaSampler(
        model, 7, ValidityChecker(), FormulaRequest(known=known), options.batch_size
    )
    amount = Amount(options.number, unique=not options.all)
    summary = generate_into(scratch / options.out, sampler, amount)
    seconds = summary["seconds"]
    parts = seconds["parts"]
    for part, value in parts.items():
        print(f"{part:<10} {value:8.2f} s")
    rest = sum(parts.values()) - parts["network"]
    print(f"{'all but network':<16} {rest:6.2f} s of processor time, {options.threads} threads")
    print(f"{'process':<16} {seconds['processor']:6.2f} s, wall {seconds['total']:.2f} s")
    size = (scratch / options.out).stat().st_size / 1e6
    print(
        f"{summary['samples']:,} samples, {summary['accepted']:,} accepted, "
        f"{summary['unique']:,} different, {summary['rows']:,} rows, {size:.0f} MB, "
        f"peak {peak():.0f} MB"
    )
    if options.json:
        lines = [[part, value] for part, value in parts.items()]
        lines += [["all but the network", rest], ["the process", seconds["processor"]]]
        counts = [[name, summary[name]] for name in ("samples", "accepted", "unique", "rows")]
        counts += [["samples a second of wall time", summary["samples"] / seconds["total"]]]
        counts += [["megabytes written", size], ["megabytes of memory, at most", peak()]]
        note = f"{options.threads} threads; a second of each thread counts."
        tables = [
            recorded.Table("Processor time", {"part": "text", "s": "number"}, lines, note),
            recorded.Table("Formulas", {"what": "text", "number": "number"}, counts),
        ]
        recorded.write(options.json, __file__, "Generating formulas", tables, {})


def peak() -> float:
    """Returns the largest resident memory of this process so far, in MB; only on Linux."""
    # getrusage() of a child begins with what its parent had.
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def compare_networks(options: argparse.Namespace) -> None:
    """Prints samples a second of each way to run the network."""
    threads = options.threads
    print(
        f"{'network':<28} {'threads of a call':>17} {'calls at a time':>15} {'samples/s':>10} "
        f"{'per CPU-s':>10}"
    )
    for part, decoding in (("generator", "NumPy"), ("generate", "the graph")):
        for each in sorted({1, threads}):
            package = load(options.model, threads=each)

            def run(noise: Any, package: Any = package, part: str = part) -> None:
                made = package.run(part, noise)
                if part == "generator":
                    matrix_counts(made)

            latent = package.session(part).get_inputs()[0].shape[1]
            name = f"ONNX, decoded in {decoding}"
            print_rate(options, name, run, latent, each, max(1, threads // each))
    load_keras(threads)
    model = CompositionModel.load(options.model, backend="tensorflow")
    name = "TensorFlow, decoded in NumPy"
    print_rate(options, name, lambda z: model.read(model.generate(z)), model.latent, threads, 1)


def print_rate(
    options: argparse.Namespace, name: str, run: Any, latent: int, each: int, calls: int
) -> None:
    """Runs one way often enough and prints its samples a second."""
    noise = block_noise(0, 0, options.batch_size, latent)
    run(noise)
    batches = max(1, options.number // options.batch_size)
    with ThreadPoolExecutor(calls) as pool:
        wall, cpu = time.perf_counter(), time.process_time()
        list(pool.map(lambda _: run(noise), range(batches)))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    samples = batches * options.batch_size
    print(f"{name:<28} {each:>17} {calls:>15} {samples / wall:>10.0f} {samples / cpu:>10.0f}")


def compare_memory(options: argparse.Namespace) -> None:
    """Runs itself with a tenth of the samples and with all of them."""
    for number in (options.number // 10, options.number):
        words = [sys.executable, __file__, "-n", str(number), "--model", str(options.model)]
        words += ["--threads", str(options.threads), "--out", options.out]
        done = subprocess.run(
            [*words, *(["--all"] if options.all else [])], check=True, stdout=subprocess.PIPE
        )
        print(done.stdout.decode().splitlines()[-1])


def write_random_run(folder: Path, form: Any) -> None:
    """Writes weights and package of a run that was never trained.

    A dense generator's columns are occupied as often as in formulas of about four elements, some
    much more often than others, so that formulas repeat.
    """
    import keras

    from tfmat.export.package import Provenance, write_package
    from tfmat.matgan.networks.end_to_end import build_generate
    from tfmat.matgan.networks.gan import build_generator
    from tfmat.matgan.parts import PARTS
    from tfmat.matgan.recipe import CriticGanRecipe, DecodingRecipe, MatganRecipe
    from tfmat.recipes.loader import to_mapping

    keras.utils.set_random_seed(5)
    gan = CriticGanRecipe(form=form, initializer="glorot")
    generator = build_generator(gan)
    if form == "dense":
        random = np.random.default_rng(5)
        cells = generator.get_layer("cells")
        logits = keras.Model(generator.input, cells.output)(
            block_noise(5, 0, 4096, gan.latent)
        ).numpy()
        weight = random.lognormal(sigma=2.0, size=logits.shape[1])
        share = np.clip(4 * weight / weight.sum(), 1e-5, 0.8)
        limit = [np.quantile(logits[:, i], 1 - part) for i, part in enumerate(share)]
        cells.set_weights([cells.get_weights()[0], np.log(0.2 / 0.8) - np.array(limit)])
    (folder / "weights").mkdir(parents=True)
    generator.save(folder / "weights" / "generator.keras")
    write_package(
        folder / "package",
        {"generator": generator, "generate": build_generate(generator, DecodingRecipe())},
        PARTS,
        Provenance(
            "random",
            MatganRecipe("random", gan=gan),
            ELEMENTS,
            details={"decoding": to_mapping(DecodingRecipe())},
        ),
    )


if __name__ == "__main__":
    main()
