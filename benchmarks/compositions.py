"""Speed of formulas to compositions to 8×85 matrices and back, beside plain forms of the same work.

    python benchmarks/compositions.py encoding
    python benchmarks/compositions.py encoding --data a.csv.gz b.csv.gz

Times are processor seconds of one thread, so that a busy machine does not change them much; the
plain forms do a part of the same formulas in the same run. Every result is compared with what was
encoded.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One core.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
from pymatgen.core import Composition  # noqa: E402

from tfmat.datasets.readers.formulas import read_formulas  # noqa: E402
from tfmat.formulas.compositions import Compositions, symbols  # noqa: E402
from tfmat.formulas.parsing import parse_formulas  # noqa: E402
from tfmat.matgan.elements import NUMBERS  # noqa: E402
from tfmat.matgan.matrix import decode, encode, fits, from_counts, to_counts  # noqa: E402

# Formulas for what takes microseconds each, and matrices that are held at once (357 MB).
FEW = 20_000
HELD = 131_072
# Matrices made at once in training.
BATCH = 4_096
TOKEN = re.compile(r"([A-Z][a-z]?)(\d*)")
NUMBER = {symbol: number for number, symbol in enumerate(symbols())}


def main() -> None:
    """Parses the words and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["encoding"])
    parser.add_argument("--data", nargs="+", default=["formulas"], help="tables or datasets")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    given = Compositions.concatenate([read_formulas(path).compositions for path in options.data])
    rows = encoding(given)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


def encoding(given: Compositions) -> list[dict[str, Any]]:
    """Measures every direction and prints a line for each."""
    rows: list[dict[str, Any]] = []

    def measure(name: str, count: int, work: Callable[[], object], repeat: int = 3) -> None:
        per_second = count / min(seconds(work) for _ in range(repeat))
        rows.append({"work": name, "formulas": count, "formulas_per_second": round(per_second)})
        print(f"{name:<58} {count:>9,} {per_second:>12,.0f}/s", flush=True)

    texts = given.formula_array()
    few = texts[:: max(1, len(texts) // FEW)][:FEW].to_pylist()
    assert np.array_equal(parse_formulas(texts).compositions.keys(), given.keys())
    measure("text to compositions", len(given), lambda: parse_formulas(texts))
    measure("  a regular expression and a loop", len(few), lambda: [by_loop(text) for text in few])
    measure("  pymatgen's Composition", len(few), lambda: by_pymatgen(few))
    for form in ("({})2", "{}·H2O", "Ca0.5({})1.5"):
        others = [form.format(text) for text in few]
        measure(f"  one by one: {form.format('…')}", len(few), lambda: parse_formulas(others))  # noqa: B023
    measure("compositions to text", len(given), given.formula_array)

    fitting = given[fits(given) & (given.n_elements > 1)]
    n = len(fitting)
    # The operating system hands out memory page by page when it is first written to.
    held = fitting[:HELD]
    measure(
        "compositions to float32 matrices, memory never used", len(held), lambda: encode(held), 1
    )
    for dtype in (np.float32, np.uint8):
        reused = np.empty((BATCH, 8, 85), dtype)
        measure(
            f"compositions to {np.dtype(dtype)} matrices, memory reused",
            n,
            lambda: [encode(block, out=reused[: len(block)]) for block in batches(fitting)],  # noqa: B023
        )
    part = fitting[:FEW]
    measure("  float32, filled cell by cell in a loop", len(part), lambda: fill(part), 1)
    matrices = sigmoid_like(held)
    for rule in ("original", "argmax"):
        found = decode(matrices, rule)
        assert found.accepted.all()
        assert np.array_equal(found.compositions.keys(), held.reduced().keys())
        measure(f"matrices to compositions, {rule}", len(held), lambda: decode(matrices, rule))  # noqa: B023
    measure("  max and argmax along the rows", len(held), lambda: along_rows(matrices), 1)
    counts = to_counts(fitting)
    assert np.array_equal(from_counts(counts).keys(), fitting.keys())
    measure("compositions to counts (n, 85)", n, lambda: to_counts(fitting))
    measure("counts (n, 85) to compositions", n, lambda: from_counts(counts))
    return rows


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def batches(compositions: Compositions) -> list[Compositions]:
    """Cuts compositions into batches."""
    return [compositions[start : start + BATCH] for start in range(0, len(compositions), BATCH)]


def by_loop(text: str) -> dict[int, int]:
    """One formula as a mapping, by a regular expression."""
    return {NUMBER[symbol]: int(count or 1) for symbol, count in TOKEN.findall(text)}


def by_pymatgen(texts: list[str]) -> list[Composition]:
    """Formulas as pymatgen's objects."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [Composition(text).reduced_composition for text in texts]


def fill(compositions: Compositions) -> np.ndarray:
    """Matrices of compositions, by two loops."""
    matrices = np.zeros((len(compositions), 8, 85), np.float32)
    column = {number: index for index, number in enumerate(NUMBERS.tolist())}
    for row in range(len(compositions)):
        for number, count in compositions.mapping(row).items():
            matrices[row, count - 1, column[number]] = 1
    return matrices


def sigmoid_like(compositions: Compositions) -> np.ndarray:
    """Matrices as a good generator would make them: high where an atom is, low elsewhere."""
    rng = np.random.default_rng(0)
    matrices = encode(compositions)
    for block in np.array_split(matrices, max(1, len(matrices) // BATCH)):
        block *= rng.uniform(0.6, 1.0, block.shape)
        block += rng.uniform(0.0, 0.19, block.shape) * (block == 0)
    return matrices


def along_rows(matrices: np.ndarray) -> np.ndarray:
    """Counts by the plain form of the rule arg-max."""
    return np.where(matrices.max(axis=1) >= 0.5, matrices.argmax(axis=1) + 1, 0)


if __name__ == "__main__":
    sys.exit(main())
