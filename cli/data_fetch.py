"""``tfmat data fetch``: structures from databases into a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .examples import examples
from .main import LazyGroup
from .options import Elements, Finite, Range, Whole, all_symbols, with_options
from .stopping import goes_on

if TYPE_CHECKING:
    from tfmat.datasets.fetching.fetch import RemoteSource
    from tfmat.datasets.fetching.http import Pace


@click.group(
    epilog=examples(
        "tfmat data fetch optimade --provider oqmd --elements Bi,Se --out data/oqmd",
        "tfmat data fetch mp --elements Bi,Se --out data/mp",
    ),
    cls=LazyGroup,
    lazy={
        "mp": ("tfmat.cli.data_fetch", "mp", "From the Materials Project (needs a key)."),
        "optimade": ("tfmat.cli.data_fetch", "optimade", "From any OPTIMADE service (no key)."),
    },
)
def fetch() -> None:
    """Fetch structures from a database into a dataset.

    A fetch that was interrupted goes on when the same command is given again. Structures that
    are disordered or incomplete are listed with the reason in rejected.csv in the dataset.
    """


_what = with_options(
    click.option(
        "--elements",
        type=Elements(),
        multiple=True,
        help="Only these elements: the system with all its subsystems, e.g. Bi,Se.",
    ),
    click.option(
        "--containing",
        type=Elements(),
        multiple=True,
        help="All of these elements, whatever else there is.",
    ),
    click.option(
        "--nelements",
        "nelements",
        type=Range(),
        metavar="N[-M]",
        help="Number of different elements, e.g. 2 or 2-4.",
    ),
    click.option("--max-atoms", type=Whole(1), help="Keep cells with at most so many atoms."),
)
_THERMO_TYPES = click.Choice(["GGA_GGA+U_R2SCAN", "GGA_GGA+U", "R2SCAN"])
_thermo_type = click.option(
    "--thermo-type",
    type=_THERMO_TYPES,
    default="GGA_GGA+U_R2SCAN",
    show_default=True,
    help="Which energies of the Materials Project: its mixture, PBE(+U) or r2SCAN.",
)
_how = with_options(
    click.option(
        "--max-length",
        type=Finite(0, min_open=True),
        help="Keep structures whose Niggli cell has a, b, c up to this, in Å.",
    ),
    click.option("--limit", type=Whole(1), help="Fetch only so many structures."),
    click.option(
        "--rate",
        type=Finite(0, min_open=True),
        default=2.0,
        show_default=True,
        help="Most requests in a second.",
    ),
    click.option(
        "--timeout",
        type=Finite(0, min_open=True),
        default=180.0,
        show_default=True,
        help="Seconds within which each answer must be there, all of it.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0, 100),
        default=6,
        show_default=True,
        help="Further tries, with growing pauses, where a failure may be gone at the next.",
    ),
    click.option("--out", required=True, type=click.Path(path_type=Path), help="Dataset to make."),
    click.option("--overwrite", is_flag=True, help="Replace the dataset that is there."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON summary."),
)


@click.command(
    epilog=examples(
        "tfmat data fetch mp --elements Bi,Se --out data/mp",
        "tfmat data fetch mp --nelements 2-3 --max-atoms 20 --limit 1000 --out data/mp-small",
    ),
)
@_what
@_thermo_type
@click.option(
    "--gnome/--no-gnome",
    default=False,
    help="Also the structures of GNoME (not for commercial use).  [default: no-gnome]",
)
@click.option("--api-key", help="Key; better in the environment, as MP_API_KEY.")
@click.option(
    "--page-size",
    type=click.IntRange(1, 1000),
    default=500,
    show_default=True,
    help="Structures on a page.",
)
@_how
@goes_on
def mp(
    api_key: str | None,
    thermo_type: str,
    gnome: bool,
    page_size: int,
    **choices: Any,
) -> None:
    """Fetch from the Materials Project, through its own client.

    The key comes from MP_API_KEY (or PMG_MAPI_KEY, as pymatgen's users have it); it is written
    nowhere. Energies and band gaps come with the structures, and the date of creation.
    """
    from tfmat.datasets.fetching.materials_project import MaterialsProjectSource

    _check(choices, "mp_api", "mp")
    wanted = _wanted(choices, "--elements, --containing, --nelements, --max-atoms or --limit")
    source = MaterialsProjectSource(
        wanted,
        api_key=api_key,
        thermo_type=thermo_type,
        gnome=gnome,
        page_size=min(page_size, choices["limit"] or page_size),
        pace=_pace(choices),
    )
    _run(source, **choices)


@click.command(
    epilog=examples(
        "tfmat data fetch optimade --provider oqmd --elements Bi,Se --out data/oqmd",
        "tfmat data fetch optimade --provider alexandria --containing Li --limit 500 --out data/li",
    ),
)
@click.option(
    "--provider",
    required=True,
    metavar="NAME|URL",
    help="mp, oqmd, alexandria, alexandria-pbesol, or the address of a service.",
)
@click.option("--filter", "filter_text", default="", help="Condition in the language of OPTIMADE.")
@_what
@click.option(
    "--property",
    "properties",
    metavar="NAME=FIELD",
    multiple=True,
    help="Keep a field of numbers as property NAME; may be given again. A dot leads into a field.",
)
@_thermo_type
@click.option(
    "--page-size",
    type=Whole(1),
    default=100,
    show_default=True,
    help="Structures on a page.",
)
@_how
@click.pass_context
@goes_on
def optimade(
    context: click.Context,
    /,
    provider: str,
    filter_text: str,
    properties: tuple[str, ...],
    thermo_type: str,
    page_size: int,
    **choices: Any,
) -> None:
    """Fetch from an OPTIMADE service: Materials Project, OQMD, Alexandria or any other.

    --filter and the options that describe what to fetch must all be met. Formation energies,
    energies above the hull and band gaps come along where the service has them.
    """
    from tfmat.datasets.fetching.optimade import OptimadeSource

    _check(choices, "optimade", "optimade")
    given = context.get_parameter_source("thermo_type") is not ParameterSource.DEFAULT
    if given and provider != "mp":
        raise click.UsageError("--thermo-type is for --provider mp; leave it out")
    words = "--filter, --elements, --containing, --nelements, --max-atoms or --limit"
    wanted = _wanted(choices, words, given=bool(filter_text.strip()))
    source = OptimadeSource(
        provider,
        wanted,
        filter_text,
        properties=dict(map(_property, properties)),
        thermo_type=thermo_type,
        page_size=min(page_size, choices["limit"] or page_size),
        pace=_pace(choices),
    )
    _run(source, **choices)


def _wanted(choices: dict[str, Any], words: str, *, given: bool = False) -> Any:
    """Takes the options that describe the structures; a whole database is never meant."""
    from tfmat.datasets.fetching.query import Wanted

    wanted = Wanted(
        all_symbols(choices.pop("elements")),
        all_symbols(choices.pop("containing")),
        choices.pop("nelements"),
        choices["max_atoms"],
    )
    if not (wanted or given or choices["limit"]):
        raise click.UsageError(f"say what to fetch: {words}")
    return wanted


def _check(choices: dict[str, Any], module: str, extra: str) -> None:
    """Refuses, before a client is imported, what is missing or in the way."""
    from tfmat.datasets.folders import is_dataset
    from tfmat.errors import require_installed
    from tfmat.files import check_place

    require_installed(module, extra, f"tfmat data fetch {extra}")
    check_place(choices["out"], overwrite=choices["overwrite"], own=is_dataset)


def _pace(choices: dict[str, Any]) -> Pace:
    """Takes the options that say how fast and how patiently to ask."""
    from tfmat.datasets.fetching.http import Pace

    rate, timeout, retries = (choices.pop(name) for name in ("rate", "timeout", "retries"))
    return Pace(rate, timeout=timeout, retries=retries)


def _property(word: str) -> tuple[str, str]:
    from tfmat.datasets.stored import check_property_name

    name, _, field = word.partition("=")
    if not (name and field):
        raise click.BadParameter(f"{word!r}: give NAME=FIELD", param_hint="--property")
    check_property_name(name)
    return name, field


def _run(
    source: RemoteSource,
    *,
    out: Path,
    max_atoms: int | None,
    max_length: float | None,
    limit: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    from tfmat.datasets.fetching.fetch import FetchOptions
    from tfmat.datasets.fetching.fetch import fetch as fetch_dataset
    from tfmat.datasets.fetching.http import ServiceError

    options = FetchOptions(max_atoms, max_length, limit, overwrite)
    summary = fetch_dataset(source, out, options)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
    else:
        _print(summary, out)
    if summary["incomplete"]:
        raise ServiceError(
            f"{out}: incomplete: {summary['source']}: {summary['incomplete']}; what came is "
            "kept, fetch again later with --overwrite"
        )


def _print(summary: dict[str, Any], out: Path) -> None:
    version = summary["database"].get("version")
    click.echo(
        f"{summary['dataset']}: kept {summary['kept']:,} of {summary['read']:,} structures "
        f"({summary['atoms']:,} atoms) from {summary['source']}"
        + (f", version {version}" if version else "")
        + f", in {summary['seconds']:.1f} s"
    )
    if summary["rejected"]:
        click.echo(f"rejected {summary['rejected']:,}, see {out / 'rejected.csv'}:")
        for reason, count in summary["rejected_by_reason"].items():
            click.echo(f"  {count:>8,}  {reason}")
    for name, known in summary["properties"].items():
        click.echo(f"{name}: {known:,} known")
    for note in summary["notes"]:
        click.echo(f"note: {note}")
