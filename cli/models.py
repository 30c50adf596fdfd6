"""``tfmat models``: which model packages are here, and whether they are whole."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .complete import complete_model
from .examples import examples
from .options import Whole, models_dir_option

if TYPE_CHECKING:
    from tfmat.inference.verify import Verified

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")


@click.group(
    epilog=examples(
        "tfmat models list",
        "tfmat models show ccdcgan-bi-se",
    ),
)
def models() -> None:
    """List model packages, show one, or check that it is whole.

    A package is found by name in --models-dir, the folders of the environment variable
    TFMAT_MODELS, ./saved_models and the packages that came with tfmat, in that order.
    """


@models.command(
    "list",
    epilog=examples(
        "tfmat models list",
        "tfmat models list --models-dir saved_models --json",
    ),
)
@models_dir_option
@_JSON
def list_(models_dir: Path | None, as_json: bool) -> None:
    """List the packages that can be found by name, each once.

    Of another package of the same name the folder is said, by which it is reached.
    """
    from tfmat.errors import InputError
    from tfmat.inference.metadata import packages, read_metadata, search_folders

    from .model_text import listing, row

    rows: list[dict[str, Any]] = []
    for folder in packages(models_dir):
        # The first of equal names is the one that the name stands for.
        first = next((before for before in rows if before["name"] == folder.name), None)
        if first is not None:
            if not _same(Path(first["folder"]), folder):
                first["others"].append(str(folder))
            continue
        entry: dict[str, Any] = {"name": folder.name, "folder": str(folder), "others": []}
        try:
            entry |= row(folder, read_metadata(folder))
        except InputError as error:
            entry["error"] = str(error)
        except OSError as error:
            entry["error"] = f"{error.filename}: cannot be read ({error.strerror})"
        rows.append(entry)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for line in listing(rows):
        click.echo(line)
    if not rows:
        places = ", ".join(str(folder) for folder in search_folders(models_dir))
        click.echo(
            f"no model packages in {places}; train one with tfmat train ccdcgan or "
            "tfmat train matgan, or name a folder with --models-dir"
        )


def _same(one: Path, other: Path) -> bool:
    """Tells whether two packages are copies: their metadata hold the hashes of all files."""
    from tfmat.inference.metadata import METADATA

    contents = []
    for folder in (one, other):
        try:
            contents.append((folder / METADATA).read_bytes())
        except OSError:
            return False
    return contents[0] == contents[1]


@models.command(
    short_help="Say what a model is, holds and can do.",
    epilog=examples(
        "tfmat models show ccdcgan-bi-se",
        "tfmat models show runs/quickstart --json",
    ),
)
@click.argument("model", shell_complete=complete_model)
@models_dir_option
@_JSON
def show(model: str, models_dir: Path | None, as_json: bool) -> None:
    """Print what MODEL is: data, recipe, networks, metrics.

    MODEL is a name, a package folder or a run folder. With --json its whole metadata are printed.
    """
    from tfmat.inference.metadata import find, read_metadata

    from .model_text import description

    folder = find(model, models_dir, argument="model")
    metadata = read_metadata(folder)
    if as_json:
        click.echo(json.dumps(metadata, indent=2, ensure_ascii=False))
        return
    for line in description(folder, metadata):
        click.echo(line)


@models.command(
    "verify",
    short_help="Check that every file of a model is whole and runs.",
    epilog=examples(
        "tfmat models verify ccdcgan-bi-se",
        "tfmat models verify --all",
    ),
)
@click.argument("model", required=False, shell_complete=complete_model)
@click.option("--all", "everything", is_flag=True, help="Check all packages that are found.")
@models_dir_option
@_JSON
def verify_(model: str | None, everything: bool, models_dir: Path | None, as_json: bool) -> None:
    """Check every file of MODEL against its SHA-256, and run every network on two batches.

    Keras weights and SavedModels that a light copy lacks are named, and are no damage.
    """
    from tfmat.errors import InputError
    from tfmat.inference.metadata import find, packages
    from tfmat.inference.verify import verify

    if everything == (model is not None):
        raise InputError("give either the name or folder of one model, or --all")
    if model is not None:
        _print([_report(verify(find(model, models_dir, argument="model")))], as_json)
        return
    reports: list[dict[str, Any]] = []
    for folder in packages(models_dir):
        try:
            reports.append(_report(verify(folder)))
        except InputError as error:
            reports.append({"name": folder.name, "intact": False, "error": str(error)})
    _print(reports, as_json, many=True)
    damaged = [report["name"] for report in reports if not report["intact"]]
    if damaged:
        raise InputError(f"{len(damaged)} of {len(reports)} packages damaged: {', '.join(damaged)}")


@models.command(
    "add-domain",
    short_help="Add what bounds the predictions of an older model.",
    epilog=examples(
        "tfmat models add-domain runs/quickstart",
        "tfmat models add-domain runs/quickstart --data bi-se --json",
    ),
)
@click.argument("model")
@click.option("--data", metavar="DATASET", help="What it was trained on.  [default: by its name]")
@models_dir_option
@_JSON
def add_domain_(model: str, data: str | None, models_dir: Path | None, as_json: bool) -> None:
    """Measure the structures that MODEL has learned from and write their ranges into its metadata.

    New packages have them. By them tfmat generate says of which structures a predicted energy is
    to be believed, and which volumes per atom pass.
    """
    from tfmat.ccdcgan.add_domain import add_domain
    from tfmat.inference.metadata import find

    folder = find(model, models_dir, argument="model")
    record = add_domain(folder, data)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), **record}))
        return
    least, most = record["volume_per_atom"]
    click.echo(
        f"{folder}: {record['structures']:,} structures measured, {least:.4g} to {most:.4g} Å³/atom"
    )


@models.command(
    "add-prototypes",
    short_help="Give a model other known crystals as prototypes.",
    epilog=examples(
        "tfmat models add-prototypes ccdcgan-mp --prototypes bi-se --no-measure --out with-bi-se",
        "tfmat models add-prototypes ccdcgan-mp --samples 20 --out with-aflow",
    ),
)
@click.argument("model", shell_complete=complete_model)
@click.option(
    "--prototypes",
    metavar="DATASET",
    help="The structures of this dataset.  [default: the AFLOW prototypes in pymatgen]",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Package to write.")
@click.option(
    "--measure/--no-measure",
    default=True,
    help="Write what it generates into its metadata and card.  [default: measure]",
)
@click.option("--samples", type=Whole(1), help="Compositions to measure with.  [default: 1,000]")
@click.option("--overwrite", is_flag=True, help="Replace the package that is there.")
@models_dir_option
@_JSON
def add_prototypes_(
    model: str,
    prototypes: str | None,
    out: Path,
    measure: bool,
    samples: int | None,
    overwrite: bool,
    models_dir: Path | None,
    as_json: bool,
) -> None:
    """Write a copy of MODEL whose prototypes are other known crystals; its networks stay.

    Of the dataset that MODEL was trained on, what it has held out is left out.
    """
    from tfmat.ccdcgan.sources.add_prototypes import add_prototypes
    from tfmat.inference.metadata import find
    from tfmat.release.card import write_card
    from tfmat.release.measure import measure_generated

    folder = find(model, models_dir, argument="model")
    summary = add_prototypes(folder, out, prototypes, overwrite=overwrite)
    if measure:
        measure_generated(out, samples)
    write_card(out)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    origin = summary["prototypes"]
    click.echo(
        f"{summary['out']}: {origin['structures']:,} prototypes from {origin['name']}, "
        f"{summary['bytes'] / 1e6:.1f} MB"
    )


def _report(verified: Verified) -> dict[str, Any]:
    return {"intact": True, **asdict(verified), "folder": str(verified.folder)}


def _print(reports: list[dict[str, Any]], as_json: bool, many: bool = False) -> None:
    from tfmat.errors import printable

    if as_json:
        click.echo(json.dumps(reports if many else reports[0], ensure_ascii=False))
        return
    for report in reports:
        click.echo(printable(report["error"] if "error" in report else _sentence(report)))
    if not reports:
        click.echo("no model packages found")


def _sentence(report: dict[str, Any]) -> str:
    sentence = (
        f"{report['folder']}: intact, {report['files']} files, {report['networks']} networks of "
        f"{len(report['parts'])} parts run"
    )
    if report["absent"]:
        sentence += f"; absent: {', '.join(report['absent'])}"
    if not report["schema"]:
        sentence += "; metadata not checked against their schema (pip install jsonschema)"
    return sentence
