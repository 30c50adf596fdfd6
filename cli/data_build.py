"""``tfmat data build``: a database of a system of elements by substitution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .examples import examples
from .options import Elements, Finite, Whole, potential_options, verify_option, with_options
from .stopping import goes_on

# Paper 004, "Data" and Methods: its Bi-Se database of 9,810 structures.
_PAPER_SYSTEM = {"Bi", "Se"}
_PAPER = {
    "relaxed": "10,981",
    "converged": "9,810 (89.3%)",
    "negative": "4,588 (46.8%)",
    "stable": "155 (1.56%)",
    "metastable": "707 (7.2%)",
}

# How hypothetical structures are made and labelled: of `tfmat data build` and `augment`.
settings_options = with_options(
    potential_options,
    click.option(
        "--relax/--no-relax", default=True, show_default=True, help="Relax after the volume scan."
    ),
    click.option(
        "--steps",
        default=500,
        show_default=True,
        type=Whole(1),
        help="Most steps of a relaxation.",
    ),
    click.option(
        "--fmax",
        default=0.05,
        show_default=True,
        type=Finite(0, min_open=True),
        help="Largest force of a relaxed structure, eV/Å.",
    ),
    click.option(
        "--symmetry/--no-symmetry",
        default=True,
        show_default=True,
        help="Keep the space group of each prototype while relaxing, as DFT programs do.",
    ),
    click.option(
        "--unconverged",
        type=click.Choice(["drop", "keep"]),
        default="drop",
        show_default=True,
        help="Structures that do not come to rest: the paper drops them.",
    ),
    click.option(
        "--duplicates",
        type=click.Choice(["drop", "keep"]),
        default="drop",
        show_default=True,
        help="Structures that become the same as another by relaxing.",
    ),
    click.option(
        "--limit",
        type=Whole(1),
        help="Label only so many candidates, drawn with --seed, to try a system out.",
    ),
    click.option(
        "--copies",
        default=0,
        show_default=True,
        type=Whole(0),
        help="Strained and perturbed copies of each structure.",
    ),
    click.option(
        "--strain",
        default=0.03,
        show_default=True,
        type=Finite(0, 0.2),
        help="Largest component of a copy's strain.",
    ),
    click.option(
        "--displacement",
        default=0.1,
        show_default=True,
        type=Finite(0, 1),
        help="Largest displacement of a copy's atoms, Å.",
    ),
    click.option("--workers", default=1, show_default=True, type=Whole(1), help="Processes."),
    click.option(
        "--seed",
        default=0,
        show_default=True,
        type=Whole(0),
        help="Seed of --limit and of the copies.",
    ),
    click.option(
        "--max-atoms",
        default=20,
        show_default=True,
        type=Whole(1),
        help="Largest number of atoms in a cell.",
    ),
    click.option(
        "--max-length",
        default=10.0,
        show_default=True,
        type=Finite(0, min_open=True),
        help="Largest a, b, c of the Niggli cell, Å.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the dataset that is there."),
    click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
)


@click.command(
    epilog=examples(
        "tfmat data build cu-au --potential emt --limit 20 --out data/cu-au",
        "tfmat data build ga-sb --workers 2 --out data/ga-sb",
    ),
)
@click.argument("system", required=False)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Dataset to write.")
@click.option(
    "--elements",
    type=Elements(),
    metavar="A,B",
    help="Two to four elements, in place of SYSTEM.",
)
@click.option(
    "--prototypes",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use the structures of this dataset that have as many elements as prototypes, in place "
    "of AFLOW's.",
)
@settings_options
@click.option(
    "--refine",
    metavar="POTENTIAL",
    help="Relax again with this potential (sevennet) what lies near the hull of the first; its "
    "energies count then, and those of the others are unknown.",
)
@click.option(
    "--within",
    default=0.15,
    show_default=True,
    type=Finite(0),
    help="How near for --refine, in eV/atom above the hull of the first potential.",
)
@click.option(
    "--starts",
    default=2,
    show_default=True,
    type=click.IntRange(1, 2),
    help="From where --refine relaxes: 1 is the first potential's end, 2 the filled prototype, "
    "too, which finds lower minima and costs four times as much.",
)
@verify_option
@goes_on
def build(
    system: str | None,
    out: Path,
    elements: tuple[str, ...] | None,
    prototypes: Path | None,
    potential: str,
    calculator: str | None,
    refine: str | None,
    within: float,
    starts: int,
    workers: int,
    overwrite: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Build a database of a SYSTEM of two to four elements, for example bi-se or cu-ag-au.

    The elements are put into prototypes in every order (two of them both ways round); the volume
    of lowest energy is found, atoms that clash, cells beyond the selection and duplicates are
    dropped, and formation energies are computed against the elements with the same potential. A
    build that was interrupted goes on when the same command is given again.
    """
    from tfmat.metric import find, read_metrics
    from tfmat.relaxation.databases.build import build as build_dataset
    from tfmat.relaxation.databases.labelling import LabellingSettings
    from tfmat.relaxation.databases.refining import Refinement
    from tfmat.relaxation.potentials.other import choose_potential

    symbols = system_symbols(system, elements)
    summary = build_dataset(
        out,
        symbols,
        LabellingSettings(**settings),
        prototype_data=prototypes,
        workers=workers,
        overwrite=overwrite,
        factory=choose_potential(potential, calculator).factory_for(symbols),
        refinement=(
            Refinement(choose_potential(refine, None).factory_for(symbols), within, starts)
            if refine
            else None
        ),
    )
    if as_json:
        click.echo(json.dumps({"dataset": str(out), **summary}))
        return
    metrics = read_metrics(summary)
    low, high = (
        find(metrics, f"{kind}_formation_energy_per_atom").number()
        for kind in ("minimum", "maximum")
    )
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in summary["rejected"].items())
    click.echo(
        f"{out}: {summary['structures']:,} structures ({summary['kept']:,} originals, "
        f"{summary['copies']:,} copies) from {summary['candidates']:,} candidates\n"
        f"rejected: {rejected or 'none'}\n"
        f"formation energy: {low} to {high} eV/atom, "
        f"{find(metrics, 'negative').percent()} below zero"
        + (
            f", of the {summary['refined']['kept']:,} relaxed again with {refine}"
            if "refined" in summary
            else ""
        )
    )
    paper = _PAPER if {symbol.capitalize() for symbol in symbols} == _PAPER_SYSTEM else {}
    click.echo("\n".join(count_lines(summary, paper)))


