"""Training steps beside the limit: what oneDNN takes for the same products and convolutions alone.

    python benchmarks/limits.py [--steps quickstart/sites-ae matgan-icsd/gan ...] [--json FILE]

A step is the one of tfmat's own training, on the data that ship with tfmat. All matrix products and
convolutions of its graph, forward, backward and of the optimiser, are found in the graph that ran,
with their shapes, and run alone on random numbers that lie in memory, in one graph, in TensorFlow
(oneDNN). Step and operations take turns in one process, the median of the rounds counts; the share
is the time of the operations over that of the step. Behind it stands what `fit` takes for a step
with its batches drawn, as in training.

In the same run stand the rates of a product of two matrices of 1,024 x 1,024, of a convolution of
images and one of volumes, and of copying memory. Seconds are processor seconds of one thread.
Where the rest of a step goes is told by TensorFlow's profiler, in a run of its own.

How ONNX Runtime's generators stand beside the matrix product: benchmarks/throughput.py.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import recorded
from contractions import Contraction, alone, executed, is_contraction, profiled
from training_steps import TrainingStep, training_step

from tfmat.training.quiet import load_keras

STEPS = (
    "quickstart/lattice-ae",
    "quickstart/sites-ae",
    "quickstart/constraint",
    "bi-se-compact/sites-ae",
    "bi-se/lattice-ae",
    "bi-se/sites-ae",
    "ccdcgan-plus/writer",
    "matgan-icsd/gan",
    "matgan-dense/gan",
)
SIZE = 1024
# Operations of each step that the page shows.
SHOWN = 4
STEP_COLUMNS = {
    "step": "text",
    "batch": "count",
    "operations": "count",
    "MFLOP": "number",
    "of the optimiser": "share",
    "step, ms": "number",
    "alone, ms": "number",
    "share": "share",
    "alone, GFLOP/s": "number",
    "of the GEMM": "share",
    "`fit`, ms a step": "number",
}
PLACE_COLUMNS = {
    "step": "text",
    "operations timed": "count",
    "products and convolutions": "share",
    "random numbers": "share",
    "the optimiser's other operations": "share",
    "all others": "share",
}
OPERATION_COLUMNS = {
    "step": "text",
    "operation": "text",
    "shapes": "text",
    "times": "count",
    "MFLOP each": "number",
    "ms each": "number",
    "GFLOP/s": "number",
}


def main() -> None:
    """Parses the words, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, metavar="STEP")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each step, at least")
    parser.add_argument("--xla", action="store_true", help="print only steps beside XLA's")
    recorded.add_option(parser)
    options = parser.parse_args()
    load_keras(1)
    if options.xla:
        beside_xla(options.steps, options.seconds)
        return
    rates = machine_rates(options.seconds)
    for name, value in rates:
        print(f"{value:10.1f}  {name}")
    rows, places, operations, extra = [], [], [], {}
    heads = ("MFLOP", "step, ms", "alone, ms", "share", "GFLOP/s", "of GEMM", "fit, ms")
    print(f"\n{'step':<24}{'batch':>6}" + "".join(f"{head:>11}" for head in heads))
    for name in options.steps:
        step = training_step(name)
        found = executed(step.run)
        row, calls = measured(name, step, found, options.seconds)
        rows.append(row)
        fitted = "" if row[10] is None else f"{row[10]:.2f}"
        print(
            f"{name:<24}{row[1]:>6}{row[3]:>11.1f}{row[5]:>11.2f}{row[6]:>11.2f}{row[7]:>11.0%}"
            f"{row[8]:>11.1f}{row[9]:>11.0%}{fitted:>11}",
            flush=True,
        )
        # About a second each.
        repeats = max(5, min(100, int(1e3 / row[5])))
        places.append([name, *whereabouts(profiled(step.run, repeats))])
        each = by_operation(found, profiled(calls, repeats), row[6] / 1e3)
        operations += [[name, *line] for line in each[:SHOWN]]
        extra[name] = each
    print(f"\n{'of the time in operations':<24}{'number':>8}  products  random  optimiser  others")
    for name, number, *shares in places:
        print(f"{name:<24}{number:>9}" + "".join(f"{share:>9.0%}" for share in shares))
    if options.json:
        tables = [
            recorded.Table("Rates of the machine", {"what": "text", "rate": "number"}, rates),
            recorded.Table("Steps and their products and convolutions alone", STEP_COLUMNS, rows),
            recorded.Table("Where the time of a step goes", PLACE_COLUMNS, places, PLACES),
            recorded.Table("The costliest operations", OPERATION_COLUMNS, operations, OPERATIONS),
        ]
        title = "Training steps beside the limit"
        recorded.write(options.json, __file__, title, tables, {"operations": extra})


PLACES = (
    "Shares of the time that the profiler finds in operations; calls and waiting are not in it."
)
OPERATIONS = f"The {SHOWN} that take most of each step; the profiler shares out the time alone."


def measured(
    name: str, step: TrainingStep, found: Sequence[Contraction], seconds: float
) -> tuple[list[Any], Callable[[], Any]]:
    """Measures a step and its operations alone, in turn.

    Returns:
        The row of the table, and what runs the operations alone.
    """
    whole, frame = alone(found)
    took = medians({"step": step.run, "alone": whole, "frame": frame, "gemm": gemm()}, seconds)
    only = took["alone"] - took["frame"]
    flops = sum(each.flops for each in found)
    updates = sum(each.flops for each in found if each.optimiser)
    row = [
        name,
        step.batch,
        len(found),
        flops / 1e6,
        updates / flops,
        1e3 * took["step"],
        1e3 * only,
        only / took["step"],
        flops / only / 1e9,
        # The matrix product of the same rounds: a busy machine slows both.
        flops / only * took["gemm"] / (2 * SIZE**3),
        None if step.train is None else 1e3 * fitted(step.train, took["step"], seconds),
    ]
    return row, whole


