"""``tfmat train``: one chain, or one of its stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tfmat.recipes.defaults import DEFAULTS

_HELP = {
    "lattice-ae": "Train the autoencoder of lattice voxels.",
    "sites-ae": "Train the autoencoder of sites voxels.",
    "constraint": "Train the network that predicts a property from a crystal graph.",
    "dcgan": "Train the GAN without a constraint.",
    "ccdcgan": "Train the whole chain: autoencoders, crystal graphs, constraint, GAN, export.",
    "matgan": "Train the GAN of compositions.",
    "composition-ae": "Train the autoencoder of compositions.",
}
_OF_FORMULAS = ("matgan", "composition-ae")
# How to generate with what a command trains.
_MAKES = {
    "dcgan": "-n 100 --out new",
    "ccdcgan": "-n 100 --out new",
    "matgan": "-n 100000 --out new.csv",
}


@click.group()
def train() -> None:
    """Train a chain or one of its stages.

    A stage trains what it needs before it, unless the run has it already or --from gives it.
    """


def _make(target: str) -> click.Command:
    @click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder.")
    @click.option("--recipe", help=f"Recipe by name or TOML file.  [default: {DEFAULTS[target]}]")
    @click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change the recipe."
    )
    @click.option("--data", help="Dataset by name or folder, in place of the recipe's.")
    @click.option("--seed", type=click.IntRange(0), help="Seed of everything random.  [default: 0]")
    @click.option("--resume", is_flag=True, help="Go on with the run in --out.")
    @click.option(
        "--from",
        "source",
        type=click.Path(path_type=Path),
        metavar="RUN",
        help="Reuse the finished stages of another run.",
    )
    @click.option(
        "--strategy",
        type=click.Choice(["auto", "one", "mirrored", "multiworker"]),
        default="auto",
        show_default=True,
        help="Devices: one, or all GPUs of this machine.",
    )
    @click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: all cores]")
    @click.option(
        "--minutes",
        type=click.FloatRange(min=0, min_open=True),
        help="Stop, with a checkpoint, before so many minutes are over (exit code 75).",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
    def command(**options: Any) -> int:
        return _run(target, **options)

    command.__doc__ = _HELP[target]
    return click.command(target, help=_HELP[target], short_help=_HELP[target])(command)


for _target in _HELP:
    train.add_command(_make(_target))


def _run(target: str, *, strategy: str, threads: int | None, as_json: bool, **options: Any) -> int:
    from tfmat.training.quiet import load_keras

    load_keras(threads)
    from tfmat.families import chain_of
    from tfmat.training.chain import Order
    from tfmat.training.chain import train as train_chain
    from tfmat.training.strategy import choose

    family = "matgan" if target in _OF_FORMULAS else "ccdcgan"
    order = Order(target, **options)
    try:
        summary = train_chain(
            chain_of(family), order, choose(strategy), lambda line: click.echo(line, err=True)
        )
    except KeyboardInterrupt:
        # `click.echo` of the terminal's ^C line ends it first.
        click.echo(err=True)
        click.echo(
            f"tfmat: interrupted; go on with: tfmat train {target} --out {order.out} --resume",
            err=True,
        )
        return 130
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
    else:
        click.echo(f"trained in {summary['seconds']:.0f} s: {summary['run']}")
        if target in _MAKES:
            click.echo(
                f"generate: tfmat generate {target} --model {summary['run']} {_MAKES[target]}"
            )
    return 0
