"""The run folder: everything that one training writes and needs to go on.

=========================  ======================================================
``recipe.toml``            the recipe as resolved
``run.json``               seed, versions, data hash, state and metrics of each stage
``log.jsonl``              a line for every chunk of steps
``tensorboard/<stage>/``   the same as TensorBoard scalars
``stages/<stage>/``        checkpoints while the stage runs, then its arrays
``weights/<part>.keras``   trained networks
``figures/``               learning curves and the family's pictures
``package/``               the model package that generates (ONNX)
=========================  ======================================================
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import tomli_w

from tfmat import __version__, checksums, disk, files
from tfmat.errors import InputError
from tfmat.inference.keras_weights import load_network
from tfmat.locks import held
from tfmat.metric import Metric
from tfmat.paths import inside
from tfmat.temporaries import sweep, sweep_within
from tfmat.training.run_record import (
    ADVICE,
    FORMAT,
    FORMAT_VERSION,
    RECIPE,
    RECIPE_HASH,
    RECORD,
    check_outputs,
    first_difference,
    is_run,
    read_run,
)


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
            InputError: The folder is no run of this version, is damaged, or something in it leads
                elsewhere.
        """
        return cls(folder, *read_run(folder))

    @classmethod
    def start(
        cls,
        folder: Path,
        recipe: Mapping[str, Any],
        seed: int,
        dataset: Mapping[str, Any],
        *,
        overwrite: bool = False,
    ) -> Run:
        """Makes a new run folder.

        Args:
            folder: The run folder; it must not exist or be empty, or be overwritten.
            recipe: The recipe as plain tables.
            seed: Seed of everything random.
            dataset: ``name``, ``path`` and ``sha256`` of the data, and counts.
            overwrite: Replace a run that is there.

        Raises:
            InputError: The folder is not empty, or holds no run.
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
        with ExitStack() as stack:
            if overwrite and is_run(folder):
                # A process that still trains in it would go on in what is gone.
                stack.enter_context(held(folder / ".lock", folder, remove=False))
            temporary = stack.enter_context(
                files.replacing_folder(folder, overwrite=overwrite, own=is_run)
            )
            (temporary / RECIPE).write_text(tomli_w.dumps(recipe), "utf-8")
            info[RECIPE_HASH] = files.sha256(temporary / RECIPE)
            checksums.write_sealed(temporary / RECORD, info)
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
                f"{self.folder}: was started with `seed` {self.info['seed']}, not {seed}; "
                "leave `seed` out, or give another `out`"
            )
        # The same data may lie elsewhere today: they are compared by content.
        difference = first_difference(self.recipe, recipe, ignore=("data.dataset",))
        if difference is not None:
            key, old, new = difference
            if better := hint(key, new):
                raise InputError(f"{self.folder}: {better.format(run=self.folder)}")
            raise InputError(
                f"{self.folder}: was started with {key} = {old}, not {new}; "
                "resume without changing the recipe, or give another `out`"
            )
        if dataset["sha256"] != self.info["dataset"]["sha256"]:
            raise InputError(
                f"{self.folder}: was started with other data (dataset "
                f"{self.info['dataset']['name']}, SHA-256 {self.info['dataset']['sha256'][:12]}); "
                "give the same data with `data`, or another `out`"
            )
        before = self.info["dataset"].get("split", {}).get("sha256")
        if before not in (None, dataset.get("split", {}).get("sha256")):
            raise InputError(
                f"{self.folder}: this tfmat would hold out others than the one that started the "
                "run; go on with that version, or give another `out`"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training in this folder; a kill lifts the lock too.

        What a killed process left half-written is removed.

        Raises:
            InputError: Another process trains in this folder.
        """
        with held(self.folder / ".lock", self.folder, remove=False):
            sweep_within(self.folder)
            sweep(self.folder.resolve())  # of the process that was making it
            # Another process may have trained since the record was read.
            self.info = Run.open(self.folder).info
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
        path = inside(self.folder, f"stages/{name}", self.folder / RECIPE)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def log_folder(self) -> Path:
        """Folder of the log and its TensorBoard files."""
        return self.folder

    def checkpoints(self, name: str) -> Path:
        """Returns the folder of a stage's checkpoints."""
        return self.stage_folder(name)

    def weights(self, part: str) -> Path:
        """Returns the file of a network."""
        return inside(self.folder, f"weights/{part}.keras", self.folder / RECIPE)

    def save_model(self, part: str, model: Any) -> Path:
        """Writes a Keras model as ``weights/<part>.keras``, whole or not at all."""
        path = self.weights(part)
        with files.replacing(path) as temporary:
            model.save(temporary)
        return path

    def networks(self, parts: Iterable[str]) -> dict[str, Any]:
        """Loads those of some networks that the run has, each once, as Keras models.

        Args:
            parts: Names of networks, in the order of the result.
        """
        return {
            part: self.network(part) for part in dict.fromkeys(parts) if self.weights(part).exists()
        }

    def network(self, part: str) -> Any:
        """Loads a network of a finished stage as a Keras model.

        Args:
            part: Name of the network.

        Raises:
            InputError: Its file is missing, was changed since it was written, or is damaged.
        """
        file = self.weights(part)
        name = file.relative_to(self.folder).as_posix()
        for record in self.info["stages"].values():
            if name in record.get("files", {}):
                check_outputs(self.folder, {name: record["files"][name]}, self._record, ADVICE)
        return load_network(file)

    def check_stage(self, name: str) -> None:
        """Compares all that a finished stage has written with its stored SHA-256.

        Args:
            name: The stage.

        Raises:
            InputError: A file is missing or was changed.
        """
        check_outputs(self.folder, self.stage(name).get("files", {}), self._record, ADVICE)

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
        where = f"`source` {other.folder}"
        check_outputs(other.folder, record["files"], where, "train that run's stages again")
        for relative in record["files"]:
            target = inside(self.folder, relative, where)
            link_or_copy(inside(other.folder, relative, where), target)
        self.info["stages"][name] = {**record, "reused_from": str(other.folder)}
        self._write()

    @property
    def _record(self) -> Path:
        return self.folder / RECORD

    def _write(self) -> None:
        checksums.write_sealed(self._record, self.info)


def link_or_copy(source: Path, target: Path) -> None:
    """Makes ``target`` hold what ``source`` holds, without a second copy where links work."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with files.replacing(target) as temporary:
            shutil.copyfile(source, temporary)
    else:
        disk.sync(target)
        disk.sync(target.parent)


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
