"""Which devices a training uses: one, or all GPUs of this machine through tf.distribute."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from tfmat.errors import InputError
from tfmat.training.quiet import on_tensorflow, threads_in_use

NAMES = ("auto", "one", "mirrored", "multiworker")


@dataclass(frozen=True)
class Devices:
    """The devices of a training.

    Args:
        name: ``one`` or ``mirrored``.
        strategy: The ``tf.distribute.Strategy``; ``None`` for one device.
    """

    name: str
    strategy: Any = None

    @property
    def replicas(self) -> int:
        """Number of copies of the model that step together."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    @property
    def shares(self) -> dict[str, int]:
        """Number of CPU ``threads`` and of ``replicas`` that share a step: bits depend on both."""
        return {"threads": threads_in_use(), "replicas": self.replicas}

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the context in which models and optimisers are built."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

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


def check_name(name: str) -> None:
    """Refuses what no backend can do, before one is imported.

    Args:
        name: As for :func:`choose`.

    Raises:
        InputError: The name is unknown, or several machines are asked for.
    """
    if name not in NAMES:
        raise InputError(f"`strategy` {name}: use one of {', '.join(NAMES)}")
    if name == "multiworker" or (name == "auto" and "TF_CONFIG" in os.environ):
        raise InputError(
            "`strategy` multiworker: training over several machines is not there yet; "
            "use `strategy` mirrored on one machine and unset TF_CONFIG"
        )


def choose(name: str = "auto") -> Devices:
    """Chooses the devices.

    Args:
        name: ``auto`` (mirrored where there is more than one GPU), ``one``, ``mirrored`` (all
            GPUs of this machine, or all logical CPU devices if it has none) or ``multiworker``.

    Raises:
        InputError: The name is unknown, the backend cannot do it, or several machines are asked
            for.
    """
    check_name(name)
    if not on_tensorflow():
        if name == "mirrored":
            raise InputError("`strategy` mirrored needs TensorFlow: unset KERAS_BACKEND")
        return Devices("one")
    import tensorflow as tf

    if name == "auto":
        name = "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "one"
    if name == "one":
        return Devices("one")
    return Devices("mirrored", tf.distribute.MirroredStrategy())
