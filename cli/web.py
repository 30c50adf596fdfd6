"""``tfmat web``: a page that generates crystals and formulas in the browser."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .examples import examples
from .options import models_dir_option, verify_option

_PORT = click.IntRange(0, 65_535)


@click.command(
    short_help="Write a page that generates in the browser.",
    epilog=examples(
        "tfmat web --package matgan-plus-oqmd --out site",
        "tfmat web --package matgan-plus-oqmd --package matgan-plus-icsd-filter --out both",
    ),
)
@click.option(
    "--package",
    "packages",
    multiple=True,
    required=True,
    help="A model of crystals or of formulas, by name or folder; may be given again.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--serve", is_flag=True, help="Then serve it on this machine, until Ctrl-C.")
@click.option("--port", type=_PORT, default=8080, show_default=True, help="Port of --serve.")
@models_dir_option
@click.option("--overwrite", is_flag=True, help="Replace the site that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def web(
    packages: tuple[str, ...],
    out: Path,
    serve: bool,
    port: int,
    models_dir: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write a static site whose page generates in the browser, without a server behind it.

    Any web server can host the folder. Nothing is sent anywhere: the networks run in the page. It
    works without a network after the first visit.
    """
    from tfmat.web.serving import HOST, server
    from tfmat.web.site import write_site

    summary = write_site(packages, out, models_dir=models_dir, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps({"out": str(out), **summary}))
    else:
        models = ", ".join(summary["models"])
        click.echo(f"{out}: {summary['files']} files, {summary['bytes'] / 1e6:.1f} MB ({models})")
    if serve:
        with server(out, port) as running:
            click.echo(f"http://{HOST}:{running.server_address[1]}/ (Ctrl-C ends)", err=True)
            running.serve_forever()
