"""The CCDCGAN chain: which stages a command needs, in which order, and what can be reused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfmat.ccdcgan.data import TrainingData, load_training_data
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import CcdcganRecipe, load_recipe
from tfmat.ccdcgan.train_autoencoders import train_lattice_autoencoder, train_sites_autoencoder
from tfmat.ccdcgan.train_constraint import constraint_part, train_constraint
from tfmat.ccdcgan.train_graphs import CrystalGraphs, encode_graphs, properties
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.recipes.loader import to_mapping
from tfmat.training.log import RunLog
from tfmat.training.loop import Stage
from tfmat.training.quiet import on_tensorflow
from tfmat.training.reuse import reusable
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

# What each command trains; export follows always.
TARGETS: dict[str, tuple[str, ...]] = {
    "lattice-ae": ("lattice-ae",),
    "sites-ae": ("sites-ae",),
    "constraint": ("lattice-ae", "sites-ae", "graphs", "constraint"),
    "dcgan": ("lattice-ae", "sites-ae", "graphs", "gan"),
    "ccdcgan": ("lattice-ae", "sites-ae", "graphs", "constraint", "gan"),
}
# What a stage depends on: keys of the recipe, those of the stages before it included.
GRAPHS = ("data", "voxels", "lattice_autoencoder", "sites_autoencoder", "graph")
INPUTS: dict[str, tuple[str, ...]] = {
    "lattice-ae": ("data", "voxels", "lattice_autoencoder"),
    "sites-ae": ("data", "voxels", "sites_autoencoder"),
    "graphs": GRAPHS,
    "constraint": (*GRAPHS, "constraint", "data.property"),
}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What the user asked for.

    Args:
        target: One of :data:`TARGETS`.
        out: The run folder.
        recipe: Name or file of the recipe; ``None`` takes that of the run that is resumed or
            reused, else ``quickstart``.
        settings: ``key=value`` texts that change the recipe.
        data: Name or folder of the dataset, in place of the recipe's.
        seed: Seed; ``None`` takes that of the run that is resumed or reused, else 0.
        resume: Go on with the run in ``out``.
        source: Run whose finished stages are reused (``--from``).
    """

    target: str
    out: Path
    recipe: str | None = None
    settings: Sequence[str] = ()
    data: str | None = None
    seed: int | None = None
    resume: bool = False
    source: Path | None = None


def train(order: Order, devices: Devices, tell: Tell) -> dict[str, Any]:
    """Trains what is asked for and whatever it needs, and exports it.

    Args:
        order: What the user asked for.
        devices: Where to train.
        tell: Called with lines for the user.

    Returns:
        A JSON summary: run, package, what each stage did, metrics, seconds.

    Raises:
        InputError: The order contradicts itself, the data or the run folder.
    """
    began = time.monotonic()
    run, recipe, data = _open(order, tell)
    with run.locked():
        done = _train_all(order.target, run, recipe, data, devices, tell)
    return {
        "run": str(run.folder),
        "target": order.target,
        "recipe": recipe.name,
        "seed": run.seed,
        "package": str(run.folder / "package") if run.finished("export") else None,
        "stages": done,
        "metrics": run.metrics(),
        "seconds": round(time.monotonic() - began, 1),
    }


def _train_all(
    target: str,
    run: Run,
    recipe: CcdcganRecipe,
    data: TrainingData,
    devices: Devices,
    tell: Tell,
) -> dict[str, str]:
    """Trains and exports what is missing; returns what became of each stage."""
    layout = GraphLayout.from_recipe(recipe, data.elements)
    log = RunLog(run.folder)
    done: dict[str, str] = {}
    names = stages_of(target, recipe)
    if not all(run.finished(name) for name in names):
        for line in run.changes(devices.shares):
            tell(line)
    try:
        for name in names:
            if run.finished(name):
                done[name] = "reused" if "reused_from" in run.stage(name) else "finished before"
                tell(f"{name}: {done[name]}")
                continue
            _train_stage(Stage(name, run, log, devices), recipe, data, layout)
            done[name] = "trained"
            tell(f"{name}: {_line(run.stage(name))}")
        if not on_tensorflow():
            tell("no model package: the export needs TensorFlow; unset KERAS_BACKEND and --resume")
        elif "trained" in done.values() or not run.finished("export"):
            _export(run, recipe, data)
            tell(f"model package: {run.folder / 'package'}")
    finally:
        log.close()
    return done


def stages_of(target: str, recipe: CcdcganRecipe) -> list[str]:
    """Returns the stages that a command needs, in order.

    Args:
        target: One of :data:`TARGETS`.
        recipe: The recipe; every property of its terms needs a constraint of its own.
    """
    names: list[str] = []
    for stage in TARGETS[target]:
        if stage == "constraint":
            names += [constraint_part(name, recipe) for name in properties(recipe)]
        else:
            names.append(stage)
    return names


