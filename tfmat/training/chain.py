"""A chain of stages: opening its run, training what is missing, reusing, exporting.

What is particular to a family (its recipe, data, stages and networks) is a :class:`Chain` of its
own; everything else is here, for all families.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from tfmat import files
from tfmat.errors import InputError
from tfmat.metric import read_stages, read_table, records
from tfmat.recipes.loader import to_mapping
from tfmat.training import checkpoints
from tfmat.training.log import RunLog
from tfmat.training.networks import Networks
from tfmat.training.opening import asked_dataset, asked_recipe, check_new
from tfmat.training.quiet import on_tensorflow
from tfmat.training.reuse import reusable
from tfmat.training.run import Run
from tfmat.training.strategy import Devices
from tfmat.training.workers import entered, turn

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

Recipe = TypeVar("Recipe")
Data = TypeVar("Data")
Report = Callable[[str], None]
# Of chain, run, recipe and the package's folder; returns the names of the exported parts.
Exporter = Callable[["Chain[Any, Any]", Run, Any, Path], list[str]]


@dataclass(frozen=True)
class Order:
    """What the user asked for.

    Args:
        target: What to train, one of :func:`tfmat.families.targets`.
        out: The run folder.
        recipe: Name or file of the recipe; ``None`` takes that of the run that is resumed or
            reused, else the target's default.
        settings: ``key=value`` texts that change the recipe.
        data: Name or folder of the dataset, in place of the recipe's.
        seed: Seed; ``None`` takes that of the run that is resumed or reused, else 0.
        resume: Go on with the run in ``out``.
        source: Run whose finished stages are reused (``--from``).
        minutes: Stop, with a checkpoint, before so many minutes are over; ``None`` for no limit.
        overwrite: Replace a run that is there.
    """

    target: str
    out: Path
    recipe: str | None = None
    settings: Sequence[str] = ()
    data: str | None = None
    seed: int | None = None
    resume: bool = False
    source: Path | None = None
    minutes: float | None = None
    overwrite: bool = False


class Chain(ABC, Generic[Recipe, Data]):
    """What a family brings to its training."""

    # Whether the end-to-end network is quick to export, so that a training's own package has it.
    quick_end_to_end: ClassVar[bool] = True
    # Stages that train on no other backend.
    tensorflow_only: ClassVar[frozenset[str]] = frozenset({"gan"})
    # Stages that use one device; of several workers the chief does them.
    alone: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def load_recipe(self, name: str, settings: Sequence[str], target: str | None = None) -> Recipe:
        """Loads a recipe for a target, or (``None``) as it was written into a run."""

    @abstractmethod
    def open_dataset(self, name: str | Path) -> Any:
        """Opens a dataset by name or folder; it is a ``StoredDataset``."""

    @abstractmethod
    def check(self, target: str, recipe: Recipe, dataset: Any) -> None:
        """Refuses a dataset that lacks what the recipe needs."""

    @abstractmethod
    def load(self, recipe: Recipe, dataset: Any, seed: int) -> tuple[Recipe, Data]:
        """Selects and splits the data; returns the recipe with what the data settle."""

    @abstractmethod
    def describe(self, data: Data) -> dict[str, Any]:
        """Returns counts for the run's record, ``training`` and ``held_out`` among them."""

    @abstractmethod
    def sentence(self, recipe: Recipe, data: Data) -> str:
        """Returns what is learned from, for the user."""

    def require_enough(self, target: str, recipe: Recipe, data: Data) -> None:
        """Refuses, before a run begins, data of which too little is left to learn from."""

    def notices(self, target: str, recipe: Recipe, asked: Recipe, data: Data) -> Sequence[str]:
        """Returns lines on what the user should know of the data before the training begins.

        Args:
            target: What is trained.
            recipe: The recipe as the data have settled it.
            asked: The recipe as it was read.
            data: The data.
        """
        return ()

    def resume_hint(self, key: str, new: Any) -> str:
        """Returns what to do where a run is resumed with another value of the recipe.

        Args:
            key: Dotted key of the recipe.
            new: The value that was asked for.

        Returns:
            The end of an error message, with ``{run}`` for the run folder; empty for the usual one.
        """
        del key, new
        return ""

    def generates(self, recipe: Recipe) -> bool:
        """Tells whether something can be generated with what a recipe trains."""
        return True

    def texts(self, data: Data) -> Mapping[str, str]:
        """Returns files that a run's folder holds beside its record: name and text."""
        return {}

    @abstractmethod
    def stages(self, target: str, recipe: Recipe) -> list[str]:
        """Returns the stages that a target needs, in order."""

    @abstractmethod
    def inputs(self, target: str, recipe: Recipe) -> dict[str, tuple[str, ...]]:
        """Returns the stages that may be taken from another run, with what they depend on.

        Each has the dotted keys of the recipe on which it and the stages before it depend.
        """

    @abstractmethod
    def train_stage(self, stage: Stage, recipe: Recipe, data: Data) -> None:
        """Trains one stage and finishes it."""

    @abstractmethod
    def networks(self, run: Run, recipe: Recipe) -> Networks:
        """Loads all networks of a run, as they are exported."""

    @abstractmethod
    def end_to_end(self, networks: Networks, recipe: Recipe) -> Any | None:
        """Builds one network from noise to what a user wants, of those of a run.

        Returns ``None`` where one of them is missing, or it would be too large.
        """

    def joined(
        self, networks: Networks, recipe: Recipe, encoders: str | Path
    ) -> tuple[Networks, Recipe]:
        """Adds the encoders of another run or package, and what reads what they give.

        Args:
            networks: Those of a run.
            recipe: Its recipe.
            encoders: The other run, package folder, or name of a package.

        Returns:
            All networks, and the recipe that goes with them.

        Raises:
            InputError: Nothing of the other fits; by default no family takes others' networks.
        """
        del networks, recipe
        raise InputError(f"`encoders` {encoders}: no generator of this family takes others' ones")


