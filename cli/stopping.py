"""What a command says when it is told to stop: by Ctrl-C, or by a batch system (SIGTERM)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., object])
_GOES_ON = "goes_on"


class TerminatedError(SystemExit):
    """The process was asked to end; what it was writing is cleared on the way out."""


def goes_on(function: Function) -> Function:
    """Marks a command that keeps what is done and goes on when it is given again."""
    setattr(function, _GOES_ON, True)
    return function


def last_words(command: click.Command, *, terminated: bool) -> str:
    """Returns what a command that was stopped says of what is done, in one line.

    Args:
        command: The command.
        terminated: Whether a signal stopped it, rather than Ctrl-C.
    """
    what = "terminated" if terminated else "interrupted"
    if getattr(command.callback, _GOES_ON, False):
        return f"tfmat: {what}; what is done is kept: give the same command again to go on"
    return f"tfmat: {what}; nothing was kept, and what was there is as before: start again"


@contextmanager
def terminable() -> Iterator[None]:
    """Ends in good order when a batch system or a service asks for the end (SIGTERM)."""

    def end(number: int, _: object) -> None:
        raise TerminatedError(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may have a handler
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
