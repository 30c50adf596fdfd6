"""The JSON Schema of ``metadata.json``, which travels in every model package."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from tfmat import families
from tfmat.files import write_json

SCHEMA = "metadata.schema.json"


def schema() -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a package's metadata, of all families."""
    found: dict[str, Any] = json.loads(_file().read_text("utf-8"))
    known = families.all_families()
    for place in (found, found["properties"]["recipe"]):
        place["properties"]["family"] = {"enum": [family.name for family in known]}
    own = {
        family.name: set(family.schema.get("properties", ())) - set(found["properties"])
        for family in known
    }
    found["allOf"] = []
    for family in known:
        entries = family.schema.get("properties", {})
        others = set().union(*own.values()) - own[family.name]
        found["properties"] |= {name: entries[name] for name in sorted(own[family.name])}
        found["allOf"].append(
            {
                "if": {"properties": {"family": {"const": family.name}}},
                "then": {
                    "required": list(family.schema.get("required", ())),
                    "properties": {
                        **dict.fromkeys(sorted(others), False),
                        **{name: entries[name] for name in entries if name not in own[family.name]},
                        "parts": {"propertyNames": {"pattern": f"^{family.part_pattern}$"}},
                    },
                },
            }
        )
    return found


def copy_schema(folder: Path) -> None:
    """Writes the schema beside a package's ``metadata.json``, whose ``$schema`` names it.

    Args:
        folder: Folder of the package.
    """
    write_json(folder / SCHEMA, schema())


def first_problem(metadata: Any) -> str | None:
    """Returns where metadata break the schema and how, in one line, or ``None``.

    Args:
        metadata: What ``metadata.json`` holds.

    Raises:
        ImportError: jsonschema is not installed.
    """
    import jsonschema  # type: ignore[import-untyped]

    validator = jsonschema.Draft202012Validator(schema())
    error = jsonschema.exceptions.best_match(validator.iter_errors(metadata))
    if error is None:
        return None
    text = " ".join(error.message.split())
    return f"{error.json_path}: {text if len(text) <= 200 else text[:200] + ' ...'}"


def _file() -> Any:
    return resources.files("tfmat.inference") / SCHEMA
