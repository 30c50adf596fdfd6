"""Which devices a training uses: one, all GPUs of a machine, or those of several workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from tfmat.errors import InputError, TfmatError, one_line
from tfmat.training.cluster import VARIABLE, Cluster, read_cluster
from tfmat.training.quiet import on_tensorflow, threads_in_use

NAMES = ("auto", "one", "mirrored", "multiworker")


@dataclass(frozen=True)
class Devices:
    """The devices of a training.

    Args:
        name: ``one``, ``mirrored`` or ``multiworker``.
        strategy: The ``tf.distribute.Strategy``; ``None`` for one device.
        cluster: This process's place among the workers.
    """

    name: str
    strategy: Any = None
    cluster: Cluster = field(default_factory=Cluster)

    @property
    def replicas(self) -> int:
        """Number of copies of the model that step together."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    @property
    def shares(self) -> dict[str, int]:
        """Number of CPU ``threads`` and of ``replicas`` that share a step: bits depend on both."""
        return {"threads": threads_in_use(), "replicas": self.replicas}

    @property
    def several(self) -> bool:
        """Whether other processes train with this one."""
        return self.cluster.size > 1

    @property
    def chief(self) -> bool:
        """Whether this process writes the run: it trains alone, or is the first worker."""
        return self.cluster.index == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the context in which models and optimisers are built."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    def any(self, mine: bool = False) -> bool:
        """Tells whether any worker says yes; every worker must ask, and waits for the others.

        Args:
            mine: What this worker says.
        """
        return self._sum(float(mine)) > 0

    def same(self, mine: int) -> bool:
        """Tells whether the workers' mean is this worker's number; every worker must ask.

        Args:
            mine: This worker's number, so small that sums of it are exact in 32-bit floats.
        """
        return self._sum(float(mine)) == mine * self.cluster.size

    def _sum(self, mine: float) -> float:
        if not self.several:
            return mine
        import tensorflow as tf

        def of_worker(context: Any) -> Any:
            # One of this worker's devices speaks for it.
            first = context.replica_id_in_sync_group % self._each == 0
            return tf.constant(mine if first else 0.0)

        with self.reached():
            values = self.strategy.experimental_distribute_values_from_function(of_worker)
            return float(self.strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None))

    @property
    def _each(self) -> int:
        """Devices of one worker; tf.distribute wants all workers to have as many."""
        return self.replicas // self.cluster.size

    def reached(self) -> AbstractContextManager[Any]:
        """Returns the context for what needs the other workers.

        Raises:
            TfmatError: Another worker cannot be reached any more.
        """
        return _reached() if self.several else nullcontext()

    def check_batch(self, batch_size: int, setting: str) -> None:
        """Refuses a batch that the replicas cannot share evenly.

        A replica without samples fails inside TensorFlow, and uneven shares weigh samples unevenly.

        Args:
            batch_size: Samples of one step, all replicas together.
            setting: The recipe's key, for the message.

        Raises:
            InputError: The batch is no multiple of the replicas.
        """
        if batch_size % self.replicas:
            nearest = -(-batch_size // self.replicas) * self.replicas
            raise InputError(
                f"{setting}: a batch of {batch_size} cannot be shared by {self.replicas} devices; "
                f"use `settings` {setting}={nearest} or `strategy` one"
            )


@contextmanager
def _reached() -> Iterator[None]:
    """Says in one line what TensorFlow says in many when another worker has gone."""
    import tensorflow as tf

    errors = tf.errors
    gone = errors.UnavailableError, errors.AbortedError, errors.CancelledError
    try:
        yield
    except (*gone, errors.DeadlineExceededError, errors.InternalError) as error:
        raise TfmatError(
            "another worker of this training has ended; see what it says, and start all workers "
            f"again with `resume` (TensorFlow: {one_line(str(error))[:200]})"
        ) from error


def check_name(name: str) -> Cluster:
    """Refuses what no backend can do, before one is imported.

    Args:
        name: As for :func:`choose`.

    Returns:
        This process's place among the workers.

    Raises:
        InputError: The name is unknown, or TF_CONFIG is wrong.
    """
    if name not in NAMES:
        raise InputError(f"`strategy` {name}: use one of {', '.join(NAMES)}")
    if name == "multiworker" or (name == "auto" and os.environ.get(VARIABLE)):
        return read_cluster()
    return Cluster()


def choose(name: str = "auto") -> Devices:
    """Chooses the devices.

    Args:
        name: ``auto`` (multiworker where TF_CONFIG is set, mirrored where there is more than one
            GPU), ``one``, ``mirrored`` (all GPUs of this machine, or all logical CPU devices if it
            has none) or ``multiworker`` (those of all processes in TF_CONFIG, for which it waits).

    Raises:
        InputError: The name is unknown, the backend cannot do it, or TF_CONFIG is wrong.
    """
    cluster = check_name(name)
    if cluster.size > 1 or name == "multiworker":
        name = "multiworker"
    if not on_tensorflow():
        if name in ("mirrored", "multiworker"):
            raise InputError(f"`strategy` {name} needs TensorFlow: unset KERAS_BACKEND")
        return Devices("one")
    import tensorflow as tf

    if name == "multiworker":
        with _reached():
            return Devices(name, tf.distribute.MultiWorkerMirroredStrategy(), cluster)
    if name == "auto":
        name = "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "one"
    if name == "one":
        return Devices("one")
    return Devices("mirrored", tf.distribute.MirroredStrategy())
