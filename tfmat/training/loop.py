"""One stage of a training: chunks of steps, each ended by a log line and a checkpoint.

Every batch and every random number is addressed by the number of its step, so a stage that was
killed goes on from its last checkpoint exactly as if it had never stopped.
"""

from __future__ import annotations

import math
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmat.errors import OutOfTimeError, TfmatError
from tfmat.metric import Metric
from tfmat.networks.batches import Batches
from tfmat.progress import Progress
from tfmat.training import checkpoints
from tfmat.training.best import BestWeights
from tfmat.training.log import RunLog
from tfmat.training.quiet import on_tensorflow
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

# A chunk is a fortieth of the stage, within these bounds.
CHUNKS = 40
SHORTEST_CHUNK = 10
LONGEST_CHUNK = 1000

Tick = Callable[[int, str], None]
Advance = Callable[[int, int, Tick], Mapping[str, float]]
Validate = Callable[[int], Mapping[str, float]]


def chunk_length(steps: int) -> int:
    """Returns the number of steps between two checkpoints of a stage."""
    return min(steps, max(SHORTEST_CHUNK, min(LONGEST_CHUNK, math.ceil(steps / CHUNKS))))


@dataclass(frozen=True)
class Stage:
    """A stage of a run, with all that its training needs.

    Args:
        name: Name of the stage, e.g. ``sites-ae``.
        run: The run folder.
        log: The run's log.
        devices: Where it trains.
        deadline: When to stop, by ``time.monotonic()``; ``None`` for never.
        report: Shows a line to the user.
    """

    name: str
    run: Run
    log: RunLog
    devices: Devices
    deadline: float | None = None
    report: Callable[[str], None] = print

    @property
    def seed(self) -> int:
        """Seed of this stage: from the run's seed and the stage's name, in 0 to 2³¹ - 1."""
        sequence = np.random.SeedSequence([self.run.seed, zlib.crc32(self.name.encode())])
        return int(sequence.generate_state(1)[0]) >> 1

    def train(
        self,
        steps: int,
        variables: Sequence[Any],
        advance: Advance,
        validate: Validate | None = None,
    ) -> None:
        """Trains from the last checkpoint, or from the start, to the last step.

        Args:
            steps: Steps of the whole stage.
            variables: All variables that change: weights, statistics, seed generators, optimisers.
            advance: Called with first step, number of steps and a function to report progress to;
                trains that many steps and returns the means of what it logs.
            validate: Called with the steps done at the end of each chunk; returns more to log. It
                must not change the variables.

        Raises:
            TfmatError: The loss is not a finite number.
            OutOfTimeError: The deadline would pass in the next chunk.
        """
        folder = self.run.checkpoints(self.name)
        checkpoint = checkpoints.latest(folder)
        step = 0
        if checkpoint is not None:
            step = checkpoint.step
            with self.devices.scope():
                checkpoint.restore(variables)
        self.log.rewind(self.name, step)
        self.run.begin(self.name, steps=steps, **self.devices.shares)
        seconds = checkpoint.state.get("seconds", 0.0) if checkpoint is not None else 0.0
        with Progress(self.name, steps, "step", initial=step) as progress:
            longest = 0.0
            while step < steps:
                self.check_time(longest, f"{step} of {steps} steps done")
                began = time.monotonic()
                count = min(chunk_length(steps) - step % chunk_length(steps), steps - step)
                with self.devices.reached():
                    values = dict(advance(step, count, progress.update))
                rate = count / (time.monotonic() - began)
                step += count
                if validate is not None:
                    values |= validate(step)
                self._check_finite(step, values)
                seconds += time.monotonic() - began
                self.log.write(self.name, step, values | {"steps_per_second": round(rate, 3)})
                checkpoints.save(
                    folder, step, variables, {"seconds": seconds}, write=self.devices.chief
                )
                longest = max(longest, time.monotonic() - began)
        self.run.begin(self.name, seconds=round(seconds, 1))

    def check_time(self, needed: float, done: str) -> None:
        """Stops before the deadline; called where all that is done is on disk.

        Of several workers all stop together, and none goes on before all have come here.

        Args:
            needed: Seconds until the next call.
            done: How far the stage has come, for the message.

        Raises:
            OutOfTimeError: The deadline would pass before the next call.
        """
        late = self.deadline is not None and time.monotonic() + needed >= self.deadline
        if self.devices.any(late):
            raise OutOfTimeError(f"{self.name}: the time is over, {done}; go on with `resume`")

    def chunk_length(self, steps: int) -> int:
        """Returns the number of steps between two checkpoints, for a stage of so many steps."""
        return chunk_length(steps)

    def finish(
        self,
        models: Mapping[str, keras.Model],
        metrics: Iterable[Metric],
        others: Iterable[Path] = (),
    ) -> None:
        """Writes the trained networks and notes that the stage is done.

        Args:
            models: Networks by part.
            metrics: What was measured of them.
            others: Further files that the stage has written into the run folder.
        """
        paths = [self.run.save_model(part, model) for part, model in models.items()]
        paths += others
        self.devices.any()  # the others may still read a checkpoint
        self.run.finish(self.name, paths, metrics)
        if self.devices.chief:
            checkpoints.clear(self.run.checkpoints(self.name))

    def fit(
        self,
        model: keras.Model,
        batches: Callable[[int, int], Batches],
        steps: int,
        validate: Validate | None = None,
        keep: str = "last",
        judged_by: str = "test_loss",
    ) -> BestWeights | None:
        """Trains a compiled model by ``fit``, chunk by chunk, on any Keras backend.

        With several workers, which Keras's ``fit`` cannot train (keras #20585), the same steps are
        done by :class:`tfmat.training.several_workers.Steps`.

        Args:
            model: A compiled model, built in the scope of the devices.
            batches: From first step and number of steps to the batches of these steps.
            steps: Steps of the whole stage.
            validate: As for :meth:`train`.
            keep: ``last`` leaves the model as the last step made it; ``best`` gives it the weights
                of the chunk's end whose ``judged_by``, by ``validate``, was smallest.
            judged_by: Name of the value that ``best`` looks at.

        Returns:
            For ``best``: step and loss of the weights that were kept.

        Raises:
            TfmatError: The loss is not a finite number.
            OutOfTimeError: The deadline would pass in the next chunk.
            ValueError: The best weights are asked for, and nothing judges them.
        """
        if keep == "best" and validate is None:
            raise ValueError(f"the best weights need a validation that returns a {judged_by}")
        separate_dropout(model, self.devices)
        with self.devices.scope():
            # Made here and not by the first step, so that a checkpoint can be restored into them.
            model.optimizer.build(model.trainable_variables)
        variables = [*model.variables, *model.optimizer.variables]

        take: Callable[[Batches, Tick], dict[str, float]] = partial(_fit, model)
        if self.devices.several:
            from tfmat.training.several_workers import Steps

            take = Steps(model, self.devices)

        def advance(first: int, count: int, tick: Tick) -> dict[str, float]:
            return take(batches(first, count), tick)

        if keep == "last" or validate is None:
            self.train(steps, variables, advance, validate)
            return None
        folder, chief = self.run.checkpoints(self.name), self.devices.chief
        best = BestWeights(folder, model.variables, write=chief)

        def validate_and_keep(step: int) -> Mapping[str, float]:
            values = validate(step)
            best.offer(step, values[judged_by])
            return values

        self.train(steps, variables, advance, validate_and_keep)
        self.devices.any()  # else the last ones may not be written yet
        with self.devices.scope():
            best.restore()
        return best

    def _check_finite(self, step: int, values: Mapping[str, float]) -> None:
        bad = [
            name for name, value in values.items() if "loss" in name and not math.isfinite(value)
        ]
        if bad:
            raise TfmatError(
                f"{self.name}: {bad[0]} is not a finite number at step {step}; start a new run "
                "with a lower learning rate or another `seed`"
            )


