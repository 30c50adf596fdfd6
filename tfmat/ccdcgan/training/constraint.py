"""Trains a constraint: a property from the crystal graph (paper 004, Methods)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.recipe import CcdcganRecipe, ConstraintRecipe
from tfmat.ccdcgan.training.graphs import CrystalGraphs, network_inputs, predict
from tfmat.datasets.properties import unit_of
from tfmat.errors import InputError
from tfmat.metric import Metric
from tfmat.networks.backend import compiled_steps
from tfmat.networks.batches import Batches, BatchSampler
from tfmat.networks.optimizers import optimizer

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

_LOSSES = {"mse": keras.losses.MeanSquaredError, "mae": keras.losses.MeanAbsoluteError}
# Held-out crystal graphs that are predicted at a chunk's end; all of them at the end.
SAMPLE = 1024


def train_constraint(stage: Stage, recipe: CcdcganRecipe, layout: GraphLayout, name: str) -> None:
    """Trains the constraint of one property on the training structures that have it.

    Args:
        stage: Where to train and log; it is called like the network it writes.
        recipe: The whole recipe.
        layout: Layout of the crystal graphs.
        name: Name of the property.

    Raises:
        InputError: Too few structures have the property.
    """
    settings = recipe.constraint
    stage.devices.check_batch(settings.batch_size, "constraint.batch_size")
    data = CrystalGraphs.open(stage.run, layout)
    values = data.property(name)
    train = data.train[np.isfinite(values[data.train])]
    test = data.test[np.isfinite(values[data.test])]
    if len(train) == 0 or len(test) < 2:
        raise InputError(
            f"property {name}: known for {len(train)} training and {len(test)} held-out "
            "structures, too few for a constraint; give data that have it, or train dcgan"
        )
    inputs = network_inputs(recipe, data)
    mean, scale = _unit(settings, values[train])
    keras.utils.set_random_seed(stage.seed)
    with stage.devices.scope():
        model = build_constraint(settings, layout, recipe.data.max_elements)
        model.compile(
            optimizer=optimizer(settings),
            loss=_LOSSES[settings.loss](),
            jit_compile=compiled_steps(),
        )
    sampler = BatchSampler(len(train), settings.batch_size, stage.seed)

    def draw(rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = train[rows]
        wanted = (values[chosen, None] - mean) / scale
        return inputs[chosen], wanted.astype(np.float32)

    def errors(rows: NDArray[np.intp]) -> dict[str, float]:
        predicted, true = predict(model, inputs, rows) * scale + mean, values[rows]
        residual = float(np.mean((predicted - true) ** 2))
        variance = float(np.var(true))
        return {
            "test_loss": residual,
            "test_mae": float(np.mean(np.abs(predicted - true))),
            "test_r2": 1 - residual / variance if variance > 0 else float("nan"),
        }

    def validate(_: int) -> dict[str, float]:
        return errors(test[:SAMPLE])

    stage.fit(
        model,
        lambda first, count: Batches(draw, sampler, first, count),
        settings.steps,
        validate,
    )
    # Not compiled: else the state of its optimiser, twice the weights, is written with it.
    output = model.output
    if (mean, scale) != (0.0, 1.0):
        output = keras.layers.Rescaling(scale, mean, name="unit")(output)
    trained = keras.Model(model.input, output, name=model.name)
    found = errors(test)
    if not found["test_r2"] > 0:
        stage.report(
            f"{stage.name}: warning: {name} of held-out structures is predicted no better than by "
            f"its mean (R² {found['test_r2']:.3g}), so what is steered by it means nothing; more "
            "data may help"
        )
    stage.finish({stage.name: trained}, _metrics(found, name, len(test), recipe))


def _unit(settings: ConstraintRecipe, values: NDArray[np.float64]) -> tuple[float, float]:
    """Returns what is 0 and what is 1 for the network, in the property's unit."""
    if settings.form == "multicomponent":
        # Its outputs lie in 0 to 1.
        return float(values.min()), float(np.ptp(values)) or 1.0
    if settings.standardise:
        return float(np.mean(values)), float(np.std(values)) or 1.0
    return 0.0, 1.0


def _metrics(
    errors: dict[str, float], name: str, count: int, recipe: CcdcganRecipe
) -> list[Metric]:
    note = f"{name} of {count} held-out structures ({recipe.data.split} split)"
    return [
        Metric(
            "test_mae",
            errors["test_mae"],
            unit_of(name) or "unit of the property",
            denominator=count,
            note=f"mean absolute error, {note}",
        ),
        Metric(
            "test_r2",
            errors["test_r2"],
            denominator=count,
            note=f"coefficient of determination, {note}",
        ),
    ]
