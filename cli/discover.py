"""``tfmat discover``: from a wish to ranked candidates and a page."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .examples import examples
from .options import (
    Elements,
    Finite,
    Range,
    Whole,
    all_symbols,
    counted,
    models_dir_option,
    named_data,
    threads_option,
    verify_option,
)
from .stopping import goes_on

if TYPE_CHECKING:
    from tfmat.discovery.campaign import Campaign


@click.command(
    short_help="From a wish to ranked candidates.",
    epilog=examples(
        "tfmat discover --model ccdcgan-bi-se -n 200 --against bi-se --out campaign",
        "tfmat discover campaign/campaign.toml --out again",
    ),
)
@click.argument("campaign", required=False, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of all.")
@click.option("--model", help="Package, its name, or a run.  [default: ccdcgan-bi-se]")
@click.option(
    "--from",
    "structures",
    metavar="SOURCE",
    help="Structures that are there already, instead of generating any.",
)
@click.option(
    "--formulas",
    metavar="FILE",
    help="Formulas to make crystals of in turn: a table of tfmat generate matgan, or any list "
    "(models that draw a composition first, as ccdcgan-mp).",
)
@click.option(
    "-n",
    "--number",
    type=Whole(1),
    help="Crystals to begin.  [default: 100, or one for each of --formulas]",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of the noise.  [default: 0]")
@click.option("--system", type=Elements(), metavar="SYSTEM", help="Just these, e.g. Li-Mn-O.")
@click.option(
    "--elements", "--only", "elements", type=Elements(), metavar="LIST", help="Only these."
)
@click.option("--require", type=Elements(), metavar="LIST", help="These must be there.")
@click.option("--exclude", type=Elements(), metavar="LIST", help="None of these.")
@click.option("--formula", metavar="CELL", help="Content of the cell; with --z, a formula unit.")
@click.option("--z", type=Range(), metavar="N|N-M", help="So many formula units in the cell.")
@click.option("--n-elements", type=Range(), metavar="N|N-M", help="So many elements.")
@click.option("--min-atoms", type=Whole(1), help="Fewest atoms in the cell.")
@click.option("--max-atoms", type=Whole(1), help="Most atoms in the cell.")
@click.option(
    "--source",
    type=click.Choice(["pool", "prototype", "writer", "slot-gan"]),
    help="Where crystals come from (models that draw a composition first).",
)
@click.option(
    "--keep",
    type=Finite(0, 1, min_open=True),
    metavar="SHARE",
    help="Keep the better share, by the model's constraint (models that write crystals).",
)
@click.option(
    "--against",
    metavar="[NAME=]DATA",
    multiple=True,
    help="Known structures, for novelty and the hull; may be given again. Where their energies are "
    "of another potential, those of the candidates' systems are relaxed, too.  [default: what the "
    "model learned from, if it is here]",
)
@click.option("--any-charge", is_flag=True, default=None, help="Also what smact refuses.")
@click.option("--potential", help="chgnet, sevennet, sevennet-0 or emt.  [default: chgnet]")
@click.option("--calculator", metavar="MODULE:CLASS", help="Any ASE calculator instead.")
@click.option("--refine", metavar="POTENTIAL", help="Relax again what lies near the hull.")
@click.option("--within", type=Finite(0, min_open=True), help="How near, eV/atom. [default: 0.15]")
@click.option("--steps", type=Whole(0), help="Most steps of a relaxation.  [default: 500]")
@click.option("--fmax", type=Finite(0, min_open=True), help="Largest force, eV/Å. [default: 0.05]")
@click.option(
    "--known-limit",
    type=Whole(1),
    help="Most known structures to relax for the hull.  [default: 2000]",
)
@click.option(
    "--reach",
    type=Finite(0),
    help="Largest energy above the hull of a candidate, eV/atom.  [default: 0.1]",
)
@click.option(
    "--budget-minutes",
    "minutes",
    type=Finite(0, min_open=True),
    help="Time to relax candidates, lowest predicted energy first; the same command goes on.",
)
@click.option("--workers", default=1, show_default=True, type=Whole(1), help="Processes.")
@click.option("--overwrite", is_flag=True, help="Begin again, without what is there.")
@threads_option
@models_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
@goes_on
def discover(
    campaign: Path | None,
    out: Path,
    minutes: float | None,
    workers: int,
    overwrite: bool,
    threads: int | None,
    models_dir: Path | None,
    as_json: bool,
    **_: Any,
) -> None:
    """Generate, filter, relax and rank structures, and show them on one page.

    CAMPAIGN is a campaign.toml of an earlier campaign; options that are given go before it.

    --out gets a folder for each stage, which is what tfmat generate, evaluate structures, relax and
    evaluate hull write, campaign.toml with all settings, result/ with the ranked candidates, and
    report.html. A campaign that was interrupted goes on when the same command is given again.
    """
    from tfmat.discovery.campaign import Campaign, read_campaign
    from tfmat.discovery.discover import discover as run

    settings = Campaign() if campaign is None else read_campaign(campaign)
    settings = _with_options(settings, click.get_current_context())
    if campaign is None and not settings.judge.against and not settings.structures:
        against = _learned_from(settings.generate.model, models_dir)
        settings = replace(settings, judge=replace(settings.judge, against=against))
    summary = run(
        settings,
        out,
        minutes=minutes,
        workers=workers,
        threads=threads,
        models_dir=models_dir,
        overwrite=overwrite,
        say=lambda line: click.echo(line, err=True),
    )
    if as_json:
        click.echo(json.dumps({"out": str(out), **summary}, ensure_ascii=False, allow_nan=False))
        return
    click.echo(_text(out, summary))


def _learned_from(model: str, models_dir: Path | None) -> tuple[str, ...]:
    """Returns what a model learned from as a value of --against, if it is on this machine."""
    from tfmat.datasets.folders import shipped
    from tfmat.datasets.store import Dataset
    from tfmat.datasets.trained_on import trained_on
    from tfmat.inference.metadata import find, read_metadata

    folder = find(model, models_dir, argument="model")
    metadata = read_metadata(folder)
    if metadata["family"] != "ccdcgan":
        return ()  # which is said when the model is opened
    found = trained_on(metadata, folder)
    if not isinstance(found, Dataset):
        return ()
    name = Path(metadata["dataset"]["name"]).name
    return (f"{name}={name if name in shipped() else found.path}",)


def _with_options(settings: Campaign, context: click.Context) -> Campaign:
    """Returns the settings with the options that were given."""
    given: dict[str, Any] = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    for name in ("system", "elements", "require", "exclude"):
        if name in given:
            given[name] = all_symbols((given[name],))
    if "against" in given:
        given["against"] = tuple(
            f"{name}={data}" for name, data in named_data(given["against"]).items()
        )
    changed: dict[str, Any] = {}
    for field in fields(settings):
        part: Any = getattr(settings, field.name)
        # An option has the name of its key, in whichever table that is.
        if is_dataclass(getattr(settings, field.name)):
            own = {key.name: given[key.name] for key in fields(part) if key.name in given}
            changed[field.name] = replace(part, **own)
        elif field.name in given:
            changed[field.name] = given[field.name]
    return replace(settings, **changed)


def _text(out: Path, summary: dict[str, Any]) -> str:
    wide = max(len(step["step"]) for step in summary["funnel"])
    lines = []
    for step in summary["funnel"]:
        lost = "; ".join(f"{count:,} {reason}" for reason, count in step["lost"].items())
        line = f"{step['step']:<{wide}}  {step['left']:>7,}"
        lines.append(f"{line}   without: {lost}" if lost else line)
    lines += [f"warning: {warning}" for warning in summary["warnings"]]
    if summary["not_reached"]:
        left = summary["not_reached"]
        lines.append(f"{left:,} not relaxed yet; the same command goes on with them")
    ranked = counted(summary["candidates"], "candidate")
    lines.append(f"{ranked} in {out / 'result'}; see {out / 'report.html'}")
    return "\n".join(lines)