def _fit(model: keras.Model, batches: Batches, tick: Tick) -> dict[str, float]:
    """Takes a step for each batch; returns the means of what Keras logs."""
    history = model.fit(
        feed(batches), epochs=1, verbose=0, shuffle=False, callbacks=[_Ticker(tick)]
    )
    return {name: float(values[0]) for name, values in history.history.items()}


class _Ticker(keras.callbacks.Callback):
    """Passes every finished step of ``fit`` on to the progress bar."""

    def __init__(self, tick: Tick) -> None:
        super().__init__()
        self._tick = tick
        self._lock = threading.Lock()
        # Keras then calls from a thread of its own, and the next step is not kept waiting until
        # the loss of this one has come from the GPU.
        self.async_safe = not on_tensorflow()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        loss = (logs or {}).get("loss")
        with self._lock:
            self._tick(1, "" if loss is None else f"loss {float(loss):.4g}")


def feed(batches: keras.utils.PyDataset) -> Any:
    """Wraps batches made by NumPy in a tf.data pipeline that makes them ahead of time.

    Args:
        batches: Batches of (input, target), all of the same shapes.

    Returns:
        A ``tf.data.Dataset`` on TensorFlow; elsewhere the batches themselves.
    """
    if not on_tensorflow():
        return batches
    import tensorflow as tf

    inputs, targets = batches[0]
    # An autoencoder's target is its input: hand it over once.
    same = inputs is targets
    spec = tf.TensorSpec(inputs.shape, tf.as_dtype(inputs.dtype))
    target_spec = tf.TensorSpec(targets.shape, tf.as_dtype(targets.dtype))

    def generate() -> Any:
        for index in range(len(batches)):
            batch = batches[index]
            yield batch[0] if same else batch

    dataset = tf.data.Dataset.from_generator(
        generate, output_signature=spec if same else (spec, target_spec)
    )
    if same:
        dataset = dataset.map(lambda voxels: (voxels, voxels))
    options = tf.data.Options()
    # Each replica takes its share of every batch, never of the files behind it.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return dataset.with_options(options).prefetch(2)


def separate_dropout(model: keras.Model, devices: Devices) -> None:
    """Makes dropout differ between replicas.

    Keras draws the same mask on every replica of a MirroredStrategy; here the replica's number is
    folded into the layer's seed.

    Args:
        model: A model built in the strategy's scope.
        devices: Where it trains; nothing is done for one replica.
    """
    if devices.replicas == 1:
        return
    import tensorflow as tf

    def fold(generator: Any) -> None:
        draw = generator.next

        def draw_for_replica(*args: Any, **kwargs: Any) -> Any:
            seed = draw(*args, **kwargs)
            context = tf.distribute.get_replica_context()
            if context is None:
                return seed
            replica = tf.cast(context.replica_id_in_sync_group, seed.dtype)
            # The second number counts draws; a prime keeps replicas away from each other's.
            return seed + tf.stack([tf.zeros_like(replica), replica * 2_038_074_743])

        generator.next = draw_for_replica

    for layer in model._flatten_layers():  # those within layers, too
        if hasattr(layer, "seed_generator"):
            fold(layer.seed_generator)
