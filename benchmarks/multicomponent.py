r"""What a crystal graph of many elements tells: which are there, and what the energy is.

    OMP_NUM_THREADS=1 python benchmarks/multicomponent.py MODEL presence --data NAME|FOLDER
    OMP_NUM_THREADS=1 python benchmarks/multicomponent.py MODEL generated --graphs 10000
    OMP_NUM_THREADS=1 python benchmarks/multicomponent.py RUN constraint --data NAME|FOLDER
    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python benchmarks/multicomponent.py mp gan

``presence`` puts noise on all cells of held-out crystal graphs, and of the same with one element
fewer, and counts the elements that are found, by a package's rule and by its threshold alone.
``generated`` counts the crystal graphs of a package's generator of which both rules say the same.
``constraint`` gives the held-out error of a run's constraint beside that of what sees no site: the
mean, gradient boosting on composition, and on composition, volume and shape of the cell, and the
same network without structure; and parts of it, by the distance from the hull and for oxides.
``gan`` takes some steps of a recipe's GAN on random crystal graphs and says what all would cost.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.element_descriptors import HEAVIEST, properties
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.held_out import rows_of
from tfmat.ccdcgan.recipe import CcdcganRecipe, load_recipe
from tfmat.ccdcgan.slots import Slots, joined
from tfmat.ccdcgan.training.graphs import CrystalGraphs
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.datasets.store import Dataset
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import load
from tfmat.training.chain import open_run
from tfmat.training.run import Run

NOISE = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5)
ENERGY = "formation_energy_per_atom"


def shares(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> str:
    """Returns precision, recall, and the share of crystal graphs of which all is right."""
    both = (found & wanted).sum()
    exact = (found == wanted).all(axis=1).mean()
    return f"{both / max(found.sum(), 1):.4f} / {both / wanted.sum():.4f} / {exact:.4f}"


def presence(codec: Codec, data: str, count: int) -> None:
    """Prints how well elements are found at each noise."""
    random, layout = np.random.default_rng(0), codec.layout
    dataset = Dataset.open(data)
    rows, _ = rows_of(codec, dataset, "test")
    rows = np.sort(random.choice(rows, min(count, len(rows)), replace=False))
    parts = [codec.encode([canonicalise(dataset[int(row)])]) for row in rows]
    # And again without the last of their elements: where all structures have all of them, nothing
    # would show what is found too much.
    parts += [Slots(part.lattice, part.slots[:-1]) for part in parts]
    slots = joined(parts)
    wanted = np.zeros((len(slots), len(layout.elements)), np.bool_)
    place = {number: slot for slot, number in enumerate(layout.numbers)}
    wanted[slots.slots["row"], [place[number] for number in slots.slots["element"].tolist()]] = True
    latents = slots.slots["latent"]
    strength = np.sqrt(np.mean(np.square(latents, dtype=np.float64), axis=1))
    print(f"RMS of {len(strength)} present elements: {strength.min():.3f} to {strength.max():.3f}")
    print(f"{len(slots)} held-out graphs, precision / recall / all right")
    print(f"{'noise':>6} {'threshold alone':>26} {'with the noise':>26}")
    for noise in NOISE:
        fixed, found = [], []
        for start in range(0, len(slots), 100):
            # Noise on all cells, also of those that no slot uses.
            graphs = layout.pack_slots(slots.of(np.arange(start, min(start + 100, len(slots)))))
            graphs = np.clip(graphs + noise * random.normal(size=graphs.shape), -1, 1)
            fixed.append(layout.element_rms(graphs) > codec.presence.thresholds)
            found.append(codec.presence.of(layout, graphs))
        both = [shares(np.concatenate(one), wanted) for one in (fixed, found)]
        print(f"{noise:>6.2f} {both[0]:>26} {both[1]:>26}", flush=True)


def generated(codec: Codec, count: int) -> None:
    """Prints of how many generated crystal graphs both rules find the same elements."""
    layout, same, smallest = codec.layout, 0, np.inf
    for start in range(0, count, 100):
        noise = vector_noise(0, start, min(100, count - start), codec.recipe.gan.latent)
        graphs = codec.package.run("generator", noise)
        strength = layout.element_rms(graphs)
        found = codec.presence.of(layout, graphs)
        same += int((found == (strength > codec.presence.thresholds)).all(axis=1).sum())
        smallest = min(smallest, float(strength[found].min(initial=np.inf)))
    print(f"{same:,} of {count:,} graphs with the same elements by both rules")
    print(f"smallest RMS of an element that is there: {smallest:.3f}")


def features(dataset: Dataset, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], ...]:
    """Returns composition, and composition with volume and shape of the cell, for boosting."""
    fractions, cells = np.zeros((len(rows), HEAVIEST + 1)), np.zeros((len(rows), 6))
    balls = covalent_radii[: HEAVIEST + 1] ** 3
    for place, row in enumerate(rows.tolist()):
        crystal = dataset[row]
        atoms = len(crystal)
        fractions[place] = np.bincount(crystal.numbers, minlength=HEAVIEST + 1) / atoms
        volume = abs(np.linalg.det(crystal.lattice)) / atoms
        edges = np.sort(np.linalg.norm(crystal.lattice, axis=1)) / np.cbrt(volume * atoms)
        cells[place] = [volume, volume / (fractions[place] @ balls), atoms, *edges]
    values = properties()
    mean = fractions @ values
    spread = np.sqrt(np.maximum(fractions @ values**2 - mean**2, 0))
    there = fractions > 0
    # One property after the other, for the memory.
    most = np.stack([np.where(there, one, -np.inf).max(axis=1) for one in values.T], axis=1)
    least = np.stack([np.where(there, one, np.inf).min(axis=1) for one in values.T], axis=1)
    kinds = there.sum(axis=1, keepdims=True)
    composition = np.hstack([fractions, mean, spread, most, least, kinds])
    return fractions, composition, np.hstack([composition, cells])


def line(
    name: str, predicted: NDArray[np.float64], true: NDArray[np.float64], seconds: float
) -> None:
    """Prints mean and median error and R²."""
    error = np.abs(predicted - true)
    r2 = 1 - np.sum(error**2) / np.sum((true - true.mean()) ** 2)
    print(
        f"{name:<48} {error.mean():.4f} {np.median(error):.4f} {r2:.4f} {seconds:>6.0f} s",
        flush=True,
    )


def boosted(
    given: NDArray[np.float64],
    values: NDArray[np.float64],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Returns what gradient boosting predicts for the held-out structures."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=400, learning_rate=0.1, max_leaf_nodes=63, l2_regularization=1.0, random_state=0
    )
    return model.fit(given[train], values[train]).predict(given[test])


def without_structure(
    run: Run, recipe: CcdcganRecipe, graphs: CrystalGraphs, values: NDArray[np.float64], steps: int
) -> NDArray[np.float64]:
    """Trains the constraint's network on compositions alone; returns its predictions."""
    import keras

    from tfmat.ccdcgan.networks.slot_constraint import build_slot_constraint
    from tfmat.ccdcgan.training.graphs import network_inputs, predict
    from tfmat.networks.batches import Batches, BatchSampler
    from tfmat.networks.optimizers import optimizer

    settings = replace(recipe.constraint, steps=steps)
    keras.utils.set_random_seed(run.seed)
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    most = recipe.data.max_elements
    model = build_slot_constraint(settings, layout, most, structure=False)
    model.compile(optimizer(settings), keras.losses.MeanAbsoluteError())
    inputs, train = network_inputs(recipe, graphs), graphs.train
    mean, scale = values[train].mean(), values[train].std()

    def draw(rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        wanted = (values[train[rows], None] - mean) / scale
        return inputs[train[rows]], wanted.astype(np.float32)

    sampler = BatchSampler(len(train), settings.batch_size, run.seed)
    model.fit(Batches(draw, sampler, 0, steps), epochs=1, verbose=0, shuffle=False)
    return predict(model, inputs, graphs.test) * scale + mean


def constraint(
    run: Run, recipe: CcdcganRecipe, graphs: CrystalGraphs, data: str, steps: int
) -> None:
    """Prints the held-out errors."""
    import tfmat.ccdcgan.networks.slot_constraint  # noqa: F401  (its layers are known to Keras)
    from tfmat.ccdcgan.training.graphs import network_inputs, predict

    dataset = Dataset.open(data)
    rows = np.load(run.stage_folder("graphs") / "rows.npy")
    values = graphs.property(ENERGY)
    train, test = (part[np.isfinite(values[part])] for part in (graphs.train, graphs.test))
    graphs, true = replace(graphs, train=train, test=test), values[test]
    print(f"{len(graphs.train)} to learn from, {len(test)} held out ({recipe.data.split} split)")
    print(f"{'':<48} {'MAE':>6} {'median':>6} {'R²':>6} eV/atom")
    line("mean", np.full(len(test), values[graphs.train].mean()), true, 0)
    began = time.process_time()
    names = ("fractions", "composition", "composition, volume, shape of the cell")
    for name, given in zip(names, features(dataset, rows), strict=True):
        began = time.process_time()
        found = boosted(given, values, graphs.train, test)
        line(f"gradient boosting: {name}", found, true, time.process_time() - began)
    if steps:
        began = time.process_time()
        found = without_structure(run, recipe, graphs, values, steps)
        line("network: composition", found, true, time.process_time() - began)
    predicted = predict(run.network("constraint"), network_inputs(recipe, graphs), test)
    line("constraint", predicted, true, run.stage("constraint").get("seconds", 0))
    known = "e_above_hull" in dataset.properties
    above = dataset.property("e_above_hull")[rows][test] if known else np.full(len(test), np.nan)
    oxides = np.array([8 in dataset[int(row)].numbers for row in rows[test]])
    for name, part in (
        ("at most 1 meV/atom above the hull", above <= 0.001),
        ("up to 0.1 eV/atom above it", (above > 0.001) & (above <= 0.1)),
        ("up to 0.3", (above > 0.1) & (above <= 0.3)),
        ("more", above > 0.3),
        ("oxides", oxides),
        ("others", ~oxides),
    ):
        if part.any():
            line(f"  {name} ({part.sum()})", predicted[part], true[part], 0)


def gan_step(name: str, steps: int = 3) -> None:
    """Prints the processor time of a step of a GAN, without constraint, and of all its steps."""
    import keras
    import tensorflow as tf

    from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator
    from tfmat.ccdcgan.training.gan_step import GanTrainer

    recipe = load_recipe(name)
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    keras.utils.set_random_seed(0)
    networks = build_generator(recipe.gan, layout), build_discriminator(recipe.gan, layout)
    trainer = GanTrainer(*networks, [], recipe.gan, 0)
    trainer.build()
    shape = (recipe.gan.batch_size, layout.height, layout.width, 1)
    graphs = tf.random.uniform(shape, -1, 1, seed=0)
    trainer.step(graphs, 0)
    began = time.process_time()
    for number in range(1, steps + 1):
        trainer.step(graphs, number)
    each = (time.process_time() - began) / steps
    print(f"{name}: {each:.2f} s of CPU a step of {shape[0]} crystal graphs")
    print(f"{recipe.gan.steps} steps: {each * recipe.gan.steps / 86400:.1f} days of one core")


def main() -> None:
    """Prints one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a run; of presence, generated a package; of gan a recipe")
    parser.add_argument("what", choices=["presence", "generated", "constraint", "gan"])
    parser.add_argument("--data", default="mp", help="the dataset that the run learned from")
    parser.add_argument("--graphs", type=int, default=1000, help="crystal graphs")
    parser.add_argument("--steps", type=int, default=4000, help="of the network of compositions")
    options = parser.parse_args()
    if options.what == "gan":
        gan_step(options.model)
        return
    if options.what == "presence":
        presence(Codec.from_package(load(options.model)), options.data, options.graphs)
        return
    if options.what == "generated":
        generated(Codec.from_package(load(options.model)), options.graphs)
        return
    run = open_run(CcdcganChain(), Path(options.model))
    recipe = load_recipe(str(run.folder / "recipe.toml"))
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    constraint(run, recipe, CrystalGraphs.open(run, layout), options.data, options.steps)


if __name__ == "__main__":
    main()