def train(
    chain: Chain[Recipe, Data],
    order: Order,
    start: Callable[[], Devices],
    report: Report,
    exporter: Exporter | None = None,
) -> dict[str, Any]:
    """Trains what is asked for and whatever it needs, and exports it.

    Args:
        chain: The family.
        order: What the user asked for.
        start: Brings up the backend, which takes seconds, and returns where to train; called once
            order, recipe and data are known to be right.
        report: Called with lines for the user.
        exporter: Writes the model package when a stage was trained: called with the chain, the
            run, its recipe and the package's folder, it returns the exported parts. Without it no
            package is written.

    Returns:
        A JSON summary: run, package, whether it generates, what each stage did, metrics, seconds.

    Raises:
        InputError: The order contradicts itself, the data or the run folder.
        OutOfTimeError: The order's minutes are over.
    """
    began = time.monotonic()
    deadline = None if order.minutes is None else began + 60 * order.minutes
    begin, recipe, data, taken = _open(chain, order, report)
    devices = start()

    def prepare(run: Run) -> None:
        for name, source in taken.items():
            if not run.stage(name):
                run.reuse(source, name)
        for name, text in chain.texts(data).items():
            with files.replacing(run.folder / name) as temporary:
                temporary.write_text(text, "utf-8")

    with entered(devices, begin, prepare, order.out, to_mapping(recipe)) as run:
        origin = f"recipe {run.recipe['name']}, seed {run.seed}, {chain.sentence(recipe, data)}"
        if devices.several:
            cluster = devices.cluster
            origin = f"worker {cluster.index} of {cluster.size}, {origin}"
        report(f"{run.folder}: {origin}")
        if not devices.chief:
            report = _silent
        done = _train_all(
            chain, order.target, run, recipe, data, devices, report, deadline, exporter
        )
    return {
        "run": str(run.folder),
        "target": order.target,
        "recipe": run.recipe["name"],
        "seed": run.seed,
        "package": str(run.folder / "package") if run.finished("export") else None,
        "generates": chain.generates(recipe),
        "stages": done,
        "metrics": records(read_stages(run.metrics())),
        "seconds": round(time.monotonic() - began, 1),
    }


def open_run(chain: Chain[Recipe, Data], folder: Path) -> Run:
    """Opens a run; what its recipe did not know yet when it was written gets the default.

    Args:
        chain: The family.
        folder: The run folder.

    Raises:
        InputError: The folder is no run of this version, or one of another family.
    """
    run = Run.open(folder)
    run.recipe = to_mapping(chain.load_recipe(str(folder / "recipe.toml"), ()))
    return run


