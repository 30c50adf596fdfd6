"""``tfmat report``: one page of what was made, which opens without a network."""

from __future__ import annotations

from pathlib import Path

import click

from .examples import examples
from .options import verify_option


@click.command(
    short_help="Show what was made on one page.",
    epilog=examples(
        "tfmat report generated-ccdcgan --out report.html",
        "tfmat report relaxed hull-of-mine --out candidates.html",
    ),
)
@click.argument("sources", metavar="RUN_OR_DIR...", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="HTML file to write.")
@click.option("--title", help="Head of the page.  [default: what was done last]")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Most candidates in the table; the best are kept.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Also copy the pictures (PNG, SVG) of these results, by the names of the papers' figures.",
)
@click.option("--overwrite", is_flag=True, help="Replace a page that is there.")
@verify_option
def report(
    sources: tuple[str, ...],
    out: Path,
    title: str | None,
    limit: int,
    figures: Path | None,
    overwrite: bool,
) -> None:
    """Show what was made on one page: numbers, charts, a table of candidates, turning crystals.

    RUN_OR_DIR is what `tfmat generate`, `screen`, `relax`, `evaluate hull`, `evaluate structures`
    or `train` wrote: a folder, or the table of `generate matgan`. Several of them are joined by the
    names of the structures. The page is one file, opens without a network, and asks none.
    """
    from tfmat.report.report import report as write

    place = write(sources, out, title=title, limit=limit, overwrite=overwrite)
    click.echo(f"{place}: {place.stat().st_size / 1e6:.1f} MB")
    if figures is not None:
        from tfmat.report.pictures import gather

        copies = gather([Path(source) for source in sources], figures)
        click.echo(f"{figures}: {len(copies)} pictures")
        if not copies:
            click.echo(
                "the commands that made these results drew none; give them --figures", err=True
            )
