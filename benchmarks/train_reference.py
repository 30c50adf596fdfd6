"""Trains recipes within a time budget and packs the runs for the way home.

For machines that are lent by the minute and have a GPU with JAX or PyTorch, but no TensorFlow::

    KERAS_BACKEND=jax python benchmarks/train_reference.py bi-se --runs RUNS --out OUT --minutes 9
    python benchmarks/train_reference.py --join OUT --runs RUNS

The first stops by itself, with a checkpoint, before the minutes are over (exit code 75; 0 when all
is trained), and goes on where it stopped when it is called again. What it leaves in OUT:

* ``curves.jsonl``: what all stages logged, a line a chunk;
* ``runs.tar.00``, ``.01``, ...: the run folders, with the networks without the state of their
  optimisers, and the last checkpoint of a stage that is not finished;
* ``manifest.json``: size and SHA-256 of every part.

The second puts the parts together again; ``tfmat train ccdcgan --out RUNS/bi-se --resume`` and
``--from RUNS/bi-se`` take the result. A GAN trains on TensorFlow only and is left out elsewhere.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import math
import os
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfmat import families, files
from tfmat.errors import InputError, OutOfTimeError, TfmatError

BACKENDS = ("tensorflow", "jax", "torch")
PART = "runs.tar"
MANIFEST = "manifest.json"
CURVES = "curves.jsonl"


def train(arguments: argparse.Namespace) -> None:
    """Trains the recipes one after the other.

    Args:
        arguments: What the user asked for.

    Raises:
        OutOfTimeError: The minutes are over.
    """
    began = time.monotonic()
    from tfmat.training.quiet import load_keras

    load_keras(arguments.threads)
    from tfmat.release.exporting import write_light
    from tfmat.training.chain import Order
    from tfmat.training.chain import train as train_chain
    from tfmat.training.strategy import choose

    for word in arguments.recipes:
        recipe, target = split_word(word)
        order = Order(
            target,
            run_folder(arguments.runs, recipe),
            recipe,
            arguments.settings,
            arguments.data,
            arguments.seed,
            resume=True,
            minutes=arguments.minutes - (time.monotonic() - began) / 60,
        )
        summary = train_chain(chain(target), order, choose, tell, write_light)
        tell(f"{recipe}: {json.dumps(summary['metrics'], ensure_ascii=False)}")


def chain(target: str) -> Any:
    """Returns the chain of a target, without the GAN where Keras does not run on TensorFlow."""
    from tfmat.training.quiet import on_tensorflow

    family, _ = families.targets()[target]
    whole = family.chain()
    kind: Any = type(whole)

    class Elsewhere(kind):
        def stages(self, target: str, recipe: Any) -> list[str]:
            found = super().stages(target, recipe)
            return [name for name in found if name not in self.tensorflow_only]

    return whole if on_tensorflow() else Elsewhere()


def split_word(word: str) -> tuple[str, str]:
    """Splits ``RECIPE[:TARGET]``; all that needs no GAN is the default target.

    Args:
        word: A recipe by name or file, with a target of ``tfmat train`` or without.

    Returns:
        Recipe and target.
    """
    recipe, _, target = word.rpartition(":")
    if recipe and target in families.targets():
        return recipe, target
    from tfmat.recipes.loader import read

    tables = read(word)
    if tables.get("family") != "matgan":
        return word, "constraint"
    autoregressive = tables.get("gan", {}).get("form") == "autoregressive"
    return word, "matgan" if autoregressive else "composition-ae"


def run_folder(runs: Path, recipe: str) -> Path:
    """Returns the run folder of a recipe, which is called like it."""
    return runs / Path(recipe).name.removesuffix(".toml")


def pack(
    runs: list[Path], out: Path, part_bytes: int, most_bytes: float = math.inf
) -> dict[str, Any]:
    """Writes run folders as parts of one tar file, with their curves and a manifest.

    Args:
        runs: Run folders; those that do not exist are passed over.
        out: Folder of the parts; an older parcel in it is replaced.
        part_bytes: Most bytes of a part.
        most_bytes: Most bytes of all parts: if need be without the checkpoints, which hold the
            optimisers' state. A stage then begins anew, and those before it are kept.

    Returns:
        The manifest.
    """
    runs = [run for run in runs if (run / "run.json").exists()]
    out.mkdir(parents=True, exist_ok=True)
    for old in [out / MANIFEST, out / CURVES, *out.glob(f"{PART}.*")]:
        old.unlink(missing_ok=True)
    paths = {run: contents(run) for run in runs}
    if sum(path.stat().st_size for chosen in paths.values() for path in chosen) > most_bytes:
        tell(f"{out}: without checkpoints, which would make it larger than {most_bytes / 1e6:g} MB")
        for run in runs:
            paths[run] = [path for path in paths[run] if "checkpoint-" not in path.parent.name]
    parts = _Parts(out, part_bytes)
    with parts, tarfile.open(fileobj=parts, mode="w|") as archive:
        for run in runs:
            for path in paths[run]:
                archive.add(path, f"{run.name}/{path.relative_to(run).as_posix()}", recursive=False)
    with (out / CURVES).open("w", encoding="utf-8") as stream:
        for run in runs:
            if (run / "log.jsonl").exists():
                for line in (run / "log.jsonl").read_text("utf-8").splitlines():
                    stream.write(json.dumps({"run": run.name, **json.loads(line)}) + "\n")
    manifest = {
        "runs": [run.name for run in runs],
        "parts": [
            {"file": path.name, "bytes": path.stat().st_size, "sha256": files.sha256(path)}
            for path in parts.paths
        ],
    }
    files.write_json(out / MANIFEST, manifest)
    return manifest


def contents(run: Path) -> list[Path]:
    """Returns the files of a run that its training needs to go on: no package, no TensorBoard."""
    wanted = [run / name for name in ("run.json", "recipe.toml", "log.jsonl")]
    wanted += sorted((run / "weights").glob("*.keras"))
    for stage in sorted((run / "stages").glob("*")):
        wanted += sorted(path for path in stage.glob("*") if path.is_file())
        # Of a stage that is not finished: the newer of its two checkpoints is enough.
        for checkpoint in sorted(stage.glob("checkpoint-*"))[-1:]:
            wanted += sorted(checkpoint.iterdir())
    return [path for path in wanted if path.exists() and not path.name.startswith(".")]


def join(parcel: Path, runs: Path, overwrite: bool) -> list[Path]:
    """Installs the run folders of a parcel.

    Args:
        parcel: Folder that :func:`pack` wrote.
        runs: Where the run folders go.
        overwrite: Replace runs that are there.

    Returns:
        The run folders.

    Raises:
        InputError: A part is missing or damaged, or a run is there already.
    """
    try:
        manifest = json.loads((parcel / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{parcel}: holds no parcel of runs ({error})") from error
    paths = []
    for part in manifest["parts"]:
        path = parcel / part["file"]
        if not path.is_file() or files.sha256(path) != part["sha256"]:
            raise InputError(f"{path}: is missing or damaged; fetch it again")
        paths.append(path)
    targets = [runs / name for name in manifest["runs"]]
    for target in targets:
        if target.exists() and not overwrite:
            raise InputError(f"{target}: exists; give another --runs, or --overwrite")
    runs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".joining.", dir=runs) as scratch:
        with tarfile.open(fileobj=_Joined(paths), mode="r|") as archive:
            archive.extractall(scratch, filter="data")
        for target in targets:
            if target.exists():
                shutil.rmtree(target)
            (Path(scratch) / target.name).replace(target)
    return targets


class _Parts:
    """A stream that goes on in a new file whenever one is full.

    Args:
        folder: Where the files go.
        limit: Most bytes of a file.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.paths: list[Path] = []
        self._folder = folder
        self._limit = limit
        self._room = 0
        self._stream: Any = None

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def write(self, data: bytes) -> int:
        """Writes all of the data, to one file or more."""
        rest = memoryview(data)
        while rest:
            if not self._room:
                self.__exit__()
                self.paths.append(self._folder / f"{PART}.{len(self.paths):02d}")
                self._stream = self.paths[-1].open("wb")
                self._room = self._limit
            written = self._stream.write(rest[: self._room])
            rest = rest[written:]
            self._room -= written
        return len(data)


