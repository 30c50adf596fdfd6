"""Recipes: find one by name or file, apply ``--set`` values, check every key."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from tfmat import families
from tfmat.errors import InputError
from tfmat.paths import plain_file
from tfmat.reading import read_toml

T = TypeVar("T")


def names() -> list[str]:
    """Returns the names of the recipes that ship with tfmat."""
    folder = resources.files("tfmat.recipes")
    return sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )


def read(recipe: str, settings: Sequence[str] = ()) -> dict[str, Any]:
    """Reads a recipe as a nested mapping.

    Args:
        recipe: The name of a shipped recipe, or the path of a TOML file.
        settings: ``key=value`` texts with dotted keys, e.g. ``gan.steps=1000``; a value is read as
            TOML, and as plain text if it is none.

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
                f"--recipe {recipe}: no such file and no such recipe"
                f"{did_you_mean(recipe, names())}; recipes: {', '.join(names())}"
            )
        tables = read_toml(path, "mend it there, or take a recipe of tfmat")
    for setting in settings:
        _apply(tables, setting)
    return tables


def _apply(tables: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {setting}: write it as key=value, e.g. --set gan.steps=1000")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    *parents, last = key.strip().split(".")
    table: Any = tables
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise InputError(f"--set {setting}: {parent} is a value, not a table")
    table[last] = value


def build(cls: type[T], table: Mapping[str, Any], where: str = "") -> T:
    """Builds a (nested) dataclass from a mapping and refuses unknown keys and wrong types.

    Args:
        cls: A dataclass whose fields are numbers, texts, booleans, tuples or dataclasses.
        table: The mapping, e.g. from :func:`read`.
        where: Dotted name of the table, for messages.

    Returns:
        An instance of ``cls``.

    Raises:
        InputError: A key is unknown or missing, or a value has the wrong type.
    """
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    prefix = f"{where}." if where else ""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            raise InputError(f"recipe: unknown key {prefix}{key}{did_you_mean(key, list(fields))}")
        values[key] = _convert(hints[key], value, f"{prefix}{key}")
    for name, field in fields.items():
        if (
            name not in values
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ):
            raise InputError(f"recipe: {prefix}{name} is missing")
    return cls(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise InputError(f"recipe: {where} must be a table")
        return build(typing.cast("type[Any]", hint), value, where)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return _convert(options[0], value, where)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        if not isinstance(value, list | tuple):
            example = f', e.g. ["{value}"]' if isinstance(value, str) else ""
            raise InputError(f"recipe: {where} must be a list{example}")
        return tuple(_convert(item, entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise InputError(f"recipe: {where} must be one of {', '.join(choices)}, not {value!r}")
        return value
    if hint is str and isinstance(value, datetime.date):
        # TOML has dates of its own; a recipe keeps them as text.
        return value.isoformat()
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise InputError(f"recipe: {where} must be of type {hint.__name__}, not {value!r}")
    return value


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
    tables = read(recipe, settings)
    found = tables.get("family", families.FIRST)
    if found != family:
        raise InputError(f"--recipe {recipe}: is a {found} recipe, this command needs {family}")
    return build(cls, tables)


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


def did_you_mean(word: str, choices: Sequence[str]) -> str:
    """Returns " (did you mean X?)" where a choice is close to ``word``, else an empty text."""
    close = difflib.get_close_matches(word, choices, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