def beside_xla(names: Sequence[str], seconds: float) -> None:
    """Prints what steps take as they are and compiled by XLA, in turn."""
    for name in names:
        step = training_step(name)
        if step.compiled is not None:
            step.run()
            took = medians({"as it is": step.run, "by XLA": step.compiled()}, seconds)
            print(name, *(f"{way} {1e3 * value:.2f} ms" for way, value in took.items()), sep=", ")


def fitted(train: Callable[[int], Any], step: float, seconds: float) -> float:
    """Returns the processor seconds of a step of `fit`, the median of three calls."""
    count = max(5, int(seconds / 4 / step))
    train(2)
    took = []
    for _ in range(3):
        began = time.process_time()
        train(count)
        took.append((time.process_time() - began) / count)
    return statistics.median(took)


def whereabouts(profile: Mapping[str, Mapping[str, float]]) -> list[Any]:
    """Returns how many operations of a step the profiler timed, and shares of their time."""
    seconds, number = Counter[str](), 0
    for kind, names in profile.items():
        number += len(names)
        for name, took in names.items():
            if is_contraction(kind):
                place = "product"
            elif "Random" in kind:
                place = "random"
            elif "muon" in name.lower() or "adam" in name.lower():
                place = "optimiser"
            else:
                place = "other"
            seconds[place] += took
    whole = sum(seconds.values())
    shares = [seconds[place] / whole for place in ("product", "random", "optimiser", "other")]
    return [number, *shares]


def by_operation(
    found: Sequence[Contraction], profile: Mapping[str, Mapping[str, float]], whole: float
) -> list[list[Any]]:
    """Returns lines for all different operations, those that take most first.

    Args:
        found: The operations.
        profile: Seconds of the profiler, by type and name.
        whole: Processor seconds of all. The profiler's are wall time, and stretched to this sum.
    """
    took: dict[int, float] = {}
    for kind, names in profile.items():
        for name, seconds in names.items():
            if is_contraction(kind):
                took[int(name.rpartition("operation_")[2])] = seconds
    groups: dict[tuple[str, str, int], list[float]] = {}
    for number, each in enumerate(found):
        shapes = " ".join("x".join(str(size) for size in shape) for shape in each.operands)
        groups.setdefault((each.kind, shapes, each.flops), []).append(took.get(number, 0.0))
    scale, lines = whole / sum(took.values()), []
    for (kind, shapes, flops), seconds in groups.items():
        # What takes less than about a microsecond the profiler leaves out.
        mean = scale * statistics.mean(seconds)
        rate = flops / mean / 1e9 if all(seconds) else None
        lines.append([kind, shapes, len(seconds), flops / 1e6, 1e3 * mean, rate])
    return sorted(lines, key=lambda line: -line[2] * line[4])


def machine_rates(seconds: float) -> list[list[Any]]:
    """Measures what one core reaches: GFLOP/s of products and convolutions, GB/s of copying."""
    import tensorflow as tf

    image, kernel = tf.random.normal((16, 32, 32, 64)), tf.random.normal((3, 3, 64, 64))
    volume, cube = tf.random.normal((4, 16, 16, 16, 64)), tf.random.normal((3, 3, 3, 64, 64))
    flat = tf.function(lambda: tf.nn.conv2d(image, kernel, 1, "SAME"))
    deep = tf.function(lambda: tf.nn.conv3d(volume, cube, [1] * 5, "SAME"))
    source, target = (np.ones(2**26, np.float32) for _ in range(2))
    copy = lambda: np.copyto(target, source)  # noqa: E731
    took = medians({"gemm": gemm(), "flat": flat, "deep": deep, "copy": copy}, seconds)
    return [
        ["matrix product of 1,024 x 1,024 (GEMM), GFLOP/s", 2 * SIZE**3 / took["gemm"] / 1e9],
        [
            "convolution of 16 images of 32 x 32, 3 x 3, 64 filters of 64, GFLOP/s",
            2 * 16 * 32**2 * 9 * 64**2 / took["flat"] / 1e9,
        ],
        [
            "convolution of 4 volumes of 16 x 16 x 16, 3 x 3 x 3, 64 filters of 64, GFLOP/s",
            2 * 4 * 16**3 * 27 * 64**2 / took["deep"] / 1e9,
        ],
        ["copying 268 MB, read and written, GB/s", 2 * source.nbytes / took["copy"] / 1e9],
    ]


def gemm() -> Callable[[], Any]:
    """Returns a product of two matrices of 1,024 x 1,024."""
    import tensorflow as tf

    left, right = tf.random.normal((SIZE, SIZE)), tf.random.normal((SIZE, SIZE))
    return tf.function(lambda: tf.linalg.matmul(left, right))


def medians(tasks: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Runs all tasks in turn and returns the median of the processor seconds of each."""
    for task in tasks.values():
        task()
        task()
    took: dict[str, list[float]] = {name: [] for name in tasks}
    spent, rounds = 0.0, 0
    while rounds < 7 or spent < seconds:
        rounds += 1
        for name, task in tasks.items():
            began = time.process_time()
            task()
            took[name].append(time.process_time() - began)
            spent += took[name][-1]
    return {name: statistics.median(values) for name, values in took.items()}


if __name__ == "__main__":
    main()
