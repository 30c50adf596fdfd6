"""The run folder: everything that one training writes and needs to go on.

=========================  ======================================================
``recipe.toml``            the recipe as resolved
``run.json``               seed, versions, data hash, state and metrics of each stage
``log.jsonl``              a line for every chunk of steps
``tensorboard/<stage>/``   the same as TensorBoard scalars
``stages/<stage>/``        checkpoints while the stage runs, then its arrays
``weights/<part>.keras``   trained networks
``package/``               the model package that generates (ONNX)
=========================  ======================================================
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import tomli_w

from tfmat import __version__, files
from tfmat.errors import InputError
from tfmat.metric import Metric

FORMAT = "tfmat-run"
FORMAT_VERSION = 1
# Temporary names of what is renamed when it is whole.
LEFTOVERS = (".*.json.*", ".*.jsonl.*", ".package.*", ".saving.*", "stages/*/.*")


class Run:
    """A run folder.

    Args:
        folder: The folder.
        info: Contents of ``run.json``.
        recipe: Contents of ``recipe.toml``.
    """

    def __init__(self, folder: Path, info: dict[str, Any], recipe: dict[str, Any]) -> None:
        self.folder = folder
        self.info = info
        self.recipe = recipe

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Opens an existing run.

        Args:
            folder: The run folder.

        Raises:
            InputError: The folder is no run of this version.
        """
        file = folder / "run.json"
        if not file.exists():
            raise InputError(
                f"{folder}: holds no training run; give a folder that tfmat train has written"
            )
        try:
            info = json.loads(file.read_text("utf-8"))
            recipe = tomllib.loads((folder / "recipe.toml").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{folder}: holds no training run ({error})") from error
        if info.get("format") != FORMAT or info.get("format_version") != FORMAT_VERSION:
            raise InputError(f"{file}: not a run of this version of tfmat; start a new one")
        return cls(folder, info, recipe)

    @classmethod
    def start(
        cls, folder: Path, recipe: Mapping[str, Any], seed: int, dataset: Mapping[str, Any]
    ) -> Run:
        """Makes a new run folder.

        Args:
            folder: The run folder; it must not exist or be empty.
            recipe: The recipe as plain tables.
            seed: Seed of everything random.
            dataset: ``name``, ``path`` and ``sha256`` of the data, and counts.

        Raises:
            InputError: The folder is not empty.
        """
        info = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seed": seed,
            "versions": versions(),
            "dataset": dict(dataset),
            "stages": {},
        }
        with files.replacing_folder(folder) as temporary:
            (temporary / "recipe.toml").write_text(tomli_w.dumps(recipe), "utf-8")
            files.write_json(temporary / "run.json", info)
        return cls(folder, info, dict(recipe))

    def check_same(
        self,
        recipe: Mapping[str, Any],
        seed: int | None,
        dataset: Mapping[str, Any],
        hint: Callable[[str, Any], str] = lambda _key, _new: "",
    ) -> None:
        """Refuses to go on with another recipe, seed or other data.

        Args:
            recipe: The recipe as plain tables.
            seed: The seed asked for; ``None`` takes the run's.
            dataset: The dataset's record.
            hint: From a key of the recipe and its new value to what else to do, with ``{run}`` for
                the run folder; an empty text for nothing better than the usual.

        Raises:
            InputError: Something differs; the message names the first difference.
        """
        if seed is not None and seed != self.info["seed"]:
            raise InputError(
                f"{self.folder}: was started with --seed {self.info['seed']}, not {seed}; "
                "leave --seed out, or give another --out"
            )
        # The same data may lie elsewhere today: they are compared by content.
        difference = first_difference(self.recipe, recipe, ignore=("data.dataset",))
        if difference is not None:
            key, old, new = difference
            if better := hint(key, new):
                raise InputError(f"{self.folder}: {better.format(run=self.folder)}")
            raise InputError(
                f"{self.folder}: was started with {key} = {old}, not {new}; "
                "resume without changing the recipe, or give another --out"
            )
        if dataset["sha256"] != self.info["dataset"]["sha256"]:
            raise InputError(
                f"{self.folder}: was started with other data (dataset "
                f"{self.info['dataset']['name']}, SHA-256 {self.info['dataset']['sha256'][:12]}); "
                "give the same data with --data, or another --out"
            )
        before = self.info["dataset"].get("split", {}).get("sha256")
        if before not in (None, dataset.get("split", {}).get("sha256")):
            raise InputError(
                f"{self.folder}: this tfmat would hold out others than the one that started the "
                "run; go on with that version, or give another --out"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training in this folder; a kill lifts the lock too.

        What a killed process left half-written is removed.

        Raises:
            InputError: Another process trains in this folder.
        """
        with (self.folder / ".lock").open("w") as stream:
            try:
                lock(stream.fileno())
            except BlockingIOError:
                raise InputError(
                    f"{self.folder}: another process is training in this run; wait for it, or give "
                    "another --out"
                ) from None
            for pattern in LEFTOVERS:
                for path in self.folder.glob(pattern):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            yield

    @property
    def seed(self) -> int:
        """Seed of everything random in this run."""
        return int(self.info["seed"])

    def stage(self, name: str) -> dict[str, Any]:
        """Returns the record of a stage, empty if it has not begun."""
        return dict(self.info["stages"].get(name, {}))

    def finished(self, name: str) -> bool:
        """Tells whether a stage is done."""
        return self.stage(name).get("state") == "finished"

    def stage_folder(self, name: str) -> Path:
        """Returns (and makes) the folder of a stage."""
        path = self.folder / "stages" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def weights(self, part: str) -> Path:
        """Returns the file of a network."""
        return self.folder / "weights" / f"{part}.keras"

    def save_model(self, part: str, model: Any) -> Path:
        """Writes a Keras model as ``weights/<part>.keras``, whole or not at all."""
        path = self.weights(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Keras insists on the suffix, so the temporary file needs a folder of its own.
        with tempfile.TemporaryDirectory(prefix=".saving.", dir=self.folder) as scratch:
            temporary = Path(scratch) / path.name
            model.save(temporary)
            temporary.replace(path)
        return path

    def networks(self, parts: Iterable[str]) -> dict[str, Any]:
        """Loads those of some networks that the run has, each once, as Keras models.

        Args:
            parts: Names of networks, in the order of the result.
        """
        import keras

        return {
            part: keras.models.load_model(self.weights(part), compile=False)
            for part in dict.fromkeys(parts)
            if self.weights(part).exists()
        }

    def begin(self, name: str, **record: Any) -> None:
        """Notes that a stage runs.

        Args:
            name: The stage.
            **record: What to keep with it, e.g. the number of steps.
        """
        stages = self.info["stages"]
        if versions() != self.info["versions"]:
            # Resumed elsewhere: bits may differ from here on.
            record["versions"] = versions()
        stages[name] = {**stages.get(name, {}), "state": "running", **record}
        self._write()

    def changes(self, now: Mapping[str, int]) -> list[str]:
        """Says what this run's stages were trained with that is different now.

        Args:
            now: Name to number, as given to :meth:`begin`.

        Returns:
            A line for each, as a warning: none of them is wrong.
        """
        begun = [record for record in self.info["stages"].values() if "reused_from" not in record]
        before = {name: record[name] for record in begun for name in now if name in record}
        return [
            f"{self.folder}: was trained with {name} {before[name]}, now {value}; losses will not "
            "be bit-equal to those of a run that was never stopped"
            for name, value in now.items()
            if before.get(name, value) != value
        ]

    def finish(
        self,
        name: str,
        outputs: Iterable[Path] = (),
        metrics: Iterable[Metric] = (),
        **record: Any,
    ) -> None:
        """Notes that a stage is done, with the SHA-256 of what it wrote.

        Args:
            name: The stage.
            outputs: Files inside the run folder.
            metrics: What was measured of it.
            **record: What else to keep with it.
        """
        hashes = {path.relative_to(self.folder).as_posix(): files.sha256(path) for path in outputs}
        self.info["stages"][name] = {
            **self.stage(name),
            **record,
            "state": "finished",
            "metrics": {metric.name: metric.record() for metric in metrics},
            "files": hashes,
        }
        self._write()

    def metrics(self) -> dict[str, Any]:
        """Returns the metrics of all finished stages, by stage."""
        return {
            name: record["metrics"]
            for name, record in self.info["stages"].items()
            if record.get("metrics")
        }

    def training(self) -> dict[str, Any]:
        """Returns when and with what the networks were trained: versions, and each stage's budget.

        ``seconds`` are those of the wall clock that a stage's steps took, interruptions left out.
        """
        kept = ("steps", "replicas", "seconds", "versions")
        stages = {
            name: {key: record[key] for key in kept if key in record}
            for name, record in self.info["stages"].items()
            if record.get("state") == "finished" and "steps" in record
        }
        return {key: self.info[key] for key in ("created", "versions")} | {"stages": stages}

    def reuse(self, other: Run, name: str) -> None:
        """Takes over a finished stage of another run; its files are linked or copied.

        Args:
            other: The run that has finished the stage.
            name: The stage.

        Raises:
            InputError: A file of the other run is missing or was changed.
        """
        record = other.stage(name)
        for relative, expected in record["files"].items():
            source, target = other.folder / relative, self.folder / relative
            if not source.is_file() or files.sha256(source) != expected:
                raise InputError(
                    f"--from {other.folder}: {relative} is missing or was changed since it was "
                    "written; train that run's stages again"
                )
            link_or_copy(source, target)
        self.info["stages"][name] = {**record, "reused_from": str(other.folder)}
        self._write()

    def _write(self) -> None:
        files.write_json(self.folder / "run.json", self.info)


def lock(file: int) -> None:
    """Locks an open file until its process ends.

    Args:
        file: File descriptor.

    Raises:
        BlockingIOError: Another process has locked it.
    """
    try:
        import fcntl
    except ImportError:
        return  # Windows has no such lock
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def link_or_copy(source: Path, target: Path) -> None:
    """Makes ``target`` hold what ``source`` holds, without a second copy where links work."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def versions() -> dict[str, str]:
    """Returns the versions of tfmat, Python and what computes."""
    import keras

    found = {
        "tfmat": __version__,
        "python": platform.python_version(),
        "backend": str(keras.backend.backend()),
    }
    for package in ("numpy", "keras", str(keras.backend.backend())):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def first_difference(
    old: Mapping[str, Any], new: Mapping[str, Any], ignore: Iterable[str] = ()
) -> tuple[str, Any, Any] | None:
    """Finds the first value in which two recipes differ.

    Args:
        old: Nested tables.
        new: Nested tables.
        ignore: Dotted keys that may differ.

    Returns:
        Dotted key, old value and new value; ``None`` if all agree.
    """
    skipped = set(ignore)

    def walk(prefix: str, left: Any, right: Any) -> tuple[str, Any, Any] | None:
        if prefix in skipped:
            return None
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            for key in [*left, *(key for key in right if key not in left)]:
                dotted = f"{prefix}.{key}" if prefix else str(key)
                found = walk(dotted, left.get(key), right.get(key))
                if found is not None:
                    return found
            return None
        return None if left == right else (prefix, left, right)

    return walk("", old, new)
