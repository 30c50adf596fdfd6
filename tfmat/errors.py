"""The errors that a user sees as one line.

The command line turns every :class:`TfmatError` into a single line on standard error and an exit
code; anything else is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from types import ModuleType

_HALF = re.compile("[\ud800-\udfff]")


class TfmatError(Exception):
    """Something went wrong that is not the user's mistake (exit code 1).

    Args:
        message: One line; what cannot be printed in it (names of files and columns are other
            people's words) is made visible.
    """

    exit_code = 1

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


class InputError(TfmatError):
    """The user's words or input are wrong; the message says what, where and how to mend it."""

    exit_code = 2


class OutOfTimeError(TfmatError):
    """A training stopped because its time is over; what it did is saved and it can go on."""

    exit_code = 75  # "try again" among the customary codes (EX_TEMPFAIL of sysexits.h)


class RenamedWarning(FutureWarning):
    """An old name was given that will go with a later release; the message has the new one."""


class RecoveredWarning(UserWarning):
    """What a killed command has left was mended; the message says what."""


class UncheckedWarning(UserWarning):
    """Something is used that nothing can check; the message says what, in one line."""


class PictureWarning(UserWarning):
    """A picture cannot be drawn, though all else is well; the message says why, in one line."""


class MissingExtraError(InputError):
    """A command needs an optional dependency that is not installed.

    Args:
        extra: Name of the extra, e.g. ``"train"``.
        purpose: What needs it, e.g. ``"training"``.
    """

    def __init__(self, extra: str, purpose: str) -> None:
        from tfmat.installing import advice

        super().__init__(f"{purpose} needs an optional part of tfmat: {advice(extra)}")
        self.extra = extra


def printable(text: str) -> str:
    """Returns a text that fits into one line of a terminal or a file, and commands neither.

    White space of every kind becomes a blank. Whatever else cannot be seen becomes its number,
    ``<U+202E>``: control characters, marks that turn the direction of writing, halves of surrogate
    pairs, which no file in UTF-8 can hold.

    Args:
        text: Words of a file or a server.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else f"<U+{ord(character):04X}>"


def whole_characters(text: str) -> str:
    """Returns a text that a file in UTF-8 can hold, and its reader takes.

    Args:
        text: Halves of surrogate pairs in it, as names of files have that are no UTF-8, become
            their number, ``<U+DCFF>``.
    """
    return text if text.isascii() else _HALF.sub(lambda half: _visible(half[0]), text)


def printable_lines(text: str) -> str:
    """Returns a text of several lines, each printable: what a file or a terminal is given.

    Args:
        text: The text, with the ends of lines of Unix or Windows.
    """
    if text.isprintable():
        return text
    return "\n".join(map(printable, text.replace("\r\n", "\n").split("\n")))


def one_line(text: str) -> str:
    """Returns a text in one line, without control characters and double blanks."""
    return " ".join(printable(text).split())


def first_line(error: BaseException) -> str:
    """Returns the first line of an exception's message, or its type if it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def did_you_mean(word: str, choices: Sequence[str]) -> str:
    """Returns " (did you mean X?)" where a choice is close to ``word``, else an empty text."""
    import difflib

    close = difflib.get_close_matches(word, choices, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def require_installed(module: str, extra: str, purpose: str) -> None:
    """Refuses to begin without an optional dependency, and does not import it: that takes seconds.

    Args:
        module: Module that will be imported, e.g. ``"tensorflow"``.
        extra: The extra that brings it.
        purpose: What needs it, for the message.

    Raises:
        MissingExtraError: The module is not installed.
    """
    import importlib.util

    package = module.partition(".")[0]  # to find what is in it would import it
    known = package in sys.modules
    if (sys.modules[package] if known else importlib.util.find_spec(package)) is None:
        raise MissingExtraError(extra, purpose)


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Imports an optional dependency.

    Args:
        module: Module to import, e.g. ``"tensorflow"``.
        extra: The extra that brings it.
        purpose: What needs it, for the message.

    Returns:
        The imported module.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        # A broken install of the module itself must not be reported as a missing one.
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(extra, purpose) from error
