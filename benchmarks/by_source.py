"""What ``tfmat evaluate structures`` says of a model's sources, side by side.

    python benchmarks/by_source.py MODEL --data DATASET [-n 1000] [--seed 1] [--coverage 0]
        [--source prototype --source writer --source pool --source slot-gan]

MODEL makes crystals of any system, DATASET is what it has learned from. So many compositions are
drawn for each source, the same ones; what becomes of them is measured as the benchmarks on MP-20
do: valid structures (no atoms within 0.5 Å) and compositions (smact), unique, and novel against
DATASET, with ``--coverage`` also coverage of so many known structures (extra ``evaluate``). Beside
every share stand its standard error and what the known structures of DATASET have. A source that
the model lacks is left out, in one line.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import tfmat
from tfmat.errors import InputError

SOURCES = ("prototype", "writer", "pool", "slot-gan")


def shown(metric: dict[str, Any]) -> str:
    """Returns a value, and the standard error where it is a share."""
    value, error = metric["value"], metric["standard_error"]
    if error is None and metric["numerator"] is not None and metric["denominator"]:
        error = math.sqrt(value * (1 - value) / metric["denominator"])
    return f"{value:.4g}" + ("" if error is None else f"±{error:.2g}")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coverage", type=int, default=0)
    parser.add_argument("--source", action="append", choices=SOURCES, default=[])
    options = parser.parse_args()
    model = tfmat.load(options.model, threads=1)
    columns: dict[str, dict[str, str]] = {}
    for source in options.source or SOURCES:
        began = time.process_time()
        try:
            made = model.generate(options.n, seed=options.seed, source=source)
        except InputError as error:
            print(f"{source}: left out, {error}", flush=True)
            continue
        seconds = time.process_time() - began
        found = tfmat.evaluate_structures(
            made, options.data, distances=False, coverage=options.coverage or None
        )
        columns[source] = {"made": f"{len(made)} of {options.n}"}
        columns[source]["processor, ms"] = f"{1e3 * seconds / options.n:.1f}"
        for metric in found["metrics"]:
            name, subset = metric["name"], dict(metric["subset"])
            of_known = bool(subset.pop("set", ""))
            title = " ".join([name, *(f"{key} {value}" for key, value in subset.items())])
            if metric["value"] is not None:
                columns.setdefault("known" if of_known else source, {})[title] = shown(metric)
        print(f"{source}: {len(made)} structures of {options.n}, {seconds:.0f} s", flush=True)
    order = [name for name in (*SOURCES, "known") if name in columns]
    titles = list(dict.fromkeys(title for name in order for title in columns[name]))
    width = max(map(len, titles), default=0)
    print(f"{'':{width}}", *(f"{name:>16}" for name in order))
    for title in titles:
        print(f"{title:{width}}", *(f"{columns[name].get(title, '-'):>16}" for name in order))


if __name__ == "__main__":
    main()