def _open(order: Order, tell: Tell) -> tuple[Run, CcdcganRecipe, TrainingData]:
    source = _open_run(order.source) if order.source is not None else None
    resumed = order.resume and (order.out / "run.json").exists()
    model = _open_run(order.out) if resumed else source
    recipe = _recipe(order, model)
    dataset = _dataset(order, recipe, model)
    seed = order.seed
    if seed is None:
        seed = 0 if model is None else model.seed
    if "constraint" in TARGETS[order.target]:
        for name in properties(recipe):
            dataset.property(name)  # refuses a property that the data do not have, at once
    dataset.verify()  # the run's record names the data by their hash
    data = load_training_data(recipe.data, dataset, recipe.voxels.box, seed)
    recipe = replace(recipe, data=replace(recipe.data, elements=data.elements))
    record = {
        "name": dataset.path.resolve().name,
        "path": str(dataset.path.resolve()),
        "sha256": dataset.sha256,
        "structures": len(data),
        "training": len(data.train),
        "held_out": len(data.test),
        "left_out": data.rejected,
        "elements": list(data.elements),
    }
    tables = to_mapping(recipe)
    taken: list[str] = []
    if resumed:
        run = _open_run(order.out)
        run.check_same(tables, order.seed, record)
    else:
        if (order.out / "run.json").exists():
            raise InputError(
                f"{order.out}: holds a run already; add --resume to go on with it, or give "
                "another --out"
            )
        if order.resume and order.recipe is None and source is None:
            raise InputError(
                f"{order.out}: holds no run to resume; mind the name, or leave --resume out to "
                "start one"
            )
        if order.resume:
            tell(f"{order.out}: no run there yet, starting one")
        if source is not None:
            inputs = _inputs(order.target, recipe)
            taken, reasons = reusable(source, tables, seed, dataset.sha256, inputs)
            for reason in reasons:
                tell(f"--from {source.folder}: {reason}; trained anew")
        run = Run.start(order.out, tables, seed, record)
        if source is not None:
            for name in taken:
                run.reuse(source, name)
    tell(
        f"{run.folder}: recipe {recipe.name}, seed {run.seed}, {len(data.train)} structures to "
        f"learn from, {len(data.test)} held out ({recipe.data.split} split)"
    )
    return run, recipe, data


def _open_run(folder: Path) -> Run:
    """Opens a run; what its recipe did not know yet when it was written gets the default."""
    run = Run.open(folder)
    run.recipe = to_mapping(load_recipe(str(folder / "recipe.toml")))
    return run


def _recipe(order: Order, model: Run | None) -> CcdcganRecipe:
    if order.recipe is not None or model is None:
        name = order.recipe or "quickstart"
    else:
        name = str(model.folder / "recipe.toml")
    settings = list(order.settings)
    if order.data is not None:
        settings.append(f"data.dataset={json.dumps(order.data)}")
    if order.target == "dcgan":
        settings.append("gan.terms=[]")
    return load_recipe(name, settings)


def _dataset(order: Order, recipe: CcdcganRecipe, model: Run | None) -> Dataset:
    if order.data is None and model is not None and order.recipe is None:
        # The recipe names the folder as seen from where the run was started.
        path = Path(model.info["dataset"]["path"])
        if path.exists():
            return Dataset.open(path)
    return Dataset.open(recipe.data.dataset)


def _inputs(target: str, recipe: CcdcganRecipe) -> dict[str, tuple[str, ...]]:
    """Returns the stages that may be taken from another run, with what they depend on."""
    inputs = dict(INPUTS)
    if target == "constraint":
        # The stage that the command is for is trained, whatever the other run has.
        return {name: keys for name, keys in inputs.items() if name != target}
    for name in stages_of("constraint", recipe):
        inputs.setdefault(name, (*GRAPHS, "constraint"))
    return inputs


def _train_stage(
    stage: Stage, recipe: CcdcganRecipe, data: TrainingData, layout: GraphLayout
) -> None:
    if stage.name == "lattice-ae":
        train_lattice_autoencoder(stage, recipe, data)
    elif stage.name == "sites-ae":
        train_sites_autoencoder(stage, recipe, data)
    elif stage.name == "graphs":
        encode_graphs(stage, recipe, data)
    elif stage.name == "gan":
        if not on_tensorflow():
            raise InputError(
                "the GAN trains on TensorFlow only: unset KERAS_BACKEND and go on with --resume"
            )
        from tfmat.ccdcgan.train_gan import train_gan

        train_gan(stage, recipe, layout)
    else:
        name = stage.name.removeprefix("constraint").removeprefix("-") or recipe.data.property
        train_constraint(stage, recipe, layout, name)


def _export(run: Run, recipe: CcdcganRecipe, data: TrainingData) -> None:
    """Writes the model package from all networks that the run has."""
    import keras

    from tfmat.export.package import PARTS, Provenance, write_package

    if not on_tensorflow():
        raise InputError("the export needs TensorFlow: unset KERAS_BACKEND and go on with --resume")
    run.begin("export")
    networks = {
        part: keras.models.load_model(run.weights(part), compile=False)
        for part in dict.fromkeys(
            [*PARTS, *(constraint_part(name, recipe) for name in properties(recipe))]
        )
        if run.weights(part).exists()
    }
    presence = CrystalGraphs.open(run).presence.tolist() if run.finished("graphs") else ()
    provenance = Provenance(
        name=run.folder.resolve().name,
        recipe=recipe,
        seed=run.seed,
        dataset={"name": run.info["dataset"]["name"], "sha256": data.dataset.sha256},
        presence_threshold=presence,
        metrics=run.metrics(),
    )
    package = write_package(run.folder / "package", networks, provenance, overwrite=True)
    run.finish("export", sorted(package.iterdir()), parts=list(networks))


def _line(record: Mapping[str, Any]) -> str:
    """Returns the figures of a finished stage in one line."""
    figures = []
    for name, metric in record["metrics"].items():
        if metric["value"] is None:
            figures.append(f"{name} none")
            continue
        unit = "" if metric["unit"] == "1" else f" {metric['unit']}"
        figures.append(f"{name} {metric['value']:.4g}{unit}")
    return ", ".join(figures) or "done"
