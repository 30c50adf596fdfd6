"""The page of recipes, made of the typed tables and of the TOML files that ship."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from tfmat import families
from tfmat.recipes import names, read, schema

PAGE = "reference/recipes.md"
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
}


def page() -> str:
    """Returns the page's Markdown: every key of each family, then every recipe as it stands."""
    parts = [
        "# Recipes",
        "A recipe is one TOML file with every number of a training. `--recipe NAME|FILE` chooses "
        "it and `--set TABLE.KEY=VALUE` changes single values. What a recipe leaves out has the "
        "default of this page, which is made of the tables that check recipes "
        "(`tfmat.recipes.schema(FAMILY)`).",
    ]
    shipped = {name: read(name) for name in names()}
    for family in families.names():
        if any(recipe["family"] == family for recipe in shipped.values()):
            parts += _keys(family)
    for name, recipe in shipped.items():
        text = resources.files("tfmat.recipes").joinpath(f"{name}.toml").read_text("utf-8")
        parts += [f"## Recipe `{name}`", recipe["description"], f"```toml\n{text.strip()}\n```"]
    return "\n\n".join(parts) + "\n"


def _keys(family: str) -> Iterator[str]:
    described = schema(family)
    tables = described["$defs"]
    yield f"## Keys of the family `{family}`"
    for name, field in tables[described["$ref"].rpartition("/")[2]]["properties"].items():
        table = _table(field, tables)
        if table is None:
            continue
        yield f"### `[{name}]` of `{family}`"
        yield _plain(field.get("description") or table["description"])
        rows = [
            f"| `{key}` | {_kind(entry)} | {_default(entry)} | {_plain(entry['description'])} |"
            for key, entry in table["properties"].items()
        ]
        yield "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows])


def _table(field: Mapping[str, Any], tables: Mapping[str, Any]) -> Any:
    """Returns the schema of the table that a key holds, or ``None`` where it holds a value."""
    choices = [field, *field.get("anyOf", ())]
    found = [choice["$ref"].rpartition("/")[2] for choice in choices if "$ref" in choice]
    return tables[found[0]] if found else None


def _kind(entry: Mapping[str, Any]) -> str:
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "$ref" in entry:
        return "table"
    if "anyOf" in entry:
        return " or ".join(_kind(choice) for choice in entry["anyOf"])
    if entry.get("type") == "array":
        return f"list of {_kind(entry.get('items', {}))}"
    bounds = [words.format(entry[key]) for key, words in _BOUNDS.items() if key in entry]
    return " ".join([entry.get("type", "any"), ", ".join(bounds)]).strip()


def _default(entry: Mapping[str, Any]) -> str:
    return f"`{entry['default']!r}`" if "default" in entry else ""


def _plain(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").replace("\n", " ")
