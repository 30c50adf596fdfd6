"""The ``tfmat`` command: finds a subcommand's module only when it is asked for."""

from __future__ import annotations

import errno
import importlib
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tfmat import __version__
from tfmat.disk import FULL
from tfmat.errors import (
    PictureWarning,
    RecoveredWarning,
    RenamedWarning,
    TfmatError,
    UncheckedWarning,
    one_line,
)

from .examples import examples
from .stopping import TerminatedError, last_words, terminable
from .streams import harmless

# The user's place to write to is wrong: no defect of ours.
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.ELOOP)
_PYTHONS_WAY = warnings.showwarning
# An argument, as the library's messages name it.
_ARGUMENT = re.compile(r"`([a-z][a-z_]*)`")


class LazyGroup(click.Group):
    """A group whose commands are imported on use, so that ``--help`` starts at once.

    Args:
        lazy: Command name to ``(module, attribute, one-line help)``.
        **kwargs: Passed to :class:`click.Group`.
    """

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names in the order of the work, not of the alphabet."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the module that holds ``cmd_name``."""
        if cmd_name not in self.lazy:
            return None
        module, attribute, _ = self.lazy[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Names the nearest command where the word is unknown."""
        if args and args[0] not in self.lazy and not args[0].startswith("-"):
            from tfmat.errors import did_you_mean

            hint = did_you_mean(args[0], list(self.lazy))
            ctx.fail(f"no such command {args[0]!r}{hint}; see {ctx.command_path} --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in self.lazy.items()])


@click.group(
    epilog=examples(
        "tfmat generate ccdcgan -n 20",
        "tfmat data info bi-se",
    ),
    cls=LazyGroup,
    lazy={
        "data": ("tfmat.cli.data", "data", "Import, build and inspect datasets."),
        "recipes": ("tfmat.cli.recipes", "recipes", "List recipes, and what their keys mean."),
        "train": ("tfmat.cli.train", "train", "Train a chain or one of its stages."),
        "generate": ("tfmat.cli.generate", "generate", "Generate new structures or formulas."),
        "discover": ("tfmat.cli.discover", "discover", "From a wish to ranked candidates."),
        "screen": ("tfmat.cli.screen", "screen", "Keep generated structures by predicted energy."),
        "relax": ("tfmat.cli.relax", "relax", "Relax structures with a potential."),
        "evaluate": ("tfmat.cli.evaluate", "evaluate", "Judge structures and formulas."),
        "merge": ("tfmat.cli.merge", "merge", "Join the results of shards."),
        "launch": (
            "tfmat.cli.launch",
            "launch",
            "Make the shards of a command on many workers.",
        ),
        "report": ("tfmat.cli.report", "report", "Show what was made on one page."),
        "export": ("tfmat.cli.export", "export", "Write a run as a model package."),
        "serve": ("tfmat.cli.serve", "serve", "Write files for TensorFlow Serving."),
        "predict": (
            "tfmat.cli.predict",
            "predict",
            "Predict energies; generate with networks on a TensorFlow Serving.",
        ),
        "web": ("tfmat.cli.web", "web", "Write a page that generates in the browser."),
        "models": ("tfmat.cli.models", "models", "List, show and verify model packages."),
        "completion": (
            "tfmat.cli.completion",
            "completion",
            "Let bash, zsh or fish complete commands.",
        ),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="tfmat")
def tfmat() -> None:
    """Inverse design of inorganic materials with generative adversarial networks.

    The road: data, train, generate, evaluate. Every command has its own --help.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line; user errors become one line and exit code 2.

    Args:
        arguments: Words after ``tfmat``; ``sys.argv`` by default.
    """
    with harmless():
        _main(arguments)


def _main(arguments: Sequence[str] | None) -> None:
    words = sys.argv[1:] if arguments is None else arguments
    try:
        with terminable(), _warnings_in_one_line():
            code = tfmat.main(
                args=list(arguments) if arguments is not None else None,
                prog_name="tfmat",
                standalone_mode=False,
            )
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo(last_words(_command(words), terminated=False), err=True)
        sys.exit(130)
    except TerminatedError as end:
        click.echo(last_words(_command(words), terminated=True), err=True)
        sys.exit(end.code)
    except click.ClickException as error:
        # A group without a command shows its help (since click 8.2 as an error).
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            click.echo(error.format_message(), err=True)
            sys.exit(error.exit_code)
        click.echo(f"tfmat: {one_line(error.format_message())}", err=True)
        sys.exit(error.exit_code)
    except TfmatError as error:
        message = in_options(str(error), _command(words))
        click.echo(f"tfmat: {one_line(message)}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (for example `| head`).
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno is None:
            raise
        # The name may be of half characters, which no terminal takes.
        where = os.fsencode(error.filename).decode("utf-8", "replace") if _named(error) else ""
        line = one_line(f"{where}: {error.strerror}" if where else str(error.strerror))
        click.echo(f"tfmat: {line}; {_advice(error)}", err=True)
        sys.exit(1 if error.errno in FULL else 2)
    except MemoryError:
        click.echo(
            "tfmat: not enough memory; make sizes of the recipe or the batch smaller, or take a "
            "larger machine",
            err=True,
        )
        sys.exit(1)
    except RecursionError:
        click.echo("tfmat: the input is nested without end; simplify it", err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def in_options(message: str, command: click.Command) -> str:
    """Returns a message of the library with a command's options in place of arguments.

    The library names its arguments in backticks (`` `max_atoms` ``), as a Python user knows them; a
    user of the command line knows them as ``--max-atoms``, and a command's argument as ``DATA``.

    Args:
        message: What an error says.
        command: The command whose parameters it may name; other names stay as they are.
    """
    names: dict[str | None, str] = {}
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            option = next((o for o in parameter.opts if o.startswith("--")), parameter.opts[0])
            # What may be given again has a name in the plural.
            names |= dict.fromkeys((option.strip("-").replace("-", "_"), parameter.name), option)
        else:
            names[parameter.name] = parameter.human_readable_name
    return _ARGUMENT.sub(lambda found: names.get(found[1], found[0]), message)


def _command(words: Sequence[str]) -> click.Command:
    """Returns the command that some words call, or the group where they call none."""
    command: click.Command = tfmat
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            break
        command = found
    return command


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.showwarning = _show
        yield


def _show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
    """Shows a warning that is meant for users as one line; all others as Python does."""
    if issubclass(category, PictureWarning | RecoveredWarning | RenamedWarning | UncheckedWarning):
        click.echo(f"tfmat: {one_line(str(message))}", err=True)
    else:
        _PYTHONS_WAY(message, category, *rest, **more)


def _named(error: OSError) -> bool:
    return isinstance(error.filename, str | bytes) and bool(error.filename)


def _advice(error: OSError) -> str:
    """Returns what to do, by whether it is reading or writing that fails."""
    if error.errno in FULL:
        return "make room, or give another place with --out"
    if error.errno in _NO_NAME:
        return "give another name"
    if error.errno not in _NOT_ALLOWED:
        return "mend that, or give another place"
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    if error.errno in (errno.EACCES, errno.EPERM) and path is not None:
        hidden = not os.access(path.parent, os.X_OK)
        if hidden or (path.exists() and not os.access(path, os.R_OK)):
            return "it cannot be read: change its permissions or give another"
    if error.errno in FULL:
        return "free some room, or give another place with --out"
    return "give another place with --out"
