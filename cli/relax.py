"""``tfmat relax``: relaxed structures and their formation energies from a potential."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .examples import examples
from .options import (
    Finite,
    Whole,
    figures_option,
    potential_options,
    reading_options,
    shard_option,
    verify_option,
)
from .stopping import goes_on

if TYPE_CHECKING:
    from tfmat.work.shards import Shard


@click.command(
    epilog=examples(
        "tfmat relax generated-ccdcgan --out relaxed-bi-se",
        "tfmat relax data/mine --potential emt --out relaxed",
    ),
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--overwrite", is_flag=True, help="Replace the results that are there.")
@click.option(
    "--steps",
    default=500,
    show_default=True,
    type=Whole(0),
    help="Most steps; 0 only computes the energies of the structures as they are.",
)
@click.option(
    "--fmax",
    default=0.05,
    show_default=True,
    type=Finite(0, min_open=True),
    help="Largest force of a relaxed structure, in eV/Å (cell gradients alike).",
)
@click.option("--fixed-cell", is_flag=True, help="Relax positions only.")
@click.option(
    "--symmetry/--no-symmetry",
    default=False,
    show_default=True,
    help="Keep the space group of each structure, as DFT programs do.",
)
@potential_options
@click.option("--workers", default=1, show_default=True, type=Whole(1), help="Processes.")
@click.option(
    "--within",
    type=Finite(0),
    help="Take only what lies at most so far above the hull of SOURCE's own formation energies, in "
    "eV/atom: to relax again, with a better potential, what another one relaxed.",
)
@click.option("--limit", type=Whole(1), help="Take only so many structures.")
@click.option(
    "--budget-minutes",
    "minutes",
    type=Finite(0, min_open=True),
    help="Begin nothing new after so many minutes and write what is done; the same command with "
    "--overwrite goes on from there.",
)
@reading_options
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the elements' energies.  [default: the user's cache, ~/.cache/tfmat]",
)
@figures_option("from 10 structures on")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@shard_option
@verify_option
@goes_on
def relax(
    source: Path,
    out: Path,
    overwrite: bool,
    steps: int,
    fmax: float,
    fixed_cell: bool,
    symmetry: bool,
    potential: str,
    calculator: str | None,
    workers: int,
    cache: Path | None,
    within: float | None,
    minutes: float | None,
    figures: bool | None,
    as_json: bool,
    shard: Shard | None,
    **reading: Any,
) -> None:
    """Relax the structures of SOURCE and compute their formation energies.

    SOURCE is a folder that tfmat generate wrote, a folder of CIF and POSCAR files, an extended XYZ
    file, a CSV file with a column of CIF texts, pymatgen JSON, or a dataset.

    --out becomes a dataset of the relaxed structures, with a table that compares each structure
    before and after (relaxation.csv), CIF files, and a card that says what the energies mean.
    Structures that fail are listed with the reason. A run that was interrupted goes on when the
    same command is given again.
    """
    from tfmat.datasets.importing import ImportOptions
    from tfmat.relaxation.potentials.other import choose_potential
    from tfmat.relaxation.relax_source import relax_source
    from tfmat.relaxation.relaxing import RelaxationSettings

    start = time.monotonic()
    summary = relax_source(
        source,
        out,
        choose_potential(potential, calculator),
        RelaxationSettings(steps=steps, fmax=fmax, cell=not fixed_cell, symmetry=symmetry),
        options=ImportOptions(**reading),
        workers=workers,
        cache=cache,
        within=within,
        minutes=minutes,
        overwrite=overwrite,
        command=_command(source, out, click.get_current_context()),
        figures=figures,
        shard=shard,
    )
    if as_json:
        seconds = round(time.monotonic() - start, 2)
        click.echo(json.dumps({"out": str(out), **summary, "seconds": seconds}, ensure_ascii=False))
        return
    click.echo(_text(out, summary))


# Options that bear on no structure.
_PASSING = {
    "source",
    "out",
    "overwrite",
    "workers",
    "cache",
    "minutes",
    "figures",
    "as_json",
    "shard",
}


def _command(source: Path, out: Path, context: click.Context) -> str:
    """Returns the command line with the options that bear on the result."""
    words = ["tfmat", "relax", source.name, "--out", out.name]
    for parameter in context.command.params:
        name = str(parameter.name)
        value = context.params.get(name)  # --no-verify has none
        bears = name not in _PASSING
        if not bears or value in (None, False) or value == parameter.default:
            continue
        words += [parameter.opts[0]] if value is True else [parameter.opts[0], str(value)]
    return shlex.join(words)


def _text(out: Path, summary: dict[str, Any]) -> str:
    from tfmat.metric import find, read_metrics, where

    total = summary["structures"]
    lines = [
        f"{out}: {total - summary['failed']:,} of {total:,} structures"
        + (f", {summary['converged']:,} converged" if not summary["static"] else "")
    ]
    lines += [f"  {count:,} failed: {reason}" for reason, count in summary["reasons"].items()]
    metrics = read_metrics(summary)
    if group := {metric.name: metric for metric in where(metrics, structures="relaxed")}:
        mean, median = (
            group[f"{kind}_delta_formation_energy_per_atom"].number() for kind in ("mean", "median")
        )
        lines += [
            f"change of formation energy: mean {mean}, median {median} eV/atom; "
            f"{group['small_change'].percent()} below 0.2",
            f"prototype kept: {find(metrics, 'kept_prototype').percent()}",
        ]
    low, high, mean = (
        find(metrics, f"{kind}_formation_energy_per_atom").number()
        for kind in ("minimum", "maximum", "mean")
    )
    lines.append(
        f"formation energy: {low} to {high}, mean {mean} eV/atom, "
        f"{find(metrics, 'negative').percent()} below zero"
    )
    return "\n".join(lines)
