"""``tfmat serve``: files that put a model package behind TensorFlow Serving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .examples import examples
from .options import Whole, models_dir_option, verify_option

_PORT = click.IntRange(1, 65_535)


@click.command(
    short_help="Write files that put a model package behind TensorFlow Serving.",
    epilog=examples(
        "tfmat serve --package saved_models/mine --out served",
        "tfmat serve --package saved_models/mine --cpus 8 --overwrite --out served",
    ),
)
@click.option("--package", required=True, help="Name or folder of a model package.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option(
    "--part",
    "parts",
    multiple=True,
    help="A part to serve; may be given again.  [default: what generating needs]",
)
@click.option(
    "--version",
    type=click.IntRange(1, 2**63 - 1),
    default=1,
    show_default=True,
    help="Version that the models get on the server.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="IP address to be reached at; the server has no authentication.",
)
@click.option(
    "--rest-port", type=_PORT, default=8501, show_default=True, help="Port of REST there."
)
@click.option(
    "--grpc-port", type=_PORT, default=8500, show_default=True, help="Port of gRPC there."
)
@click.option(
    "--cpus",
    type=Whole(1),
    default=2,
    show_default=True,
    help="Cores that the server may use.",
)
@models_dir_option
@click.option("--overwrite", is_flag=True, help="Replace the folder that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def serve(package: str, out: Path, as_json: bool, **options: Any) -> None:
    """Write what a TensorFlow Serving of version 2.20 needs to serve a model package.

    Version directories with warm-up requests, models.config, batching parameters, compose.yaml,
    kubernetes.yaml and a smoke test. The server itself is the public image; nothing is started.
    """
    from tfmat.release.serving import write_serving
    from tfmat.release.serving_settings import Serving

    places = {key: options.pop(key) for key in ("models_dir", "overwrite")}
    summary = write_serving(package, out, Serving(**options), **places)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(
        f"{out}: version {summary['version']} of {', '.join(summary['models'])}, "
        f"{summary['bytes'] / 1e6:.1f} MB; there: docker compose up -d --wait && ./smoke.sh"
    )
