"""``tfmat evaluate compositions``: validity, uniqueness, novelty and recovery of formulas."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .examples import examples
from .options import (
    Whole,
    figures_into,
    named_data,
    no_shard_option,
    validity_options,
    verify_option,
)


@click.command(
    short_help="Judge formulas: validity, uniqueness, novelty, recovery, baselines.",
    epilog=examples(
        "tfmat evaluate compositions generated-matgan.csv --train formulas",
        "tfmat evaluate compositions my-formulas.csv --train formulas --baselines -n 1000",
    ),
)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@validity_options
@click.option("--train", metavar="DATA", help="The training formulas: a file, dataset or its name.")
@click.option("--holdout", metavar="DATA", help="Formulas that the training has not seen.")
@click.option(
    "--run",
    metavar="RUN",
    help="A run of `tfmat train matgan`: the formulas that it trained on and held out, unless "
    "--train or --holdout say otherwise.",
)
@click.option(
    "--against",
    metavar="[NAME=]DATA",
    multiple=True,
    help="Count novel formulas that this list confirms; may be given again.",
)
@click.option(
    "--baselines",
    is_flag=True,
    help="Measure beside them random formulas, independent marginals and same-group substitution; "
    "the training set itself always stands beside them.",
)
@click.option(
    "-n",
    "--number",
    type=click.IntRange(1, 10_000_000),
    default=340_000,
    show_default=True,
    help="Formulas of each baseline.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    default=0,
    show_default=True,
    help="Seed of the baselines.",
)
@click.option(
    "--at",
    metavar="N",
    multiple=True,
    type=Whole(1),
    help="Also give uniqueness and recovery after N samples; may be given again.",
)
@click.option(
    "--column",
    metavar="COLUMN",
    help="Column of each FILE that holds the formulas; found by its usual names by default.",
)
@click.option(
    "--energy-model",
    metavar="RUN|PACKAGE|NAME",
    help="An ElemNet (tfmat train elemnet): predict the formation energies of distinct balanced "
    "formulas.",
)
@click.option(
    "--energy-element",
    metavar="SYMBOL",
    default="Li",
    show_default=True,
    help="With --energy-model: element that these formulas have; '' for all formulas.",
)
@click.option(
    "--autoencoder",
    metavar="RUN|PACKAGE|NAME",
    help="A composition autoencoder (tfmat train composition-ae): which training and held-out "
    "formulas it decodes, and whether the others are among those of each FILE.",
)
@click.option(
    "--map-sample",
    type=Whole(0),
    default=0,
    metavar="N",
    help="With --figures: maps by t-SNE of N formulas of each set (needs scikit-learn, in "
    "[train]).  [default: no maps]",
)
@figures_into
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@no_shard_option("uniqueness and recovery are of all formulas; give them all, merged")
@verify_option
def compositions(
    files: tuple[str, ...],
    oxidation_states: str,
    alloys: bool,
    train: str | None,
    holdout: str | None,
    run: str | None,
    against: tuple[str, ...],
    baselines: bool,
    number: int,
    seed: int,
    at: tuple[int, ...],
    column: str | None,
    energy_model: str | None,
    energy_element: str,
    autoencoder: str | None,
    map_sample: int,
    figures: Path | None,
    as_json: bool,
) -> None:
    """Judge the formulas of each FILE and print them side by side.

    FILE is a table (CSV, TSV, JSON, text with one formula a line, Parquet; also gzipped), a dataset
    of compositions, or the name of one that ships with tfmat. A column times_generated, as `tfmat
    generate matgan` writes it, says how many samples a row stands for. Charge neutrality and
    electronegativity balance are those of smact 4.0.2; every rate says what it is a share of.
    """
    from tfmat.errors import InputError
    from tfmat.evaluation.formulas.evaluate import evaluate_compositions
    from tfmat.evaluation.formulas.table import render

    if not files and not baselines:
        raise InputError("give a FILE of formulas to judge, or --baselines")
    summary = evaluate_compositions(
        {name: Path(file) for file, name in zip(files, _names(files), strict=True)},
        oxidation_states=oxidation_states,
        alloys=alloys,
        train=train,
        holdout=holdout,
        run=run,
        against=named_data(against),
        baselines=baselines,
        number=number,
        seed=seed,
        at=at,
        column=column,
        energy_model=energy_model,
        energy_element=energy_element,
        autoencoder=autoencoder,
        figures=figures,
        map_sample=map_sample,
    )
    click.echo(json.dumps(summary, ensure_ascii=False) if as_json else render(summary))


def _names(files: tuple[str, ...]) -> list[str]:
    """Returns a name for each file: the last part of its path where that tells it apart."""
    short = [Path(file).name or file for file in files]
    return [
        name if short.count(name) == 1 else file for file, name in zip(files, short, strict=True)
    ]
