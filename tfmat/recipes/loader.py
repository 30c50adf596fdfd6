"""Recipes: find one by name or file, apply ``--set`` values, check every key."""

from __future__ import annotations

import dataclasses
import datetime
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tfmat import families, typed
from tfmat.errors import InputError, did_you_mean
from tfmat.paths import plain_file
from tfmat.reading import read_toml

T = TypeVar("T")


def names() -> list[str]:
    """Returns the names of the recipes that ship with tfmat."""
    folder = resources.files("tfmat.recipes")
    return sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )


def read(recipe: str, settings: Sequence[str] = (), cls: type | None = None) -> dict[str, Any]:
    """Reads a recipe as a nested mapping.

    Args:
        recipe: The name of a shipped recipe, or the path of a TOML file.
        settings: ``key=value`` texts with dotted keys, e.g. ``gan.steps=1000``; a value is read as
            TOML, and as plain text if it is none.
        cls: Dataclass of the recipe, by which ``data.elements=Li,Mn,O`` is known to be a list.

    Returns:
        The recipe's tables.

    Raises:
        InputError: No such recipe, a file that is not TOML, or a malformed setting.
    """
    if recipe in names():
        text = (resources.files("tfmat.recipes") / f"{recipe}.toml").read_text("utf-8")
        tables = tomllib.loads(text)
    else:
        path = Path(recipe)
        if not plain_file(path):
            raise InputError(
                f"`recipe` {recipe}: no such file and no such recipe"
                f"{did_you_mean(recipe, names())}; recipes: {', '.join(names())}"
            )
        tables = read_toml(path, "mend it there, or take a recipe of tfmat")
    for setting in settings:
        _apply(tables, setting, cls)
    return tables


def _apply(tables: dict[str, Any], setting: str, cls: type | None) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise InputError(f"`settings` {setting}: write it as key=value, e.g. gan.steps=1000")
    value = _value(text)
    *parents, last = key.strip().split(".")
    if cls is not None and typed.is_plain_list(cls, [*parents, last]):
        value = _entries(value)
    table: Any = tables
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise InputError(f"`settings` {setting}: {parent} is a value, not a table")
    table[last] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _entries(value: Any) -> Any:
    """Returns a list for what a shell leaves of one: ``Li,Mn,O``, ``[Li, Mn, O]``, or ``Li``."""
    if not isinstance(value, str):
        return value if isinstance(value, list | dict) else [value]
    words = (word.strip().strip("\"'") for word in value.strip().strip("[]").split(","))
    return [_value(word) for word in words if word]


def build(cls: type[T], table: Mapping[str, Any], where: str = "recipe") -> T:
    """Builds a table of a recipe from plain values and refuses unknown keys and wrong values.

    Args:
        cls: A dataclass, in general a :class:`tfmat.recipes.table.Table`.
        table: The plain values, e.g. from :func:`read`.
        where: What holds them, for the message.

    Returns:
        An instance of ``cls``.

    Raises:
        InputError: A key is unknown or missing, or a value is not what its field asks for.
    """
    plain = _without_dates(table)
    flaw = typed.unsound(plain) or typed.unknown_key(cls, plain) or typed.first_flaw(cls, plain)
    if flaw is not None:
        raise InputError(f"{where}: {flaw}")
    return msgspec.convert(plain, cls)


def _without_dates(value: Any) -> Any:
    """Returns tables in which dates, which TOML has as values of their own, are texts."""
    if isinstance(value, Mapping):
        return {key: _without_dates(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_dates(entry) for entry in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def schema(family: str) -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a family's recipes.

    With it an editor completes a recipe's keys and marks wrong values; what concerns several
    fields at once is checked only when the recipe is read.

    Args:
        family: Name of the family.

    Raises:
        InputError: There is no such family.
    """
    recipe = families.get(family).recipe()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Recipe of the family {family} of tfmat",
        "$ref": f"#/$defs/{recipe.__name__}",
        "$defs": typed.definitions(recipe),
    }


def load(cls: type[T], family: str, recipe: str, settings: Sequence[str] = ()) -> T:
    """Loads a recipe of one family.

    Args:
        cls: Dataclass of the family's recipes.
        family: Name of the family.
        recipe: Name of a shipped recipe or path of a TOML file.
        settings: ``key=value`` texts with dotted keys.

    Returns:
        The checked recipe.

    Raises:
        InputError: The recipe does not exist, is of another family or has a wrong value.
    """
    tables = read(recipe, settings, cls)
    found = tables.get("family", families.FIRST)
    if found != family:
        raise InputError(f"`recipe` {recipe}: is a {found} recipe, this command needs {family}")
    # Of a file's own words and those of the command nobody can tell which is wrong.
    return build(cls, tables, "recipe" if settings or recipe in names() else recipe)


def to_mapping(recipe: Any) -> dict[str, Any]:
    """Returns a recipe dataclass as plain tables without ``None``, as TOML and JSON can hold it."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items() if entry is not None}
        if isinstance(value, list | tuple):
            return [plain(entry) for entry in value]
        return value

    result: dict[str, Any] = plain(dataclasses.asdict(recipe))
    return result
