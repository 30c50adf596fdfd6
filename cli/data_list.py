"""``tfmat data list``: which datasets there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .examples import examples
from .options import counted

# Where the examples of tfmat put datasets, and where people keep them.
_PLACES = (Path(), Path("data"))


@click.command("list", epilog=examples("tfmat data list", "tfmat data list data --json"))
@click.argument("folders", metavar="[FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def list_(folders: tuple[Path, ...], as_json: bool) -> None:
    """List the datasets that ship with tfmat, and those that lie directly in each FOLDER.

    Without FOLDER those in the working folder and in ./data are listed.
    """
    from tfmat.datasets.folders import SHIPPED, dataset_folders, shipped
    from tfmat.errors import InputError, printable

    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
    found = [SHIPPED / name for name in shipped()]
    found += [path for place in folders or _PLACES for path in dataset_folders(place)]
    rows = [_row(folder) for folder in found]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    wide = max(len(row["name"]) for row in rows)
    for row in rows:
        text = row.get("error") or _sentence(row)
        click.echo(printable(f"{row['name']:{wide}}  {text}"))


def _row(folder: Path) -> dict[str, Any]:
    from tfmat.datasets.folders import SHIPPED, kind_of, label, read_record
    from tfmat.errors import InputError

    row: dict[str, Any] = {"name": label(folder), "shipped": folder.parent == SHIPPED}
    try:
        record = read_record(folder)
        row["kind"] = kind_of(folder)
    except InputError as error:
        return row | {"error": str(error)}
    row["rows"] = record["counts"].get(row["kind"])
    return row | {"source": record["source"].get("name"), "properties": list(record["properties"])}


def _sentence(row: dict[str, Any]) -> str:
    noun = "formula" if row["kind"] == "compositions" else "structure"
    text = counted(row["rows"], noun) if row["rows"] is not None else f"{noun}s"
    if row["source"]:
        text += f" from {row['source']}"
    if row["properties"]:
        text += f": {', '.join(row['properties'])}"
    return text + (" (ships with tfmat)" if row["shipped"] else "")
