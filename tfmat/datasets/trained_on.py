"""The dataset that a model package has learned from, where it is on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.folders import COMPOSITIONS, kind_of
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.reading import read_json


def trained_on(
    metadata: Mapping[str, Any], folder: Path | None = None
) -> Dataset | CompositionDataset | None:
    """Opens the dataset that a package has learned from.

    Args:
        metadata: The package's metadata, which have the hash of the dataset.
        folder: The package's folder; one in a run's folder has its data where the run had them.

    Returns:
        The dataset, ``None`` where none with that hash is found: neither where the run had it, nor
        among those that ship.
    """
    record = metadata.get("dataset", {})
    for place in _places(record, folder):
        try:
            kind = CompositionDataset if kind_of(place) == COMPOSITIONS else Dataset
            found: Dataset | CompositionDataset = kind.open(place)
        except InputError:
            continue
        if found.sha256 == record.get("sha256"):
            return found
    return None


def _places(record: Mapping[str, Any], folder: Path | None) -> Iterator[str]:
    if folder is not None:
        try:
            run = read_json(folder.resolve().parent / "run.json")
            yield str(run["dataset"]["path"])
        except (InputError, OSError, TypeError, KeyError):
            pass  # the package lies in no run
    if name := record.get("name"):
        yield str(name)
