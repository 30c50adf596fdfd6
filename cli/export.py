"""``tfmat export``: a run as a model package that generates and serves elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command(short_help="Write a run as a model package: ONNX, SavedModel, card.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of the model package."
)
@click.option("--name", help="Name of the package.  [default: that of the folder]")
@click.option(
    "--saved-model/--no-saved-model",
    default=True,
    help="Write SavedModels in TensorFlow Serving's layout.  [default: saved-model]",
)
@click.option(
    "--keras/--no-keras",
    default=True,
    help="Write the networks as .keras, without the optimiser's state.  [default: keras]",
)
@click.option("--overwrite", is_flag=True, help="Replace the package that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
def export(run: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Write the networks of RUN, a run folder of tfmat train, as a model package."""
    from tfmat.training.quiet import load_keras

    load_keras()
    from tfmat.export.package import Formats
    from tfmat.training.exporting import export_run

    formats = Formats(saved_model=options["saved_model"], keras=options["keras"])
    summary = export_run(
        run, out, name=options["name"], formats=formats, overwrite=options["overwrite"]
    )
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(
        f"{out}: {len(summary['parts'])} networks, {summary['bytes'] / 1e6:.1f} MB "
        f"({', '.join(summary['parts'])})"
    )
