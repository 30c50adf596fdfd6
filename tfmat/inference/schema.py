"""The JSON Schema of ``metadata.json``, which travels in every model package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfmat import families, typed
from tfmat.files import write_json
from tfmat.inference.described import FORMAT_VERSION, METADATA, model_of

SCHEMA = "metadata.schema.json"


def schema() -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a package's metadata, of all families."""
    models = [model_of(family) for family in families.all_families()]
    names = [model.__name__ for model in models]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{METADATA} of a tfmat model package, format version {FORMAT_VERSION}",
        "type": "object",
        "required": ["family"],
        "properties": {"family": {"enum": names}},
        "allOf": [
            {
                "if": {"properties": {"family": {"const": name}}},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in names
        ],
        "$defs": typed.definitions(*models),
    }


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
