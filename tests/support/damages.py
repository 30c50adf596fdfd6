"""Every way to damage a JSON value in one place."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GONE = object()
INSTEAD = (
    GONE,
    None,
    True,
    -1,
    3,
    2.5,
    10**12,
    "",
    "x",
    "a\nb\x1b[2J",
    "../../escaped",
    "$(touch escaped)",
    [],
    [1],
    ["batch"],
    {},
    {"x": {}},
)


def paths(value: Any, start: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the way to everything within a JSON value."""
    if isinstance(value, dict):
        inner = list(value.items())
    else:
        # The others of a list are as the first.
        inner = list(enumerate(value[:1])) if isinstance(value, list) else []
    for key, child in inner:
        yield (*start, key)
        yield from paths(child, (*start, key))


def damaged(value: Any, path: tuple[Any, ...], instead: Any) -> Any:
    """Returns a copy that has something else at a place."""
    whole = copy.deepcopy(value)
    place = whole
    for key in path[:-1]:
        place = place[key]
    if instead is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = instead
    return whole


def renamed(value: Any, path: tuple[Any, ...], name: str) -> Any:
    """Returns a copy in which the last key of a way is called otherwise."""
    whole = copy.deepcopy(value)
    place = whole
    for key in path[:-1]:
        place = place[key]
    place[name] = place.pop(path[-1])
    return whole


def write(folder: Path, metadata: Any) -> None:
    """Writes a package's metadata."""
    (folder / "metadata.json").write_text(json.dumps(metadata), "utf-8")
