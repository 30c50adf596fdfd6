"""A Keras model as a ``.keras`` file that is the same bytes whenever it is written."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

_CONFIG = "config.json"
_RECORD = "metadata.json"
_SHARED = "shared_object_id"


def export_keras(network: keras.Model, path: Path) -> None:
    """Writes a model without the dates and memory addresses that Keras writes.

    Args:
        network: The model; one that was not compiled has no optimiser's state.
        path: File to write, ending in ``.keras``.
    """
    network.save(path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    record = json.loads(contents[_RECORD])
    record.pop("date_saved", None)
    contents[_RECORD] = json.dumps(record).encode()
    contents[_CONFIG] = _numbered(contents[_CONFIG])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            # A member made by hand has a fixed date.
            archive.writestr(zipfile.ZipInfo(name), content)


def _numbered(config: bytes) -> bytes:
    """Counts the objects that layers share, which Keras names by their addresses in memory."""
    numbers: dict[int, int] = {}

    def number(table: dict[str, Any]) -> dict[str, Any]:
        if _SHARED in table:
            table[_SHARED] = numbers.setdefault(table[_SHARED], len(numbers))
        return table

    return json.dumps(json.loads(config, object_hook=number)).encode()
