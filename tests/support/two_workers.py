"""One case of a model that two processes train together; started by the tests.

Run as ``python two_workers.py OUT`` with TF_CONFIG set, or without it for one process alone. Saves
losses, weights, and what the processes agree on.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from tfmat.networks.batches import Batches, BatchSampler
from tfmat.training.log import RunLog, read_log
from tfmat.training.loop import Stage
from tfmat.training.run import Run
from tfmat.training.strategy import choose

ROWS, BATCH, STEPS = 11, 4, 30


def main(out: str) -> None:
    devices = choose("auto")
    worker = devices.cluster.index
    agreed = [
        devices.any(),
        devices.any(worker == 1),
        devices.any(True),
        devices.same(7),
        devices.same(worker),
    ]
    keras.utils.set_random_seed(1)
    with devices.scope():
        model = keras.Sequential(
            [
                keras.layers.Input((3,)),
                keras.layers.Dense(8, "tanh", kernel_regularizer=keras.regularizers.L2(1e-3)),
                keras.layers.Dense(1),
            ]
        )
        model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    random = np.random.default_rng(0)
    inputs = random.normal(size=(ROWS, 3)).astype(np.float32)
    targets = (inputs[:, :1] * inputs[:, 1:2] + 3.0).astype(np.float32)
    sampler = BatchSampler(ROWS, BATCH, 5)
    made: list[int] = []

    def draw(rows):
        made.append(len(rows))
        return inputs[rows], targets[rows]

    folder = Path(tempfile.mkdtemp()) / "run"
    run = Run.start(folder, {"name": "test"}, 3, {"name": "none", "path": "none", "sha256": "none"})
    Stage("fit", run, RunLog(folder), devices).fit(
        model, lambda first, count: Batches(draw, sampler, first, count), STEPS
    )
    losses = [line["loss"] for line in read_log(folder / "log.jsonl")]
    weights = {f"weight{i}": value for i, value in enumerate(model.get_weights())}
    np.savez(out, losses=losses, agreed=agreed, made=max(made), **weights)


if __name__ == "__main__":
    main(sys.argv[1])
