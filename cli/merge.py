"""``tfmat merge``: the results of shards become those of one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .examples import examples
from .options import counted, verify_option

if TYPE_CHECKING:
    from tfmat.merging import Merged


@click.command(
    short_help="Join the results of shards.",
    epilog=examples(
        "tfmat merge part-1.csv part-2.csv --out whole.csv",
        "tfmat merge shards/1.csv shards/2.csv --out joined.csv --json",
    ),
)
@click.argument(
    "shards", nargs=-1, required=True, metavar="SHARD...", type=click.Path(path_type=Path)
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Table or folder to write."
)
@click.option("--overwrite", is_flag=True, help="Replace the results that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def merge(shards: tuple[Path, ...], out: Path, overwrite: bool, as_json: bool) -> None:
    """Join what a command has written with --shard 1/N to N/N, in any order.

    --out becomes what one run without --shard writes, byte for byte but for the seconds it took.
    Shards of different runs are refused, and missing ones are named. Formulas that come in several
    shards are found in files, not in memory.
    """
    from tfmat.merging import merge as join

    merged = join(shards, out, overwrite=overwrite)
    if as_json:
        click.echo(
            json.dumps({"out": str(out), **merged.summary}, ensure_ascii=False, allow_nan=False)
        )
        return
    click.echo(joined(merged, out))


def joined(merged: Merged, out: Path) -> str:
    """Returns what to say of shards that were joined."""
    return f"{counted(merged.shards, 'shard')} of {merged.command} in {out}"
