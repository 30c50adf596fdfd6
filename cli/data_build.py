"""``tfmat data build``: a database of a binary system by substitution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .options import Finite


@click.command()
@click.argument("system", required=False)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Dataset to write.")
@click.option("--elements", nargs=2, metavar="A B", help="Two elements, in place of SYSTEM.")
@click.option(
    "--prototypes",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use the binaries of this dataset as prototypes, in place of AFLOW's.",
)
@click.option(
    "--relax/--no-relax", default=True, show_default=True, help="Relax after the volume scan."
)
@click.option(
    "--steps",
    default=100,
    show_default=True,
    type=click.IntRange(1),
    help="Most steps of a relaxation.",
)
@click.option(
    "--fmax",
    default=0.05,
    show_default=True,
    type=Finite(0, min_open=True),
    help="Largest force of a relaxed structure, eV/Å.",
)
@click.option(
    "--copies",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Strained and perturbed copies of each structure.",
)
@click.option(
    "--strain",
    default=0.03,
    show_default=True,
    type=Finite(0, 0.2),
    help="Largest component of a copy's strain.",
)
@click.option(
    "--displacement",
    default=0.1,
    show_default=True,
    type=Finite(0, 1),
    help="Largest displacement of a copy's atoms, Å.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the copies."
)
@click.option(
    "--max-atoms",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Largest number of atoms in a cell.",
)
@click.option(
    "--max-length",
    default=10.0,
    show_default=True,
    type=Finite(0, min_open=True),
    help="Largest a, b, c of the Niggli cell, Å.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def build(
    system: str | None,
    out: Path,
    elements: tuple[str, str] | None,
    prototypes: Path | None,
    workers: int,
    as_json: bool,
    **settings: Any,
) -> None:
    """Build a database of a binary SYSTEM, for example bi-se.

    Both elements are put into binary prototypes both ways round; the volume of lowest energy is
    found, atoms that clash, cells beyond the selection and duplicates are dropped, and formation
    energies are computed against the elements with the same potential (CHGNet). A build that was
    interrupted goes on when the same command is given again.
    """
    from tfmat.relaxation.build import build as build_dataset
    from tfmat.relaxation.labelling import Settings

    pair = _pair(system, elements)
    summary = build_dataset(
        out, pair, Settings(**settings), prototype_data=prototypes, workers=workers
    )
    if as_json:
        click.echo(json.dumps({"dataset": str(out), **summary}))
        return
    energies = summary["formation_energy_per_atom"]
    rejected = ", ".join(f"{count} {reason}" for reason, count in summary["rejected"].items())
    click.echo(
        f"{out}: {summary['structures']} structures ({summary['distinct']} distinct, "
        f"{summary['copies']} copies) from {summary['candidates']} candidates\n"
        f"rejected: {rejected or 'none'}\n"
        f"formation energy: {energies['minimum']:.3f} to {energies['maximum']:.3f} eV/atom, "
        f"{100 * energies['negative_fraction']:.1f}% below zero"
    )


def _pair(system: str | None, elements: tuple[str, str] | None) -> tuple[str, str]:
    if (system is None) == (elements is None):
        raise click.UsageError("name either a system (bi-se) or its --elements (Bi Se)")
    if elements is not None:
        return elements
    parts = (system or "").split("-")
    if len(parts) != 2:
        raise click.UsageError(f"system {system!r}: write two elements with a dash, as bi-se")
    return parts[0], parts[1]
