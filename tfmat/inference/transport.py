"""What the client of TensorFlow Serving needs of a protocol: names, errors, and trying again."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tfmat import errors
from tfmat.errors import InputError, MissingExtraError, TfmatError
from tfmat.retry import RetryPolicy

# A server's words are shown up to this length.
_LONGEST = 300
# A server may ask for a longer pause than ours, but not for a nap.
_LONGEST_PAUSE = 30.0

# What helps, at the end of a message.
LOG = "look into the server's log"
SLOW = "give more `timeout`, or a smaller `batch_size`"
# Bytes that an answer without results may take: descriptions, states, errors.
SMALL_ANSWER = 1 << 20

T = TypeVar("T")


class ServerError(TfmatError):
    """The server fails (exit code 1)."""


class AnswerError(ServerError):
    """The server answers, but not with what was asked for (exit code 2)."""

    exit_code = 2


class TransientError(ServerError):
    """A failure that may be gone at the next try.

    Args:
        message: What happened, without the server's address.
        advice: What to do if it stays.
        pause: Seconds that the server asks to wait.

    Attributes:
        tries: Tries so far.
    """

    tries = 1

    def __init__(self, message: str, advice: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.advice, self.pause = advice, pause


class NotServedError(InputError):
    """The server knows no such model, version or label."""


@dataclass(frozen=True)
class ServedModel:
    """A model on the server.

    Args:
        name: Its name there.
        version: Its version; the server's latest without.
        label: Label of the version, instead of the version.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name} version {self.version}"
        return self.name if self.label is None else f"{self.name} label {self.label}"


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of a signature.

    Args:
        dtype: NumPy's name of its type.
        shape: Its shape, ``None`` where a size is free; ``None`` in all if nothing is known.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        sizes = ["batch" if size is None else str(size) for size in self.shape]
        return f"{self.dtype} ({', '.join(sizes)})"

    def admits(self, other: TensorInfo) -> bool:
        """Tells whether a tensor of another description always fits this one."""
        if self.dtype != other.dtype:
            return False
        if self.shape is None or other.shape is None:
            return self.shape is None
        return len(self.shape) == len(other.shape) and all(
            mine is None or mine == yours
            for mine, yours in zip(self.shape, other.shape, strict=True)
        )


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a served function, by name."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


@dataclass(frozen=True)
class Description:
    """What a server says about a model.

    Args:
        version: The version that it would use.
        signatures: Its signatures by name.
    """

    version: int
    signatures: Mapping[str, Signature]


@dataclass(frozen=True)
class VersionState:
    """State of a version: ``AVAILABLE``, ``LOADING``, ``END`` ..., and the reason for it if any."""

    state: str
    reason: str = ""


class Transport(ABC):
    """A protocol to one server.

    Calls come from several threads. They raise :class:`TransientError` for what is worth another
    try, :class:`NotServedError` for an unknown model, and other errors of tfmat for the rest, all
    without the server's address.

    Args:
        where: The server's address for messages; holds no password.
    """

    # Bytes that a number takes on the way.
    bytes_per_value: int
    where: str

    @abstractmethod
    def predict(
        self,
        model: ServedModel,
        signature: str,
        inputs: Mapping[str, NDArray[np.float32]],
        outputs: Mapping[str, TensorInfo],
        timeout: float,
    ) -> dict[str, NDArray[Any]]:
        """Runs a signature of a model.

        Args:
            model: The model.
            signature: Name of the signature.
            inputs: Inputs by name.
            outputs: The outputs that are wanted, with full shapes.
            timeout: Seconds until the whole answer must be there.

        Returns:
            The wanted outputs by name, of the wanted types and shapes.
        """

    def longest_answer(self, outputs: Mapping[str, TensorInfo]) -> int:
        """Returns how many bytes an answer with some outputs may take; a server may be anyone's.

        Args:
            outputs: The outputs, with full shapes.
        """
        values = sum(math.prod(size or 0 for size in info.shape or ()) for info in outputs.values())
        return SMALL_ANSWER + 2 * self.bytes_per_value * values

    @abstractmethod
    def describe(self, model: ServedModel, timeout: float) -> Description:
        """Asks for a model's version and signatures."""

    @abstractmethod
    def versions(self, model: ServedModel, timeout: float) -> dict[int, VersionState]:
        """Asks for the state of all versions of a model."""

    @abstractmethod
    def close(self) -> None:
        """Gives back connections."""


@dataclass(frozen=True)
class Retries(RetryPolicy):
    """Calls a server until it succeeds.

    Args:
        count: As for :class:`~tfmat.retry.RetryPolicy`, like the other settings of the pauses.
        stopped: Ends all pauses when set.
    """

    count: int = 4
    first_pause: float = 0.25
    longest_pause: float = 8.0
    spread: bool = True
    stopped: Event = field(default_factory=Event)

    def __call__(self, call: Callable[[], T], where: str) -> T:
        """Calls until it succeeds.

        Args:
            call: What to do.
            where: The server's address, put before every error.

        Raises:
            ServerError: It still failed at the last try.
            InputError: Another try would not help.
        """
        try:
            return self.until_done(call, TransientError, self._wait)
        except TransientError as error:
            often = "" if error.tries == 1 else f" ({error.tries} tries)"
            raise ServerError(f"{where}: {error}{often}; {error.advice}") from error
        except (NotServedError, MissingExtraError):
            raise
        except TfmatError as error:
            raise type(error)(f"{where}: {error}") from error

    def _wait(self, failed: int, error: TransientError) -> bool:
        pause = max(self.pause(failed), min(error.pause, _LONGEST_PAUSE))
        return not self.stopped.wait(pause)


def shown(url: str) -> str:
    """Returns an address without user and password."""
    return re.sub(r"^(\w*://)?.*@", r"\1***@", one_line(url))


def no_connection(words: str, service: str, port: int) -> TransientError:
    """Says that nobody is there.

    Args:
        words: What happened.
        service: What was asked for, ``REST`` or ``gRPC``.
        port: The port that it has by default.
    """
    return TransientError(
        words,
        "start the server, or give another `url` "
        f"({service} is on port {port} unless set otherwise)",
    )


def one_line(text: str) -> str:
    """Returns a server's words as one short line without control characters."""
    line = errors.one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 4] + " ..."


def numpy_name(dtype: str) -> str:
    """Returns NumPy's name of a type of TensorFlow, e.g. ``DT_FLOAT``."""
    short = dtype.removeprefix("DT_").lower()
    return {"float": "float32", "double": "float64", "half": "float16"}.get(short, short)
