"""Trains generator and discriminator, with or without constraints (CCDCGAN, DCGAN)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.training.gan_step import GanTrainer
from tfmat.ccdcgan.training.graphs import (
    CrystalGraphs,
    constraint_part,
    predict,
    properties,
)
from tfmat.datasets.properties import unit_of
from tfmat.metric import Judge, Metric
from tfmat.networks.batches import BatchSampler
from tfmat.networks.replicas import share

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

# Crystal graphs that are generated at a chunk's end, always from the same noise.
SAMPLE = 256
_LOSSES = ("discriminator_real", "discriminator_fake", "generator", "generator_adversarial")


def train_gan(stage: Stage, recipe: CcdcganRecipe, layout: GraphLayout) -> None:
    """Trains the GAN on the crystal graphs of the training structures, or of all.

    Predicted energies are logged for every constraint that the run has, also where the recipe has
    no term for it: so a DCGAN is compared with a CCDCGAN.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        layout: Layout of the crystal graphs.
    """
    settings = recipe.gan
    stage.devices.check_batch(settings.batch_size, "gan.batch_size")
    data = CrystalGraphs.open(stage.run, layout)
    rows = data.train
    if settings.structures == "all":
        rows = np.sort(np.concatenate([data.train, data.test]))
    keras.utils.set_random_seed(stage.seed)
    with stage.devices.scope():
        constraints = {
            name: stage.run.network(part)
            for name in properties(recipe)
            if stage.run.finished(part := constraint_part(name, recipe))
        }
        trainer = GanTrainer(
            build_generator(settings, layout),
            build_discriminator(settings, layout),
            [(constraints[term.property], term) for term in settings.terms],
            settings,
            stage.seed,
        )
        trainer.build()
    variables = [entry for group in trainer.variables_groups.values() for entry in group]
    sampler = BatchSampler(
        len(rows), settings.batch_size, stage.seed, settings.draws == "replacement"
    )
    noise = np.random.default_rng(stage.seed).standard_normal(
        (SAMPLE, settings.latent), dtype=np.float32
    )

    def advance(first: int, count: int, tick: Callable[[int, str], None]) -> dict[str, float]:
        scalars: list[Mapping[str, Any]] = []
        for step in range(first, first + count):
            real = data.graphs[rows[sampler(step)]]
            scalars.append(trainer.step(share(real, stage.devices.strategy), step))
            tick(1, "")
        return {
            f"{name}_loss" if name in _LOSSES else name: float(
                np.mean([float(entry[name]) for entry in scalars])
            )
            for name in scalars[0]
        }

    def sample_means() -> dict[str, float]:
        """Returns the mean prediction for generated crystal graphs, by property."""
        if not constraints:
            return {}
        generator = trainer.average.model()
        graphs = np.asarray(generator(noise, training=False))
        return {
            name: float(predict(model, graphs, np.arange(SAMPLE)).mean())
            for name, model in constraints.items()
        }

    def validate(_: int) -> dict[str, float]:
        return {f"sample_{name}": value for name, value in sample_means().items()}

    stage.train(settings.steps, variables, advance, validate)
    note = f"mean prediction of the constraint for {SAMPLE} generated crystal graphs"
    stage.finish(
        {"generator": trainer.average.model(), "discriminator": trainer.discriminator},
        [
            Metric(
                f"sample_{name}",
                value,
                unit_of(name) or "unit of the property",
                denominator=SAMPLE,
                judge=Judge("constraint of the run", "", {"property": name}),
                note=note,
            )
            for name, value in sample_means().items()
        ],
    )
