"""``tfmat predict`` with a package of ElemNet: formation energies of a list of formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import with_options

if TYPE_CHECKING:
    from tfmat.inference.package import NetworkSet

OPTIONS = with_options(
    click.argument("source", metavar="FILE", type=click.Path(path_type=Path)),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        default="energies.csv",
        show_default=True,
        help="New CSV file: formula and energy, in the order of FILE.",
    ),
    click.option(
        "--column",
        metavar="COLUMN",
        help="Column of FILE that holds the formulas; found by its usual names by default.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the table that is there."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON summary."),
)


def write_predicted(networks: NetworkSet, options: dict[str, Any]) -> None:
    """Predicts the energies of the formulas of a file.

    Args:
        networks: The package, on a server.
        options: Values of :data:`OPTIONS`.

    Raises:
        InputError: The words are wrong, or the file cannot be read.
    """
    from tfmat.elemnet.model import EnergyModel
    from tfmat.elemnet.table import check_out, write_energies
    from tfmat.metric import metric_of

    source, out = options["source"], options["out"]
    check_out(out, source, overwrite=options["overwrite"])
    summary = write_energies(EnergyModel(networks), source, out, options["column"])
    if options["as_json"]:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    predicted, below = (metric_of(summary, name) for name in ("predicted", "below_0"))
    click.echo(f"{predicted.counted()} formulas predicted in {out}")
    if predicted.numerator:
        average = metric_of(summary, "mean_predicted_formation_energy_per_atom")
        click.echo(f"mean {average.number()} eV/atom, {below.percent()} below 0")


write_here = write_predicted
"""The same with the package's own networks, without a server."""
