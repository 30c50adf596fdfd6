"""Options and kinds of values that several commands take."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .complete import complete_model

# More threads than any machine has cores.
THREADS = click.IntRange(1, 4096)
# What a signed integer of 64 bits holds.
_LARGEST = 2**63 - 1
_SETS = ("smact14", "icsd16", "icsd24", "default")


class Finite(click.FloatRange):
    """A number within a range; unlike :class:`click.FloatRange` it refuses NaN and infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Reads the number."""
        number = super().convert(value, param, ctx)
        # NaN passes every comparison of a range, and JSON has neither.
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number

    def _describe_range(self) -> str:
        # Click writes x<=None for a range without bounds.
        return "" if self.min is None and self.max is None else super()._describe_range()


class Whole(click.IntRange):
    """A whole number within a range; unlike :class:`click.IntRange` one that programs can hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Reads the number."""
        number = super().convert(value, param, ctx)
        if number > _LARGEST:
            self.fail(f"{value} is larger than {_LARGEST:,}.", param, ctx)
        return number


def counted(number: int, noun: str) -> str:
    """Writes a number with its noun, in the plural where it is not 1."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


class Elements(click.ParamType):
    """Element symbols, separated by commas, hyphens or blanks, in any case."""

    name = "elements"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Reads the symbols."""
        if isinstance(value, tuple):
            return value
        words = re.split(r"[,\s-]+", value.strip(" ,-"))
        symbols = tuple(dict.fromkeys(word.capitalize() for word in words if word))
        if not symbols:
            self.fail("names no element; write e.g. Li,O", param, ctx)
        return symbols


def all_symbols(parts: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Joins the lists of an option of :class:`Elements` that was given several times."""
    return tuple(dict.fromkeys(symbol for part in parts for symbol in part))


class Range(click.ParamType):
    """A whole number, or two with a hyphen between them."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Reads the first and the last number."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", value.strip())
        if match is None:
            self.fail(f"{value!r} is no range; write e.g. 3 or 2-4", param, ctx)
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            self.fail(f"{value!r} begins with the larger number; write {last}-{first}", param, ctx)
        return first, last


def refuse_given(context: click.Context, names: Collection[str], kind: str) -> None:
    """Refuses options that would have no effect.

    Args:
        context: Of the command.
        names: Arguments that none of the options given may be.
        kind: What they are for.
    """
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
        if parameter.name in names and given:
            raise click.UsageError(f"{parameter.opts[0]} is for {kind}; leave it out")


def with_options(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a decorator that adds options, in the order of the help text."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class ShardType(click.ParamType):
    """A shard and how many there are, ``i/n``."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Reads both numbers."""
        from tfmat.work.shards import Shard

        return value if isinstance(value, Shard) else Shard.parse(value)


shard_option = click.option(
    "--shard",
    type=ShardType(),
    metavar="I/N",
    help="Do only part I of N of the work, 1/N to N/N; tfmat merge joins the parts.",
)


def no_shard_option(why: str) -> Callable[..., Any]:
    """Adds ``--shard`` to a command that cannot be split, to say why.

    Args:
        why: Ends the message.
    """

    def refuse(_: click.Context, __: click.Parameter, value: object) -> None:
        if value is not None:
            raise click.UsageError(f"--shard: {why}")

    return click.option("--shard", hidden=True, expose_value=False, callback=refuse)


# What says how stable a structure is.
potential_options = with_options(
    click.option(
        "--potential",
        default="chgnet",
        show_default=True,
        help="chgnet, sevennet (slower, tells polymorphs apart better), sevennet-0, or emt (seven "
        "metals; to try the command out).",
    ),
    click.option(
        "--calculator",
        metavar="MODULE:CLASS",
        help="Any ASE calculator, in place of --potential; made without arguments.",
    ),
)

# How structures are read from a SOURCE.
reading_options = with_options(
    click.option(
        "--format",
        "form",
        type=click.Choice(["csv", "extxyz", "folder", "json"]),
        help="Form of SOURCE; found from its content by default.",
    ),
    click.option("--structure", metavar="COLUMN", help="Column or key that holds the structures."),
    click.option(
        "--id", "identifier", metavar="COLUMN", help="Column or key that holds identifiers."
    ),
)

# How smact judges formulas.
validity_options = with_options(
    click.option(
        "--oxidation-states",
        type=click.Choice(_SETS),
        default="smact14",
        show_default=True,
        help="Oxidation states of smact's check; smact14 is the paper's.",
    ),
    click.option(
        "--alloys/--no-alloys",
        default=False,
        help="Count formulas of metals alone as valid. [default: no-alloys, as the paper]",
    ),
)


def _skip(ctx: click.Context, _: click.Parameter, verify: bool) -> None:
    from tfmat.checksums import skipped

    if not verify:
        ctx.with_resource(skipped())


# For every command that reads a dataset, a run or a package.
verify_option = click.option(
    "--verify/--no-verify",
    default=True,
    expose_value=False,
    callback=_skip,
    help="Compare the files that are read with their stored hashes.  [default: verify]",
)


def model_option(shipped: str) -> Callable[..., Any]:
    """Adds ``--model``; by default the package of that name, which ships with tfmat."""
    return click.option(
        "--model",
        default=shipped,
        show_default=True,
        metavar="RUN|PACKAGE|NAME",
        shell_complete=complete_model,
        help="Run, model package or its name.",
    )


models_dir_option = click.option(
    "--models-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder to search first for a name.",
)

seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    default=0,
    show_default=True,
    help="Seed of the noise.",
)

threads_option = click.option("--threads", type=THREADS, help="Cores to work on.  [default: all]")

PRECISIONS = click.Choice(["float32", "float16", "int8"])

precision_option = click.option(
    "--precision",
    type=PRECISIONS,
    help="Which form of the model's ONNX files to run.  [default: the most exact there]",
)


decoding_mode = click.option(
    "--mode",
    type=click.Choice(["robust", "faithful"]),
    default="robust",
    show_default=True,
    help="How voxels are decoded: noise-tolerant, or as the original program did.",
)


def figures_option(default: str) -> Callable[..., Any]:
    """Adds ``--figures/--no-figures``.

    Args:
        default: When pictures are drawn if neither is given, for the help text.
    """
    return click.option(
        "--figures/--no-figures",
        default=None,
        help=f"Draw pictures (PNG, SVG) of the results.  [default: {default}]",
    )


# For commands that print their results and write no folder.
figures_into = click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Draw a picture (PNG, SVG) of the results into this folder.",
)


def named_data(words: tuple[str, ...], option: str = "--against") -> dict[str, str]:
    """Reads the values of an option ``--against [NAME=]DATA`` that may be given several times.

    Args:
        words: The values; without a name the last part of DATA's path is taken.
        option: Which option, for messages.

    Returns:
        DATA by name.

    Raises:
        InputError: A name or DATA is missing, or a name stands for two.
    """
    from tfmat.errors import InputError

    found: dict[str, str] = {}
    for word in words:
        name, equals, data = word.partition("=")
        if not equals or Path(word).exists():
            name, data = Path(word).name, word
        if not name or not data:
            raise InputError(f"{option} {word}: write it as NAME=DATA, e.g. {option} mp=data/mp")
        if name in found:
            raise InputError(f"{option} {word}: {name!r} is given twice; give each list a name")
        found[name] = data
    return found
