"""Trains ElemNet and measures it beside two predictions without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from tfmat.csv_tables import TableWriter
from tfmat.elemnet.data import EnergyData
from tfmat.elemnet.fractions import fractions
from tfmat.elemnet.linear import linear_fit
from tfmat.elemnet.network import build_network, in_energies
from tfmat.elemnet.parts import NETWORK, TEST
from tfmat.elemnet.recipe import ElemnetRecipe
from tfmat.files import replacing
from tfmat.metric import Metric, mean
from tfmat.networks.backend import call, compiled_steps
from tfmat.networks.batches import Batches, BatchSampler, spread
from tfmat.networks.optimizers import optimizer

if TYPE_CHECKING:
    from tfmat.training.loop import Stage

_LOSSES = {"mse": keras.losses.MeanSquaredError, "mae": keras.losses.MeanAbsoluteError}
# Validation formulas that are predicted at a chunk's end; all of them at the end.
SAMPLE = 16_384
# Formulas that are predicted at once.
_BATCH = 4096


def train_elemnet(stage: Stage, recipe: ElemnetRecipe, data: EnergyData) -> None:
    """Trains the network and writes it with a table of the held-out formulas.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The formulas, split in three.
    """
    settings = recipe.network
    stage.devices.check_batch(settings.batch_size, "network.batch_size")
    inputs = fractions(data.compositions)
    zero, unit = 0.0, 1.0
    if settings.standardise:
        known = data.energies[data.train]
        zero, unit = float(known.mean()), float(known.std()) or 1.0
    targets = ((data.energies - zero) / unit).astype(np.float32)[:, None]
    keras.utils.set_random_seed(stage.seed)
    with stage.devices.scope():
        model = build_network(settings)
        model.compile(
            optimizer=optimizer(settings),
            loss=_LOSSES[settings.loss](),
            jit_compile=compiled_steps(),
        )
    sampler = BatchSampler(len(data.train), settings.batch_size, stage.seed)

    def draw(rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = data.train[rows]
        return inputs[chosen], targets[chosen]

    def predict(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        parts = [
            call(model, inputs[rows[start : start + _BATCH]], _BATCH)
            for start in range(0, len(rows), _BATCH)
        ]
        return np.concatenate(parts)[:, 0].astype(np.float64) * unit + zero

    def validate(_: int) -> Mapping[str, float]:
        rows = spread(data.validation, SAMPLE)
        return {"validation_loss": float(np.abs(predict(rows) - data.energies[rows]).mean())}

    best = stage.fit(
        model,
        lambda first, count: Batches(draw, sampler, first, count),
        settings.steps,
        validate,
        settings.keep,
        judged_by="validation_loss",
    )
    predicted = predict(data.test)
    metrics = _metrics(data, inputs, predicted)
    if best is not None:
        note = "step whose weights were kept: smallest error of the validation formulas"
        metrics.append(Metric("kept_step", best.step, "step", note=note))
    table = stage.run.stage_folder(stage.name) / TEST
    _write_table(table, data, predicted)
    stage.finish({NETWORK: in_energies(model, zero, unit)}, metrics, [table])


def _metrics(
    data: EnergyData, inputs: NDArray[np.float32], predicted: NDArray[np.float64]
) -> list[Metric]:
    true, known = data.energies[data.test], data.energies[data.train]
    linear = linear_fit(inputs[data.train], known)
    variance = float(np.var(true))
    what = f"of {len(true)} held-out formulas ({data.split['kind']} split)"
    found = [
        mean(name, np.abs(guess - true).tolist(), "eV/atom", f"{note} {what}", sampled=True)
        for name, guess, note in (
            ("test_mae", predicted, "mean absolute error"),
            ("test_mae_mean", float(known.mean()), "of the training mean: mean absolute error"),
            (
                "test_mae_linear",
                inputs[data.test].astype(np.float64) @ linear,
                "of an energy for each element (least squares): mean absolute error",
            ),
        )
    ]
    r2 = 1 - float(np.mean((predicted - true) ** 2)) / variance if variance > 0 else None
    note = f"coefficient of determination {what}"
    return [*found, Metric("test_r2", r2, denominator=len(true), note=note)]


def _write_table(path: Path, data: EnergyData, predicted: NDArray[np.float64]) -> None:
    names, true = data.compositions[data.test].formulas(), data.energies[data.test]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        table = TableWriter(stream, ["formula", "true", "predicted"])
        for name, right, guess in zip(names, true.tolist(), predicted.tolist(), strict=True):
            table.row([name, f"{right:.6f}", f"{guess:.6f}"])