def system_symbols(system: str | None, elements: tuple[str, ...] | None) -> tuple[str, ...]:
    """Reads the elements of a system from either way to name them."""
    if (system is None) == (elements is None):
        raise click.UsageError("name either a system (bi-se) or its --elements (Bi,Se)")
    if elements is not None:
        return elements
    parts = (system or "").split("-")
    if len(parts) < 2 or not all(parts):
        raise click.UsageError(
            f"system {system!r}: write two to four elements with dashes, as bi-se"
        )
    return tuple(parts)


def count_lines(summary: Mapping[str, Any], paper: Mapping[str, str]) -> list[str]:
    """Writes the counts that paper 004 gives of its database, beside the paper's own.

    Args:
        summary: Of a build.
        paper: The paper's numbers, by the same keys; empty for another system.
    """
    from tfmat.metric import find, read_metrics

    metrics = read_metrics(summary)
    found = {
        metric.name: metric.counted(2)
        for metric in metrics
        if metric.name in ("negative", "stable", "metastable")
        and metric.subset == {"structures": "originals"}
    }
    converged = find(metrics, "converged")
    if converged.denominator:
        found |= {"relaxed": f"{converged.denominator:,}", "converged": converged.counted()}
    names = {
        "relaxed": "candidates to relax",
        "converged": "converged",
        "negative": "below 0 eV/atom",
        "stable": "stable (004): Ef < 0, hull + 0.10 eV/atom at most",
        "metastable": "metastable (004): Ef < 0, hull + 0.15 eV/atom at most",
    }
    lines = [f"{'':53}{'tfmat':>16}{'paper 004':>16}"] if paper else []
    for key, name in names.items():
        if key in found or key in paper:
            lacking = "not known" if key == "negative" else "not done"
            line = f"{name:53}{found.get(key, lacking):>16}"
            lines.append(line + (f"{paper[key]:>16}" if paper else ""))
    return lines
