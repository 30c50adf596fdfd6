"""One page of what benchmarks have measured, from the JSON that they wrote.

    python benchmarks/results_page.py benchmarks/results --out docs/benchmarks.md

FOLDER holds files that benchmarks wrote with `--json`, named after the benchmark
(`limits.json` by `benchmarks/limits.py`). Beside them lies `machine.json`, which this command
writes where it is missing: processor, cores and versions. The page has a section for each file,
with the command of its benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MACHINE = "machine.json"
PACKAGES = ("tensorflow", "onnxruntime", "numpy", "scipy", "pymatgen")


def main() -> None:
    """Parses the words and writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="JSON files of benchmarks")
    parser.add_argument("--out", type=Path, required=True, help="the page, Markdown")
    options = parser.parse_args()
    if not (options.folder / MACHINE).exists():
        text = json.dumps(this_machine(), indent=1) + "\n"
        (options.folder / MACHINE).write_text(text, "utf-8")
    options.out.write_text(page(options.folder), "utf-8")
    print(f"wrote {options.out}")


def page(folder: Path) -> str:
    """Returns the page of a folder, Markdown."""
    machine = read(folder / MACHINE)
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    parts = [
        "# Benchmarks",
        "",
        "Made by `python benchmarks/results_page.py benchmarks/results --out docs/benchmarks.md`",
        "from what the benchmarks wrote with `--json`; it is not edited by hand.",
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, Python "
        f"{machine['python']}; {versions}.",
    ]
    for name, section in SECTIONS.items():
        file = folder / f"{name}.json"
        if file.exists():
            parts += ["", *section(read(file))]
    return "\n".join(parts) + "\n"


def read(file: Path) -> Any:
    """Reads a JSON file."""
    return json.loads(file.read_text("utf-8"))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Returns the lines of a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def limits(found: Mapping[str, Any]) -> list[str]:
    """Training steps beside their products and convolutions alone."""
    rates = "; ".join(f"{name}: {value:,.1f}" for name, value in found["rates"].items())
    rows = [
        (
            f"`{row['step']}`",
            row["batch"],
            f"{row['flop'] / 1e6:,.1f}",
            f"{1e3 * row['step_s']:.2f}",
            f"{1e3 * row['alone_s']:.2f}",
            f"{row['share']:.0%}",
            f"{row['of_gemm']:.0%}",
        )
        for row in found["steps"]
    ]
    return [
        "## Training steps beside the limit",
        "",
        "`python benchmarks/limits.py --json benchmarks/results/limits.json`: a step, and its",
        "matrix products and convolutions alone, both in TensorFlow (oneDNN), in processor",
        f"milliseconds of one thread. In the same run, {rates}.",
        "",
        *table(
            ("step", "batch", "MFLOP", "step", "alone", "share", "alone, of the GEMM rate"), rows
        ),
    ]


def throughput(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """ONNX Runtime beside TensorFlow."""
    rows = [
        (
            f"`{row['part']}`",
            row["batch"],
            row["threads"],
            *(
                f"{row['per_second'][way]:,.4g} ({row['of_gemm'][way]:.0%})"
                for way in ("TensorFlow", "ORT plain", "rewritten")
            ),
            f"{row['best_over_tensorflow']:.2f}",
        )
        for row in found
    ]
    heads = ("part", "batch", "threads", "TensorFlow", "ORT, plain", "rewritten", "best/TF")
    return [
        "## Networks in ONNX Runtime",
        "",
        "`python benchmarks/throughput.py --json benchmarks/results/throughput.json`: samples a",
        "second, and the share of ONNX Runtime's rate of a matrix product in the same run",
        "([throughput.md](throughput.md)).",
        "",
        *table(heads, rows),
    ]


def voxels(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Voxels drawn and read."""
    rows = [
        (
            row["work"],
            f"{row['per_second']:,.0f}",
            f"{row['literal_per_second']:,.1f}" if row["literal_per_second"] else "",
        )
        for row in found
    ]
    return [
        "## Voxels",
        "",
        "`python benchmarks/voxels.py speed --json benchmarks/results/voxels.json`: structures a",
        "second on one core, beside the plain form of the formulas ([voxels.md](voxels.md)).",
        "",
        *table(("work", "tfmat", "plain form"), rows),
    ]


def novelty(found: Mapping[str, Any]) -> list[str]:
    """Structures against known ones."""
    result = found["novelty"]
    rows = [(name, f"{value:.1f}") for name, value in result.items() if isinstance(value, float)]
    text = f"{result['queries']:,} structures against {result['known']:,} known ones"
    return [
        "## Novelty",
        "",
        "`python benchmarks/novelty.py --data mp_le20 --json benchmarks/results/novelty.json`:",
        f"processor seconds of {text} ([novelty.md](novelty.md)).",
        "",
        *table(("what", "s"), rows),
    ]


SECTIONS: dict[str, Callable[[Any], list[str]]] = {
    "limits": limits,
    "throughput": throughput,
    "voxels": voxels,
    "novelty": novelty,
}


def this_machine() -> dict[str, Any]:
    """Describes the machine that the benchmarks ran on."""
    processor = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        names = [line for line in about.read_text("utf-8").splitlines() if "model name" in line]
        processor = names[0].split(":")[1].strip() if names else processor
        wide = " with AVX-512" if "avx512f" in about.read_text("utf-8") else ""
        processor += wide
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
    }


if __name__ == "__main__":
    main()
