"""What the keys of a recipe mean: from the tables' docstrings and the comments of a file.

A key's words, unit, default and limits stand once, at its field in a family's ``recipe.py``; where
the value of one recipe comes from stands in a comment behind it.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
import typing
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from tfmat import families, typed
from tfmat.errors import InputError, did_you_mean
from tfmat.reading import read_bytes
from tfmat.recipes.loader import build, names, read

# How a docstring says the unit of a number: "Largest a, b and c, in Å."
_UNIT = re.compile(r"\bin (Å|eV/atom|degrees|the property's unit)")
_TABLE = re.compile(r"\[\[?\s*([\w.]+)\s*\]?\]\s*(?:#.*)?")
_ENTRY = re.compile(r"([\w.]+)\s*=")


@dataclasses.dataclass(frozen=True)
class Key:
    """A key that recipes of a family may have.

    Args:
        name: Dotted name as ``--set`` takes it; ``[]`` stands for each entry of a list of tables.
        meaning: One sentence or two.
        unit: Of the number; empty if it has none.
        wanted: What a value must be, in words.
        choices: The words that are possible, if it is one of some.
        default: What a recipe that leaves it out has; ``None`` if it must be given.
    """

    name: str
    meaning: str
    unit: str
    wanted: str
    choices: tuple[str, ...]
    default: Any


@dataclasses.dataclass(frozen=True)
class Entry:
    """A key with its value in one recipe.

    Args:
        key: The key.
        value: Its value; a list with one for each table under ``[]``.
        source: Where the value comes from, in the words of the file; empty if it says nothing.
        given: Whether the file has it, or it is the default.
    """

    key: Key
    value: Any
    source: str
    given: bool


@dataclasses.dataclass(frozen=True)
class Shown:
    """A recipe with all that is known of its keys.

    Args:
        name: Its name.
        family: Name of its family.
        description: One sentence of the recipe itself.
        about: The comment at the beginning of its file.
        entries: Its keys, in the order of the tables.
    """

    name: str
    family: str
    description: str
    about: str
    entries: tuple[Entry, ...]


def keys(family: str) -> list[Key]:
    """Returns the keys that recipes of a family may have.

    Args:
        family: Name of the family.

    Raises:
        InputError: There is no such family.
    """
    return list(_keys(families.get(family).recipe(), "", None))


def show(recipe: str, within: str = "") -> Shown:
    """Returns a recipe with what each of its keys means.

    Args:
        recipe: Name of a shipped recipe, or the path of a TOML file.
        within: Only this key, or those of this table, e.g. ``gan``.

    Raises:
        InputError: There is no such recipe, it is wrong, or it has no such key.
    """
    tables = read(recipe)
    family = families.get(tables.get("family", families.FIRST))
    whole = build(family.recipe(), tables, "recipe" if recipe in names() else recipe)
    about, comments = _comments(_text(recipe))
    every = list(_keys(family.recipe(), "", None))
    chosen = [
        key for key in every if not within or f"{key.name}.".startswith(f"{within.rstrip('.')}.")
    ]
    if not chosen:
        tops = dict.fromkeys(key.name.partition(".")[0] for key in every)
        near = did_you_mean(within, [*tops, *(key.name for key in every)])
        raise InputError(f"`key` {within}: not in a recipe{near}; there are {', '.join(tops)}")
    entries = tuple(
        Entry(
            key,
            _value(whole, key.name.split(".")),
            comments.get(name := key.name.replace("[]", ""), ""),
            _has(tables, name.split(".")),
        )
        for key in chosen
    )
    return Shown(whole.name, family.name, whole.description, about, entries)


def _keys(table: Any, prefix: str, defaults: Any) -> Iterator[Key]:
    _, words = typed.described(table)
    for name, field in typed.fields(table).items():
        bare, origin, inner = typed.parts_of(field.hint)
        default = _default(table, name) if defaults is None else getattr(defaults, name)
        if typed.is_table(bare):
            yield from _keys(bare, f"{prefix}{name}.", default)
            continue
        meaning = words.get(name, "")
        unit = _UNIT.search(meaning)
        yield Key(
            f"{prefix}{name}",
            meaning,
            unit[1] if unit else "",
            typed.words_on(field.hint),
            tuple(map(str, inner)) if origin is typing.Literal else (),
            default,
        )
        if origin in (tuple, list) and typed.is_table(inner[0]):
            yield from _keys(inner[0], f"{prefix}{name}[].", None)


def _default(table: Any, name: str) -> Any:
    field = table.__dataclass_fields__[name]
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _value(table: Any, path: list[str]) -> Any:
    name, *rest = path
    if name.endswith("[]"):
        return [_value(entry, rest) for entry in getattr(table, name[:-2])]
    found = getattr(table, name)
    return _value(found, rest) if rest else found


def _has(tables: Any, path: list[str]) -> bool:
    if isinstance(tables, list):
        return any(_has(entry, path) for entry in tables)
    name, *rest = path
    if not isinstance(tables, dict) or name not in tables:
        return False
    return not rest or _has(tables[name], rest)


def _text(recipe: str) -> str:
    if recipe in names():
        return (resources.files("tfmat.recipes") / f"{recipe}.toml").read_text("utf-8")
    return read_bytes(Path(recipe)).decode("utf-8")


def _comments(text: str) -> tuple[str, dict[str, str]]:
    """Returns the comment at the head of a TOML file, and those behind its keys by dotted name."""
    head: list[str] = []
    found: dict[str, str] = {}
    table, begun = "", False
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("#") and not begun:
            head.append(line.lstrip("# "))
        begun = begun or bool(line and not line.startswith("#"))
        if match := _TABLE.fullmatch(line):
            table = f"{match[1]}."
        elif match := _ENTRY.match(line):
            found.setdefault(table + match[1], _behind(line))
    return " ".join(head), {name: comment for name, comment in found.items() if comment}


def _behind(line: str) -> str:
    """Returns the comment behind a value; a ``#`` within a text is none."""
    for mark in re.finditer("#", line):
        try:
            tomllib.loads(line[: mark.start()])
        except tomllib.TOMLDecodeError:
            continue
        return line[mark.end() :].strip()
    return ""
