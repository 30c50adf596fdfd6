"""``tfmat launch``: shards of a command on many workers, joined in the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from .examples import examples
from .merge import joined
from .options import Whole
from .stopping import goes_on


@click.command(
    short_help="Make the shards of a command on many workers.",
    epilog=examples(
        "tfmat launch --config local.py --shards 4 -- generate matgan -n 100000 --out many.csv",
        "tfmat launch --config slurm.py --shards 64 -- generate ccdcgan -n 1000000 --out crystals",
    ),
)
@click.option(
    "--engine",
    type=click.Choice(["parsl"]),
    default="parsl",
    show_default=True,
    help="What runs the shards.",
)
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration of the engine; for Parsl Python that makes config, a parsl.Config (it is "
    "run).",
)
@click.option("--shards", required=True, type=click.IntRange(1, 1_000_000), help="How many.")
@click.option(
    "--tries",
    type=Whole(1),
    default=3,
    show_default=True,
    help="How often a shard that fails is begun at most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
@goes_on
def launch(
    engine: str, config: Path, shards: int, tries: int, as_json: bool, command: tuple[str, ...]
) -> None:
    """Make the shards of COMMAND on many workers, and join them.

    COMMAND is any that takes --shard, without it, e.g. generate matgan -n 100000000 --out all.csv.
    Its files have to lie where all workers see them. Shards that fail are begun again; a launch
    that was interrupted, or killed, goes on when the same command is given again.
    """
    from tfmat.launching.launch import launch as drive
    from tfmat.launching.with_parsl import parsl_engine

    words, out, overwrite = _read(command)
    chosen = {"parsl": parsl_engine}[engine](config)
    merged = drive(words, out, shards, chosen, tries=tries, overwrite=overwrite)
    if as_json:
        click.echo(
            json.dumps({"out": str(out), **merged.summary}, ensure_ascii=False, allow_nan=False)
        )
    else:
        click.echo(joined(merged, out))


def _read(words: Sequence[str]) -> tuple[list[str], Path, bool]:
    """Reads a command: its words, where it writes, and whether it replaces what is there."""
    from .main import tfmat as root

    command: click.Command = root
    rest = list(words[1:] if words[0] == "tfmat" else words)
    names = list(rest)
    context = click.Context(root, info_name="tfmat")
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None  # noqa: S101  (else it has raised)
        command, context = found, click.Context(found, context, name)
    if not any(one.name == "shard" and _takes(one) for one in command.params):
        raise click.UsageError(f"{context.command_path} has no --shard: launch a command that does")
    if "--" in rest:
        raise click.UsageError("COMMAND: leave out its --, options of the shards come behind it")
    # Its words are checked here, once, and not by every shard.
    with command.make_context(context.info_name, list(rest), context.parent) as read:
        given = read.params
    if given["shard"] is not None:
        raise click.UsageError("COMMAND: leave out its --shard, every shard gets its own")
    if given["out"] is None:
        raise click.UsageError("COMMAND: give it --out, where the whole goes")
    return names, given["out"], bool(given.get("overwrite"))


def _takes(parameter: click.Parameter) -> bool:
    """Tells whether an option is one for users, and none that says why it cannot be."""
    return not getattr(parameter, "hidden", False)
