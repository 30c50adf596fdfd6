"""Datasets of compositions: their part of ``tfmat data import`` and ``tfmat data info``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from .options import validity_options

_RULES = ("none", "oqmd", "mp", "icsd", "icsd-filter", "bandgap")


def import_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of ``tfmat data import --kind compositions``."""
    for option in (
        click.option(
            "--valid-only",
            "--valid",
            "valid",
            is_flag=True,
            help="Formulas: keep only charge-neutral ones with balanced electronegativities.",
        ),
        click.option(
            "--column",
            "formula",
            metavar="COLUMN",
            help="Formulas: column that holds them; found by its usual names by default.",
        ),
        click.option(
            "--where",
            metavar="COLUMN=VALUE",
            multiple=True,
            help="Formulas: keep only rows in which the column has the value; may be given again.",
        ),
        click.option(
            "--rule",
            type=click.Choice(_RULES),
            default="none",
            show_default=True,
            help="Formulas: a selection of the MatGAN paper.",
        ),
    ):
        command = option(command)
    with_validity: Callable[..., Any] = validity_options(command)
    return with_validity


def run_import(
    source: Path,
    out: Path,
    properties: Mapping[str, str],
    *,
    oxidation_states: str,
    alloys: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Imports formulas and prints what every step of the selection removed."""
    from tfmat.datasets.summary import validity_line
    from tfmat.matgan.importing import CompositionOptions, import_compositions
    from tfmat.matgan.validity.checker import ValiditySettings

    validity = ValiditySettings(oxidation_states, alloys)
    options = CompositionOptions(properties=properties, validity=validity, **choices)
    summary = import_compositions(source, out, options)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(
        f"{summary['dataset']}: kept {summary['kept']:,} of {summary['read']:,} formulas "
        f"in {summary['seconds']:.1f} s (column {summary['formula_column']!r})"
    )
    if summary["unreadable"]:
        reasons = summary["unreadable_by_reason"].items()
        told = ", ".join(f"{reason} {count:,}" for reason, count in reasons)
        click.echo(f"  unreadable: {summary['unreadable']:,} ({told})")
    for step in summary["selection"]["steps"]:
        click.echo(f"  {step['name']}: {step['removed']:,} removed, {step['left']:,} left")
    if summary["rejected_by_reason"]:
        click.echo(f"every row left out, with its reason: {out / 'rejected.csv'}")
    click.echo(f"formation energy unknown (kept): {summary['unknown_energy']:,}")
    if summary["selection"]["valid"]:
        click.echo(f"validity by {validity_line(summary['selection']['valid'])}")
    for name, found in summary["properties"].items():
        line = f"{name} from column {found['column']!r}: {found['known']:,} known"
        if found["not_numbers"]:
            line += f"; no number in {found['not_numbers']:,} of the rows that were read"
        click.echo(line)


def describe(
    name: str, oxidation_states: str, alloys: bool
) -> tuple[dict[str, Any], Callable[..., str]]:
    """Describes a dataset of compositions, validity included.

    Args:
        name: Folder or shipped name.
        oxidation_states: Set of oxidation states.
        alloys: Whether formulas of metals alone pass.

    Returns:
        The description, and what writes it for the terminal.
    """
    from tfmat.datasets import composition_info
    from tfmat.datasets.composition_store import CompositionDataset
    from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings, rates
    from tfmat.metric import records

    dataset = CompositionDataset.open(name)
    checker = ValidityChecker(ValiditySettings(oxidation_states, alloys))
    found = composition_info.describe(dataset)
    found |= {
        "validity_settings": checker.settings.describe(),
        "metrics": records(rates(dataset.compositions, checker)),
    }
    return found, composition_info.render