class _Joined(io.RawIOBase):
    """Reads files one after the other as one stream.

    Args:
        paths: The files.
    """

    def __init__(self, paths: list[Path]) -> None:
        super().__init__()
        self._blocks = self._read(paths)
        self._rest = b""

    @staticmethod
    def _read(paths: list[Path]) -> Iterator[bytes]:
        for path in paths:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    yield block

    def read(self, size: int = -1) -> bytes:
        """Reads exactly so many bytes, fewer only at the end."""
        while len(self._rest) < size:
            block = next(self._blocks, b"")
            if not block:
                break
            self._rest += block
        result, self._rest = self._rest[:size], self._rest[size:]
        return result


def tell(line: str) -> None:
    """Prints a line at once."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Trains and packs, or joins; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="*", metavar="RECIPE[:TARGET]", help="what to train")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the run folders")
    parser.add_argument("--out", type=Path, help="folder for the parcel")
    parser.add_argument("--minutes", type=float, default=9.0, help="time for the training")
    parser.add_argument("--part-megabytes", type=float, default=15.0, help="most of a part")
    parser.add_argument(
        "--most-megabytes",
        type=float,
        default=math.inf,
        help="most of all parts; if need be, checkpoints are left out",
    )
    parser.add_argument("--data", help="dataset by name or folder, in place of the recipes'")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int, help="CPU threads; all by default")
    parser.add_argument("--join", type=Path, metavar="PARCEL", help="install a parcel in --runs")
    parser.add_argument("--overwrite", action="store_true", help="replace runs that are there")
    arguments = parser.parse_args()
    if (arguments.join is None) == (not arguments.recipes) or (
        arguments.recipes and arguments.out is None
    ):
        parser.error("give recipes and --out, or --join")
    found = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    os.environ.setdefault("KERAS_BACKEND", found[0] if found else BACKENDS[0])
    try:
        if arguments.join is not None:
            for run in join(arguments.join, arguments.runs, arguments.overwrite):
                tell(f"installed {run}")
            return 0
        try:
            train(arguments)
        finally:
            folders = [run_folder(arguments.runs, split_word(w)[0]) for w in arguments.recipes]
            part, most = (int(arguments.part_megabytes * 1e6), arguments.most_megabytes * 1e6)
            manifest = pack(folders, arguments.out, part, most)
            total = sum(entry["bytes"] for entry in manifest["parts"]) / 1e6
            tell(f"{arguments.out}: {len(manifest['parts'])} parts, {total:.1f} MB")
    except OutOfTimeError as error:
        tell(f"{error}: call again")
        return error.exit_code
    except TfmatError as error:
        tell(f"train_reference: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
