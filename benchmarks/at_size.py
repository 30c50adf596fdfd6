"""What a size costs: processor time, memory and disk of generating 1, 10 and 100 times as much.

    python benchmarks/at_size.py formulas --work DIR [--sizes 1000000,10000000,100000000]
        [--part 10000000] [--figure FILE] [--json FILE]
    python benchmarks/at_size.py structures --work DIR [--model ccdcgan-bi-se-compact]
        [--sizes 10000,100000,1000000] [--part 100000] [--figure FILE] [--json FILE]

Each size is made by ``tfmat generate``, formulas judged and without duplicates: up to ``--part``
by one process, beyond as shards of so many, one after another on one thread, joined by ``tfmat
merge``. What the kernel says of each process is written to ``DIR/measured.jsonl`` as soon as
it ends, so the same command goes on after a stop; shards lie in DIR until they are joined.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import child
import numpy as np
import recorded

COLUMNS = {
    "samples": "count",
    "processes": "count",
    "clock, s": "count",
    "processors, s": "count",
    "s a million": "number",
    "at most, MB": "count",
    "disk, MB": "count",
    "rows": "count",
}
DEFAULTS = {
    "formulas": ("matgan-plus-icsd-filter", "1000000,10000000,100000000", 10_000_000),
    "structures": ("ccdcgan-bi-se-compact", "10000,100000,1000000", 100_000),
}


def main() -> None:
    """Parses the words, makes each size and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=DEFAULTS)
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--model", help="package; the default is that of the command")
    parser.add_argument("--sizes", help="numbers of samples, separated by commas")
    parser.add_argument("--part", type=int, help="samples of one process at most")
    parser.add_argument("--figure", type=Path, help="picture of time and memory to write")
    recorded.add_option(parser)
    options = parser.parse_args()
    model, sizes, part = DEFAULTS[options.kind]
    options.model, options.part = options.model or model, options.part or part
    options.work.mkdir(parents=True, exist_ok=True)
    lines = []
    for size in map(int, (options.sizes or sizes).split(",")):
        lines.append(made(options, size))
        print(
            "{size:,}: {processes} processes, {seconds:.0f} s, of processors {processor:.0f} s "
            "({per_million:.1f} s a million), at most {megabytes:.0f} MB, {disk:.0f} MB of disk, "
            "{rows:,} rows".format(**lines[-1]),
            flush=True,
        )
    if options.json:
        table = recorded.Table(options.model, COLUMNS, [list(line.values()) for line in lines])
        title = f"What a size costs: {options.kind}"
        recorded.write(options.json, __file__, title, [table], {"sizes": lines})
    if options.figure:
        draw(options.figure, options.kind, lines)


def made(options: argparse.Namespace, size: int) -> dict[str, float]:
    """Makes so many samples, and returns what it took."""
    ending = ".parquet" if options.kind == "formulas" else ""
    whole = options.work / f"{size}{ending}"
    words = ["generate", "matgan" if options.kind == "formulas" else "ccdcgan"]
    words += ["--model", options.model, "-n", str(size), "--threads", "1", "--no-figures"]
    words += ["--unique"] if options.kind == "formulas" else []
    shards = math.ceil(size / options.part)
    children = []
    if shards == 1:
        children.append(run(options.work, whole, [*words, "--overwrite", "--out", str(whole)]))
    else:
        parts = [options.work / f"{size}-{i}{ending}" for i in range(1, shards + 1)]
        for i, one in enumerate(parts, 1):
            shard = ["--shard", f"{i}/{shards}", "--overwrite", "--out", str(one)]
            children.append(run(options.work, one, [*words, *shard]))
        merge = ["merge", *map(str, parts), "--overwrite", "--out", str(whole)]
        children.append(run(options.work, whole, merge))
        for one in parts:
            for path in (one, one.with_name(one.name + ".json")):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    processor = sum(one.processor for one in children)
    return {
        "size": size,
        "processes": len(children),
        "seconds": sum(one.seconds for one in children),
        "processor": processor,
        "per_million": 1e6 * processor / size,
        "megabytes": max(one.megabytes for one in children),
        "disk": disk(whole) / 1e6,
        "rows": rows(options.kind, whole),
    }


def run(work: Path, out: Path, words: Sequence[str]) -> child.Used:
    """Runs ``tfmat`` in a process of its own, unless an earlier call has done so."""
    record = work / "measured.jsonl"
    known = record.read_text("utf-8").splitlines() if record.exists() else []
    for line in map(json.loads, known):
        if line.pop("name") == out.name:
            return child.Used(**line)
    with (work / f"{out.name}.log").open("w") as log:
        code, _, used = child.run([sys.executable, "-m", "tfmat", *words], stdout=log, stderr=log)
    if code:
        raise SystemExit(f"tfmat {' '.join(words)} failed; see {log.name}")
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": out.name, **asdict(used)}) + "\n")
    return used


def disk(path: Path) -> int:
    """Returns the bytes of a file, or of all files in a folder."""
    files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files)


def rows(kind: str, path: Path) -> int:
    """Returns how many formulas or structures came of it, as its summary says."""
    if kind == "formulas":
        return int(json.loads(path.with_name(path.name + ".json").read_text("utf-8"))["rows"])
    return int(json.loads((path / "summary.json").read_text("utf-8"))["structures"])


def draw(file: Path, kind: str, lines: Sequence[dict[str, float]]) -> None:
    """Draws processor time and memory against size; a grey line is in proportion to size."""
    from matplotlib.figure import Figure

    sizes = np.array([line["size"] for line in lines])
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    minutes = np.array([line["processor"] / 60 for line in lines])
    time_axes.plot(sizes, minutes[-1] * sizes / sizes[-1], color="0.75", zorder=1)
    time_axes.plot(sizes, minutes, "o", color="#0072B2")
    time_axes.set(xscale="log", yscale="log", ylabel="processor time (min)")
    memory_axes.plot(sizes, [line["megabytes"] / 1e3 for line in lines], "o", color="#D55E00")
    memory_axes.set(xscale="log", ylim=(0, None), ylabel="largest process (GB)")
    for axes in (time_axes, memory_axes):
        axes.set_xlabel("samples of formulas" if kind == "formulas" else "crystal graphs")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()
