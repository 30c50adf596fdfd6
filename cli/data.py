"""``tfmat data``: import structures or formulas into a dataset and look at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .complete import complete_data
from .data_compositions import import_options
from .examples import examples
from .main import LazyGroup
from .options import Finite, Whole, reading_options, refuse_given, validity_options, verify_option

# Options of `import` that only one kind of data has.
_STRUCTURES_ONLY = (
    "form",
    "structure",
    "identifier",
    "table",
    "max_atoms",
    "max_length",
    "energy_scale",
)
_COMPOSITIONS_ONLY = ("rule", "where", "formula", "valid", "oxidation_states", "alloys")


@click.group(
    epilog=examples(
        "tfmat data list",
        "tfmat data info formulas",
    ),
    cls=LazyGroup,
    lazy={
        "build": ("tfmat.cli.data_build", "build", "Build a database of a system from prototypes."),
        "augment": (
            "tfmat.cli.data_augment",
            "augment",
            "Add hypothetical structures of a system.",
        ),
        "merge": ("tfmat.cli.data_augment", "merge", "Put datasets together."),
        "import": ("tfmat.cli.data", "import_", "Import structures or formulas from files."),
        "fetch": ("tfmat.cli.data_fetch", "fetch", "Fetch structures from a database."),
        "enumerate": (
            "tfmat.cli.data_enumerate",
            "enumerate_",
            "Enumerate formulas and count the valid ones.",
        ),
        "split": ("tfmat.cli.data_split", "split", "Hold a part out, and check what leaks."),
        "list": ("tfmat.cli.data_list", "list_", "List datasets: those that ship, and yours."),
        "info": ("tfmat.cli.data", "info", "Describe a dataset."),
    },
)
def data() -> None:
    """Import, build and inspect datasets.

    A dataset is a folder of plain .npy columns with a record (metadata.json). Other commands
    take it with --data, by folder or, for one that ships with tfmat, by name.
    """


@click.command(
    "import",
    epilog=examples(
        "tfmat data import my-structures.csv --out data/mine",
        "tfmat data import my-formulas.csv --kind compositions --out data/my-formulas",
    ),
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Dataset to make.")
@click.option(
    "--kind",
    type=click.Choice(["structures", "compositions"]),
    default="structures",
    show_default=True,
    help="What SOURCE holds.",
)
@reading_options
@click.option(
    "--property",
    "properties",
    metavar="NAME[=COLUMN]",
    multiple=True,
    help="Keep a column of numbers as property NAME; may be given again. Formation energy, energy "
    "above the hull, band gap and energy per atom are found by their usual names.",
)
@click.option(
    "--table",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="For a folder: CSV file with properties; the only CSV file in it by default.",
)
@click.option("--max-atoms", type=Whole(1), help="Keep cells with at most so many atoms.")
@click.option(
    "--max-length",
    type=Finite(0, min_open=True),
    help="Keep structures whose Niggli cell has a, b, c up to this, in Å.",
)
@click.option("--limit", type=Whole(1), help="Read only so many rows.")
@click.option(
    "--energy-scale",
    metavar="TEXT",
    help="What the formation energies count from, e.g. 'MP legacy': commands that compare energies "
    "warn where two datasets differ in it.",
)
@click.option(
    "--license",
    "licence",
    default="",
    metavar="ID",
    help="Licence of the data as SPDX writes it, e.g. CC-BY-4.0.  [default: not said]",
)
@click.option(
    "--attribution",
    multiple=True,
    metavar="TEXT",
    help="Whom to cite for the data; may be given again.",
)
@click.option("--overwrite", is_flag=True, help="Replace the dataset that is there.")
@import_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@click.pass_context
def import_(
    context: click.Context,
    /,
    source: Path,
    out: Path,
    kind: str,
    as_json: bool,
    properties: tuple[str, ...],
    **choices: Any,
) -> None:
    """Import SOURCE into the dataset folder --out.

    Structures: SOURCE is a CSV file with a column of CIF texts, an extended XYZ file or pymatgen
    JSON (each also gzipped), a folder of CIF and POSCAR files, or another dataset. Without
    --max-atoms and --max-length every readable structure is kept.

    Compositions: SOURCE is a table with a column of formulas (CSV, TSV, JSON, Parquet; also
    gzipped), a text file with one formula a line, or another dataset of compositions. Of the rows
    of one formula the one with the lowest formation energy is kept.

    Rows that cannot be read or are not selected are listed with the reason in rejected.csv in the
    dataset; the rest is kept.
    """
    named = _properties(properties)
    if kind == "compositions":
        from .data_compositions import run_import

        choices = _without(context, choices, _STRUCTURES_ONLY, "structures (--kind structures)")
        run_import(source, out, named, as_json=as_json, **choices)
        return
    from tfmat.datasets.importing import ImportOptions, import_dataset

    choices = _without(context, choices, _COMPOSITIONS_ONLY, "formulas (--kind compositions)")
    summary = import_dataset(source, out, ImportOptions(properties=named, **choices))
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(
        f"{summary['dataset']}: kept {summary['kept']:,} of {summary['read']:,} structures "
        f"({summary['atoms']:,} atoms) in {summary['seconds']:.1f} s"
    )
    if summary["rejected"]:
        click.echo(f"rejected {summary['rejected']:,}, see {out / 'rejected.csv'}:")
        for reason, count in summary["rejected_by_reason"].items():
            click.echo(f"  {count:>8,}  {reason}")
    if summary["renamed_ids"]:
        click.echo(f"identifiers that came twice: {summary['renamed_ids']:,} got #2, #3, ...")
    if summary["files_of_one_name"]:
        click.echo(
            f"files of one name: {summary['files_of_one_name']:,} keep their endings in identifiers"
        )
    click.echo(f"identifiers from: {summary['id_column'] or 'file names, keys or row numbers'}")
    for name, found in summary["properties"].items():
        line = f"{name} from column {found['column']!r}: {found['known']:,} known"
        if found["not_numbers"]:
            kind = "date" if name == "created" else "number"
            line += f", {found['not_numbers']:,} no {kind} and so unknown"
        click.echo(line)
    if summary["columns_left_out"]:
        left = ", ".join(summary["columns_left_out"])
        click.echo(f"columns left out (keep numbers with --property): {left}")


def _without(
    context: click.Context, choices: dict[str, Any], others: tuple[str, ...], kind: str
) -> dict[str, Any]:
    """Takes away the options of the other kind, none of which may have been given."""
    refuse_given(context, others, kind)
    return {name: value for name, value in choices.items() if name not in others}


def _properties(words: tuple[str, ...]) -> dict[str, str]:
    """Returns the column of each property that is asked for."""
    columns: dict[str, str] = {}
    for word in words:
        name, sign, column = word.partition("=")
        if not name or (sign and not column):
            raise click.BadParameter(f"{word!r}: give NAME or NAME=COLUMN", param_hint="--property")
        if name in columns:
            raise click.BadParameter(f"{name!r} is given twice", param_hint="--property")
        columns[name] = column or name
    return columns


@click.command(
    epilog=examples(
        "tfmat data info bi-se",
        "tfmat data info data/mine --json",
    ),
)
@click.argument("dataset", metavar="DATASET", shell_complete=complete_data)
@click.option(
    "--max-atoms",
    type=Whole(1),
    default=20,
    show_default=True,
    help="Selection: most atoms in a cell.",
)
@click.option(
    "--max-length",
    type=Finite(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Selection: largest a, b, c of the Niggli cell, in Å.",
)
@validity_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON description.")
@click.pass_context
@verify_option
def info(context: click.Context, /, dataset: str, as_json: bool, **choices: Any) -> None:
    """Describe DATASET, a folder or the name of one that ships with tfmat.

    Of compositions it also says how many are valid by smact.
    """
    import shutil

    from tfmat.datasets.folders import kind_of

    if kind_of(dataset) == "compositions":
        from .data_compositions import describe

        choices = _without(context, choices, ("max_atoms", "max_length"), "structures")
        found, text = describe(dataset, **choices)
    else:
        choices = _without(context, choices, ("oxidation_states", "alloys"), "formulas")
        found, text = _describe_structures(dataset, **choices)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo(text(found, shutil.get_terminal_size().columns))


def _describe_structures(
    name: str, max_atoms: int, max_length: float
) -> tuple[dict[str, Any], Callable[..., str]]:
    from tfmat.datasets.info import describe, render
    from tfmat.datasets.store import Dataset
    from tfmat.progress import Progress

    dataset = Dataset.open(name)
    with Progress("selecting", len(dataset), "structure") as progress:
        return describe(dataset, max_atoms, max_length, on_step=progress.update), render