def _train_all(
    chain: Chain[Recipe, Data],
    target: str,
    run: Run,
    recipe: Recipe,
    data: Data,
    devices: Devices,
    report: Report,
    deadline: float | None,
    exporter: Exporter | None,
) -> dict[str, str]:
    """Trains and exports what is missing; returns what became of each stage."""
    from tfmat.training.loop import Stage  # with Keras

    log = RunLog(run.log_folder)
    done: dict[str, str] = {}
    names = chain.stages(target, recipe)
    if not all(run.finished(name) for name in names):
        for line in run.changes(devices.shares):
            report(line)
    try:
        for name in names:
            if run.finished(name):
                run.check_stage(name)
                done[name] = "reused" if "reused_from" in run.stage(name) else "finished before"
                if devices.chief:
                    # A kill may have come between its end and this.
                    checkpoints.clear(run.stage_folder(name))
                report(f"{name}: {done[name]}")
                continue
            if name in chain.tensorflow_only and not on_tensorflow():
                raise InputError(
                    f"{name} trains on TensorFlow only: unset KERAS_BACKEND and go on with `resume`"
                )
            if run.finished("export"):
                run.begin("export")  # the package will be without what is trained now
            alone = name in chain.alone
            with turn(devices, run, alone=alone) as mine:
                if mine:
                    used = Devices("one") if alone and devices.several else devices
                    chain.train_stage(Stage(name, run, log, used, deadline, report), recipe, data)
            done[name] = "trained"
            report(f"{name}: {_line(run.stage(name))}")
        if not on_tensorflow():
            report("no model package: the export needs TensorFlow; unset KERAS_BACKEND and go on")
        elif exporter is not None and ("trained" in done.values() or not run.finished("export")):
            with turn(devices, run, alone=True) as mine:
                if mine:
                    run.begin("export")
                    package = run.folder / "package"
                    parts = exporter(chain, run, recipe, package)
                    run.finish("export", sorted(package.iterdir()), parts=parts)
                    report(f"model package: {package}")
    finally:
        log.close()
    return done


def _open(
    chain: Chain[Recipe, Data], order: Order, report: Report
) -> tuple[Callable[[], Run], Recipe, Data, dict[str, Run]]:
    """Returns what gives the run, its recipe and data, and which stages come from which run.

    Nothing is written yet, and no backend is needed.
    """
    if order.overwrite and (order.resume or order.source is not None):
        raise InputError("`overwrite` replaces a run: leave `resume` and `source` out")
    source = open_run(chain, order.source) if order.source is not None else None
    resumed = order.resume and (order.out / "run.json").exists()
    if not resumed:
        check_new(order)
    model = open_run(chain, order.out) if resumed else source
    recipe = asked_recipe(chain, order, model)
    dataset = asked_dataset(chain, order, recipe, model)
    usual = 0 if model is None else model.seed
    seed = usual if order.seed is None else order.seed
    chain.check(order.target, recipe, dataset)
    asked = recipe
    recipe, data = chain.load(asked, dataset, seed)
    record = {
        "name": dataset.path.resolve().name,
        "path": str(dataset.path.resolve()),
        "sha256": dataset.sha256,
        **dataset.credit.record(),
        **chain.describe(data),
    }
    if dataset.energy_scale:
        record["energy_scale"] = dataset.energy_scale
    if not resumed:
        chain.require_enough(order.target, recipe, data)
    for line in chain.notices(order.target, recipe, asked, data):
        report(f"{order.out}: {line}")
    tables = to_mapping(recipe)
    taken: dict[str, Run] = {}
    run = open_run(chain, order.out) if resumed else None
    if run is not None:
        run.check_same(tables, order.seed, record, chain.resume_hint)
    elif order.resume:
        report(f"{order.out}: no run there yet, starting one")
    if source is not None:
        inputs = chain.inputs(order.target, recipe)
        names, reasons = reusable(source, tables, seed, dataset.sha256, inputs)
        taken = dict.fromkeys(names, source)
        for reason in reasons:
            report(f"{source.folder}: {reason}; trained anew")
    if run is not None:
        opened = run
        return lambda: opened, recipe, data, taken
    begin = partial(Run.start, order.out, tables, seed, record, overwrite=order.overwrite)
    return begin, recipe, data, taken


def _silent(_line: str) -> None:
    """Says nothing: the chief does."""


def _line(record: Mapping[str, Any]) -> str:
    """Returns the metrics of a finished stage in one line."""
    texts = []
    for metric in read_table(record["metrics"]):
        unit = "" if metric.unit == "1" or metric.value is None else f" {metric.unit}"
        texts.append(f"{metric.name} {metric.figures()}{unit}")
    return ", ".join(texts) or "done"
