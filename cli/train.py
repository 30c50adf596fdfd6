"""``tfmat train``: one chain, or one of its stages."""

from __future__ import annotations

import importlib
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfmat import families
from tfmat.family import Family, Target

from .complete import complete_data, complete_recipe, complete_setting
from .examples import examples
from .options import THREADS, Finite, Whole, figures_option, verify_option, with_options
from .stopping import TerminatedError

if TYPE_CHECKING:
    from tfmat.training.strategy import Devices


class _Targets(click.Group):
    """One command for each target of each family that is there."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of all targets."""
        return list(families.targets())

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Returns the command of a target."""
        found = families.targets().get(name)
        return _make(*found) if found else None


@click.group(
    cls=_Targets,
    epilog=examples(
        "tfmat train ccdcgan --out runs/quickstart",
        "tfmat train matgan --out runs/formulas",
    ),
)
def train() -> None:
    """Train a chain or one of its stages.

    A stage trains what it needs before it, unless the run has it already or --from gives it.
    """


def _make(family: Family, target: Target) -> click.Command:
    own = importlib.import_module(family.training_options) if family.training_options else None
    add_own: Callable[..., Callable[..., Any]] = own.options(target.name) if own else with_options()

    @click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder.")
    @click.option(
        "--recipe",
        shell_complete=complete_recipe,
        help=f"Recipe by name or TOML file; see tfmat recipes list.  [default: {target.recipe}]",
    )
    @click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        shell_complete=complete_setting(family.name),
        help="Change the recipe; tfmat recipes show says what its keys mean.",
    )
    @click.option(
        "--data",
        shell_complete=complete_data,
        help="Dataset by name or folder, in place of the recipe's.",
    )
    @add_own
    @click.option("--seed", type=Whole(0), help="Seed of everything random.  [default: 0]")
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
        help="Devices: one, all GPUs of this machine, or those of all processes in TF_CONFIG.",
    )
    @click.option("--threads", type=THREADS, help="CPU threads.  [default: all cores]")
    @click.option(
        "--minutes",
        type=Finite(min=0, min_open=True),
        help="Stop, with a checkpoint, before so many minutes are over (exit code 75).",
    )
    @figures_option("figures, in the run folder")
    @click.option("--overwrite", is_flag=True, help="Replace the run that is there.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
    @verify_option
    def command(**options: Any) -> int:
        if own:
            options["settings"] = [*own.settings(target.name, options), *options["settings"]]
        return _run(family, target, **options)

    command.__doc__ = target.help
    kind: type[click.Command] = own.Command if own else click.Command
    start = f"tfmat train {target.name} --out runs/{target.name}"
    return click.command(
        target.name,
        cls=kind,
        help=target.help,
        short_help=target.help,
        epilog=examples(start, f"{start} --resume"),
    )(command)


def _run(
    family: Family,
    target: Target,
    *,
    strategy: str,
    threads: int | None,
    as_json: bool,
    figures: bool | None,
    **options: Any,
) -> int:
    from tfmat.training.quiet import load_keras, prepare_keras
    from tfmat.training.strategy import check_name, choose

    cluster = check_name(strategy)
    prepare_keras(threads)
    from tfmat.training.chain import Order
    from tfmat.training.chain import train as train_chain

    order = Order(target.name, **options)

    def start() -> Devices:
        load_keras(threads)  # takes seconds, so only once the order is known to be right
        return choose(strategy)

    def export(*words: Any) -> list[str]:
        from tfmat.release.exporting import write_light  # with TensorFlow

        return write_light(*words)

    try:
        summary = train_chain(
            family.chain(), order, start, lambda line: click.echo(line, err=True), export
        )
    except (KeyboardInterrupt, TerminatedError) as stop:
        if not (order.out / "run.json").is_file():
            raise
        # `click.echo` of the terminal's ^C line ends it first.
        click.echo(err=True)
        what = "terminated" if isinstance(stop, TerminatedError) else "interrupted"
        click.echo(
            f"tfmat: {what}; go on with: tfmat train {target.name} "
            f"--out {shlex.quote(str(order.out))} --resume",
            err=True,
        )
        return int(stop.code or 1) if isinstance(stop, TerminatedError) else 130
    if cluster.index:
        click.echo(f"worker {cluster.index} of {cluster.size}: done", err=True)
        return 0
    if figures is not False:
        from tfmat.figures.run import draw_run

        draw_run(family, order.out)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
    else:
        click.echo(f"trained in {summary['seconds']:.0f} s: {summary['run']}")
        if target.generate and summary["generates"]:
            click.echo(
                f"generate: tfmat generate {target.name} --model {summary['run']} {target.generate}"
            )
    return 0
