"""``tfmat data augment`` and ``merge``: more structures for a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .data_build import settings_options, system_symbols
from .examples import examples
from .options import Elements, verify_option
from .stopping import goes_on

_AFLOW = "aflow"


@click.command(
    epilog=examples(
        "tfmat data augment data/mine --system Ag-Au --potential emt --out data/more",
        "tfmat data augment bi-se --system Sb-Te --relabel system --out data/bi-se-sb-te",
    ),
)
@click.argument("data", metavar="DATA")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Dataset to write.")
@click.option("--system", metavar="A-B", help="Two to four elements with dashes, e.g. Co-Hf.")
@click.option("--elements", type=Elements(), metavar="A,B", help="The same with commas.")
@click.option(
    "--prototypes",
    metavar="DIR|aflow",
    help="Structures to fill: a dataset, or AFLOW's.  [default: DATA's own with as many elements]",
)
@click.option(
    "--relabel",
    "relabelled",
    type=click.Choice(["none", "system", "all"]),
    default="none",
    show_default=True,
    help="Compute these energies of DATA again with the potential, so that they are on its scale.",
)
@settings_options
@verify_option
@goes_on
def augment(
    data: str,
    out: Path,
    system: str | None,
    elements: tuple[str, ...] | None,
    prototypes: str | None,
    relabelled: str,
    potential: str,
    calculator: str | None,
    workers: int,
    overwrite: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Add hypothetical structures of one system to DATA and write the whole to --out.

    They are made by substitution as `tfmat data build` makes them and labelled with the same
    potential; what DATA has already is left out. The property `hypothetical` tells them
    apart. A call that was interrupted goes on when the same command is given again.
    """
    from tfmat.datasets.folders import STRUCTURES, resolve
    from tfmat.metric import find, read_metrics
    from tfmat.relaxation.databases.augment import augment as augment_dataset
    from tfmat.relaxation.databases.labelling import LabellingSettings
    from tfmat.relaxation.potentials.other import choose_potential

    symbols = system_symbols(system, elements)
    folder = resolve(data, STRUCTURES)
    source = folder if prototypes is None else Path(prototypes)
    summary = augment_dataset(
        folder,
        out,
        symbols,
        LabellingSettings(**settings),
        prototype_data=None if prototypes == _AFLOW else source,
        relabelled=relabelled,
        workers=workers,
        overwrite=overwrite,
        factory=choose_potential(potential, calculator).factory_for(symbols),
    )
    if summary["warning"]:
        click.echo(f"warning: {summary['warning']}", err=True)
    if as_json:
        click.echo(json.dumps({"dataset": str(out), **summary}))
        return
    metrics = read_metrics(summary)
    low, high = (
        find(metrics, f"{kind}_formation_energy_per_atom").number()
        for kind in ("minimum", "maximum")
    )
    negative = find(metrics, "negative", structures="originals")
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in summary["rejected"].items())
    lines = [
        f"{out}: {summary['structures']:,} structures, {summary['added']:,} of them new "
        f"({summary['kept']:,} originals, {summary['copies']:,} copies) from "
        f"{summary['candidates']:,} candidates",
        f"rejected: {rejected or 'none'}",
        f"formation energy of the new ones: {low} to {high} eV/atom; {negative.percent()} of the "
        "distinct ones below zero",
    ]
    if relabelled != "none":
        lines.append(
            f"relabelled: {summary['relabelled']:,} of DATA "
            f"({summary['relabelling_failed']:,} failed)"
        )
    click.echo("\n".join(lines))


@click.command(
    epilog=examples(
        "tfmat data merge data/cu-au data/mine --out data/both",
        "tfmat data merge bi-se data/mine --duplicates id --out data/all",
    ),
)
@click.argument("parts", metavar="DATA DATA...", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Dataset to write.")
@click.option(
    "--duplicates",
    type=click.Choice(["keep", "id", "structure"]),
    default="keep",
    show_default=True,
    help="Structures that an earlier dataset has: keep them, or drop those of the same id or the "
    "same structure (pymatgen's StructureMatcher).",
)
@click.option("--overwrite", is_flag=True, help="Replace the dataset that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@verify_option
def merge(
    parts: tuple[str, ...], out: Path, duplicates: str, overwrite: bool, as_json: bool
) -> None:
    """Put the structures of several datasets together in --out.

    Rows keep their order and properties; what a dataset does not know stays unknown.
    """
    from tfmat.datasets.folders import STRUCTURES, resolve
    from tfmat.datasets.merge import merge as merge_datasets

    folders = [resolve(part, STRUCTURES) for part in parts]
    summary = merge_datasets(folders, out, duplicates=duplicates, overwrite=overwrite)
    if summary["warning"]:
        click.echo(f"warning: {summary['warning']}", err=True)
    if as_json:
        click.echo(json.dumps({"dataset": str(out), **summary}))
        return
    counts = " + ".join(f"{count:,}" for count in summary["kept"])
    click.echo(
        f"{out}: {summary['structures']:,} structures ({counts}), {summary['dropped']:,} "
        f"duplicates dropped, {summary['renamed_ids']:,} ids that came again renamed"
    )
