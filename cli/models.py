"""``tfmat models``: which model packages are here, and whether they are whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

_MODELS_DIR = click.option(
    "--models-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to search first.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")


@click.group()
def models() -> None:
    """List model packages, show one, or check that it is whole.

    A package is found by name in --models-dir, the folders of the environment variable
    TFMAT_MODELS, ./saved_models and the packages that came with tfmat, in that order.
    """


@models.command("list")
@_MODELS_DIR
@_JSON
def list_(models_dir: Path | None, as_json: bool) -> None:
    """List the packages that can be found by name."""
    from tfmat.errors import InputError
    from tfmat.inference.metadata import packages, read_metadata, search_folders

    rows: list[dict[str, Any]] = []
    for folder in packages(models_dir):
        row: dict[str, Any] = {"name": folder.name, "path": str(folder)}
        try:
            metadata = read_metadata(folder)
        except InputError as error:
            row["error"] = str(error)
        else:
            row |= {
                "family": metadata.get("family", ""),
                "elements": metadata.get("elements", []),
                "parts": list(metadata["parts"]),
                "parameters": sum(
                    entry.get("parameters", 0) for entry in metadata["parts"].values()
                ),
                "megabytes": round(
                    sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6,
                    1,
                ),
            }
        rows.append(row)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        if "error" in row:
            click.echo(f"{row['name']}  damaged: {row['error']}")
            continue
        elements = row["elements"]
        system = "-".join(elements) if len(elements) <= 6 else f"{len(elements)} elements"
        size = f"{row['parameters'] / 1e6:.2f} M parameters  {row['megabytes']} MB"
        click.echo(f"{row['name']}  {row['family']}  {system}  {size}  {row['path']}")
    if not rows:
        places = ", ".join(str(folder) for folder in search_folders(models_dir))
        click.echo(
            f"no model packages in {places}; train one with tfmat train ccdcgan or "
            "tfmat train matgan, or name a folder with --models-dir"
        )


@models.command(short_help="Print the metadata of a model as JSON.")
@click.argument("model")
@_MODELS_DIR
def show(model: str, models_dir: Path | None) -> None:
    """Print the metadata of MODEL, a name, package folder or run folder, as JSON."""
    from tfmat.inference.metadata import find, read_metadata

    click.echo(json.dumps(read_metadata(find(model, models_dir)), indent=2, ensure_ascii=False))


@models.command(short_help="Check that every file of a model is whole and loads.")
@click.argument("model")
@_MODELS_DIR
@_JSON
def verify(model: str, models_dir: Path | None, as_json: bool) -> None:
    """Check every file of MODEL against its SHA-256 and load every network."""
    from tfmat.inference.package import load

    package = load(model, models_dir=models_dir)
    for part in package.parts:
        package.session(part)
    if as_json:
        click.echo(json.dumps({"name": package.name, "parts": package.parts, "intact": True}))
    else:
        click.echo(f"{package.folder}: intact, {len(package.parts)} parts load")
