"""``tfmat recipes``: which recipes there are, and what each of their keys means."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from .complete import complete_recipe, complete_recipe_key
from .examples import examples

if TYPE_CHECKING:
    from tfmat.recipes.keys import Entry, Shown

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")


@click.group(epilog=examples("tfmat recipes list", "tfmat recipes show quickstart gan"))
def recipes() -> None:
    """List the recipes of tfmat, or show one with the meaning of every key.

    A recipe holds all settings of a training; tfmat train takes one with --recipe, by name or as
    a TOML file, and changes single values with --set KEY=VALUE.
    """


@recipes.command("list", epilog=examples("tfmat recipes list", "tfmat recipes list --json"))
@_JSON
def list_(as_json: bool) -> None:
    """List the recipes that ship with tfmat, and which command takes them by default."""
    from tfmat import families
    from tfmat.recipes.loader import names, read

    targets = families.targets().items()
    rows: list[dict[str, Any]] = []
    for name in names():
        tables = read(name)
        rows.append(
            {
                "name": name,
                "family": tables.get("family", families.FIRST),
                "description": tables.get("description", ""),
                "default_of": [word for word, (_, target) in targets if target.recipe == name],
            }
        )
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    wide = [max(len(row[column]) for row in rows) for column in ("name", "family")]
    for row in rows:
        line = f"{row['name']:{wide[0]}}  {row['family']:{wide[1]}}  {row['description']}"
        if row["default_of"]:
            line += f" (default of train {', '.join(row['default_of'])})"
        click.echo(line)


@recipes.command(
    epilog=examples("tfmat recipes show quickstart", "tfmat recipes show matgan-plus gan")
)
@click.argument("recipe", shell_complete=complete_recipe)
@click.argument("key", required=False, default="", shell_complete=complete_recipe_key)
@_JSON
def show(recipe: str, key: str, as_json: bool) -> None:
    """Show every KEY of RECIPE: value, meaning, unit, default, and where the value comes from.

    RECIPE is a name or a TOML file. With KEY only that key, or the keys of that table (gan).
    """
    from tfmat.recipes.keys import show as shown_of

    shown = shown_of(recipe, key)
    if as_json:
        click.echo(json.dumps(_record(shown), ensure_ascii=False, indent=2))
        return
    width = max(shutil.get_terminal_size().columns, 60)
    if not key:
        click.echo(f"{shown.name} ({shown.family}): {shown.description}")
        for line in textwrap.wrap(shown.about, width):
            click.echo(line)
        click.echo()
    for entry in shown.entries:
        for line in _lines(entry, width):
            click.echo(line)


def _record(shown: Shown) -> dict[str, Any]:
    entries = [
        {
            "key": entry.key.name,
            "value": _plain(entry.value),
            "unit": entry.key.unit or None,
            "default": _plain(entry.key.default),
            "given": entry.given,
            "source": entry.source or None,
            "wanted": entry.key.wanted,
            "meaning": entry.key.meaning,
        }
        for entry in shown.entries
    ]
    return {
        "name": shown.name,
        "family": shown.family,
        "description": shown.description,
        "about": shown.about,
        "keys": entries,
    }


def _plain(value: Any) -> Any:
    from dataclasses import asdict, is_dataclass

    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _lines(entry: Entry, width: int) -> Iterator[str]:
    key = entry.key
    unit = f" {key.unit}" if key.unit and not key.unit.startswith("the ") else ""
    text = f"{key.name} = {_toml(entry.value)}{unit}"
    if entry.source:
        text += f"   # {entry.source}"
    yield text
    default = "must be given" if key.default is None else f"default {_toml(key.default)}"
    if key.default is not None and not entry.given:
        default = "the default"
    yield from textwrap.wrap(
        f"{key.meaning.replace('``', '')} [{default}; {key.wanted}]",
        width,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
    )


def _toml(value: Any) -> str:
    """Writes a value as ``--set`` takes it."""
    plain = _plain(value)
    if isinstance(plain, dict):
        return "{" + ", ".join(f"{name} = {_toml(entry)}" for name, entry in plain.items()) + "}"
    if isinstance(plain, list):
        return f"[{', '.join(map(_toml, plain))}]"
    return json.dumps(plain, ensure_ascii=False)
