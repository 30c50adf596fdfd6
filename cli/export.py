"""``tfmat export``: a run as a model package that generates and serves elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .examples import examples
from .options import PRECISIONS, Whole, verify_option


@click.command(
    short_help="Write a run as a model package: ONNX, SavedModel, card.",
    epilog=examples(
        "tfmat export runs/quickstart --out saved_models/mine",
        "tfmat export runs/quickstart --out saved_models/small --precision float16 --no-measure",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of the model package."
)
@click.option("--name", help="Name of the package.  [default: that of the folder]")
@click.option(
    "--precision",
    type=PRECISIONS,
    multiple=True,
    default=["float32"],
    show_default=True,
    help="How the ONNX files store weights; may be given again. A network whose int8 form would "
    "change what is decoded is stored as float16 instead.",
)
@click.option(
    "--rewrite/--no-rewrite",
    default=True,
    help="Write the ONNX graphs as ONNX Runtime computes them fastest, with the same result.  "
    "[default: rewrite]",
)
@click.option(
    "--measure/--no-measure",
    default=True,
    help="Generate with the package, and write size, speed and what comes out into its metadata.  "
    "[default: measure]",
)
@click.option(
    "--samples",
    type=Whole(1),
    help="Noise vectors to measure with.  [default: 1,000 for structures, 100,000 for formulas]",
)
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
@click.option(
    "--encoders",
    metavar="RUN|PACKAGE|NAME",
    help="Add the encoders of another model, its decoders and what reads its crystal graphs "
    "(generators that write crystals).",
)
@click.option(
    "--note",
    "notes",
    multiple=True,
    metavar="TEXT",
    help="What users of the package should know of it, for its card; may be given again.",
)
@click.option(
    "--license",
    "licence",
    default="",
    metavar="ID",
    help="Licence of the weights, for the card, e.g. apache-2.0.  [default: not said]",
)
@click.option(
    "--data-license",
    "data_licence",
    default="",
    metavar="ID",
    help="Licence of the data, e.g. CC-BY-4.0.  [default: what the dataset says]",
)
@click.option(
    "--attribution",
    multiple=True,
    metavar="TEXT",
    help="Whom to cite for the data; may be given again.  [default: what the dataset says]",
)
@click.option("--overwrite", is_flag=True, help="Replace the package that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def export(run: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Write the networks of RUN, a run folder of tfmat train, as a model package."""
    from tfmat.release.exportable import check_exportable
    from tfmat.training.quiet import load_keras, prepare_keras

    prepare_keras(purpose="exporting a model")
    about = {
        "name": options["name"],
        "licence": options["licence"],
        "data_licence": options["data_licence"],
        "attribution": options["attribution"],
        "encoders": options["encoders"],
    }
    check_exportable(run, out, **about, overwrite=options["overwrite"])
    load_keras()  # takes seconds
    from tfmat.export.package import Formats
    from tfmat.release.exporting import export_run

    formats = Formats(
        saved_model=options["saved_model"], keras=options["keras"], rewrite=options["rewrite"]
    )
    summary = export_run(
        run,
        out,
        formats=formats,
        precisions=options["precision"],
        measured=options["measure"],
        samples=options["samples"],
        notes=options["notes"],
        **about,
        overwrite=options["overwrite"],
    )
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(
        f"{out}: {len(summary['parts'])} networks, {summary['bytes'] / 1e6:.1f} MB "
        f"({', '.join(summary['parts'])})"
    )
