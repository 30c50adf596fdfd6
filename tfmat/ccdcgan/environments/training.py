"""Trains the constraint of environments: the energy of a structure as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.labels import KINDS, Labels
from tfmat.ccdcgan.environments.network import build_network
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.environments.recipe import EnergyRecipe
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.splits.rules import SplitRule, hold_out
from tfmat.metric import Metric
from tfmat.networks.backend import call, compiled_steps
from tfmat.networks.batches import Batches, BatchSampler, spread
from tfmat.networks.optimizers import AdamW

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# Held-out structures that are predicted at a chunk's end, and at once.
_SAMPLE = 1024
# How far energies lie apart, eV/atom, so that the layers before need not learn it.
_SCALE = 0.3


@dataclass(frozen=True, eq=False)
class EnvironmentData:
    """Labelled structures as environments, and how they are held out.

    Args:
        descriptor: What is seen of an atom.
        environments: Shape ``(n, most_atoms, descriptor.size)``, float32.
        energies: eV/atom, shape ``(n,)``.
        kinds: Numbers in :data:`~tfmat.ccdcgan.environments.labels.KINDS`, shape ``(n,)``.
        train: Numbers of the structures to learn from, ascending.
        test: Numbers of those held out, ascending.
    """

    descriptor: Descriptor
    environments: NDArray[np.float32]
    energies: NDArray[np.float64]
    kinds: NDArray[np.intp]
    train: NDArray[np.intp]
    test: NDArray[np.intp]

    @property
    def most_atoms(self) -> int:
        """Rows of a structure's environments."""
        return int(self.environments.shape[1])


def environment_data(
    labels: Labels,
    descriptor: Descriptor,
    most_atoms: int,
    *,
    seed: int,
    test_fraction: float = 0.1,
) -> EnvironmentData:
    """Describes labelled structures and holds out whole reduced formulas.

    A formula is held out with all that was made of it: a disturbed copy of a structure, or a
    written one of its formula, would tell its energy.

    Args:
        labels: The structures; those of more atoms than ``most_atoms`` are left out.
        descriptor: What is seen of an atom.
        most_atoms: Most atoms of a cell.
        seed: Seed of the split.
        test_fraction: Share to hold out.

    Raises:
        InputError: There are structures of one formula only, or of other elements.
    """
    rows = [row for row, crystal in enumerate(labels.crystals) if len(crystal) <= most_atoms]
    crystals = [labels.crystals[row] for row in rows]
    rule = SplitRule("formula", test_fraction)
    split = hold_out(rule, [formula(crystal) for crystal in crystals], seed)
    return EnvironmentData(
        descriptor,
        descriptor.padded(crystals, most_atoms),
        labels.energies[rows],
        labels.kinds[rows],
        split.train,
        split.test,
    )


def train_energies(
    stage: Stage, recipe: EnergyRecipe, data: EnvironmentData, others: Iterable[Path] = ()
) -> keras.Model:
    """Trains the constraint and measures it on what is held out.

    Args:
        stage: Where to train and log.
        recipe: Sizes and training.
        data: The structures.
        others: Further files that the stage has written.

    Returns:
        The trained network, which is also written: from environments to eV/atom.
    """
    stage.devices.check_batch(recipe.batch_size, "energies.batch_size")
    learned = np.clip(data.energies, recipe.lowest, recipe.highest)
    keras.utils.set_random_seed(stage.seed)
    with stage.devices.scope():
        network = build_energies(data, recipe, float(np.median(learned[data.train])))
        network.compile(
            optimizer=AdamW(
                keras.optimizers.schedules.CosineDecay(recipe.learning_rate, recipe.steps),
                weight_decay=recipe.weight_decay,
            ),
            loss=keras.losses.Huber(recipe.huber),
            jit_compile=compiled_steps(),
        )
    sampler = BatchSampler(len(data.train), recipe.batch_size, stage.seed)

    def draw(drawn: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = data.train[drawn]
        return data.environments[chosen], learned[chosen, None].astype(np.float32)

    def validate(_: int) -> dict[str, float]:
        chosen = spread(data.test, _SAMPLE)
        off = np.abs(predict(network, data.environments[chosen]) - learned[chosen])
        return {
            f"test_mae_{kind}": float(off[data.kinds[chosen] == number].mean())
            for number, kind in enumerate(KINDS)
            if (data.kinds[chosen] == number).any()
        }

    stage.fit(
        network,
        lambda first, count: Batches(draw, sampler, first, count),
        recipe.steps,
        validate,
    )
    # Not compiled: else the state of its optimiser, twice the weights, is written with it.
    trained = keras.Model(network.input, network.output, name=network.name)
    predicted = predict(trained, data.environments[data.test])
    metrics = energy_metrics(predicted, learned[data.test], data.kinds[data.test])
    stage.finish({CONSTRAINT: trained}, metrics, others)
    return trained


def build_energies(data: EnvironmentData, recipe: EnergyRecipe, centre: float) -> keras.Model:
    """Builds the constraint.

    Args:
        data: What it will be given.
        recipe: Sizes.
        centre: Energy that it starts from, eV/atom.
    """
    return build_network(
        data.descriptor,
        data.most_atoms,
        units=recipe.units,
        depth=recipe.depth,
        dropout=recipe.dropout,
        noise=recipe.noise,
        centre=centre,
        scale=_SCALE,
        name=CONSTRAINT,
    )


def predict(network: keras.Model, environments: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns what a network says of structures, shape ``(n,)``.

    Args:
        network: Critic or constraint.
        environments: Shape ``(n, most_atoms, size)``.
    """
    parts = [
        call(network, environments[start : start + _SAMPLE], _SAMPLE)[:, 0]
        for start in range(0, len(environments), _SAMPLE)
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def energy_metrics(
    predicted: NDArray[np.float64], true: NDArray[np.float64], kinds: NDArray[np.intp]
) -> list[Metric]:
    """Returns error and explained share for relaxed structures and for those as made.

    Args:
        predicted: eV/atom, shape ``(n,)``.
        true: eV/atom, shape ``(n,)``.
        kinds: Numbers in :data:`~tfmat.ccdcgan.environments.labels.KINDS`, shape ``(n,)``.
    """
    metrics = []
    groups: dict[str, NDArray[np.bool_]] = {
        kind: kinds == number for number, kind in enumerate(KINDS)
    }
    groups["as_made"] = kinds != KINDS.index("relaxed")
    for group, chosen in groups.items():
        count = int(chosen.sum())
        if count < 2:
            continue
        off, energies = predicted[chosen] - true[chosen], true[chosen]
        note = f"of {count} held-out structures ({group.replace('_', ' ')}; formula split)"
        variance = float(np.var(energies))
        metrics.append(
            Metric(
                f"test_mae_{group}",
                float(np.mean(np.abs(off))),
                "eV/atom",
                denominator=count,
                note=f"mean absolute error of the energy {note}",
            )
        )
        metrics.append(
            Metric(
                f"test_r2_{group}",
                1 - float(np.mean(off * off)) / variance if variance > 0 else None,
                denominator=count,
                note=f"coefficient of determination of the energy {note}",
            )
        )
    return metrics
