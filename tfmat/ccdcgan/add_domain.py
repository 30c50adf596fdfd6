"""Adds to a package what bounds its predictions, where it was written before packages said it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.domain import domain_record
from tfmat.ccdcgan.held_out import rows_of
from tfmat.checksums import write_sealed
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.inference.metadata import METADATA, read_metadata
from tfmat.inference.package import load
from tfmat.inference.schema import copy_schema


def add_domain(folder: Path, data: str | Path | None = None) -> dict[str, Any]:
    """Measures the structures that a package has learned from and writes it into its metadata.

    Args:
        folder: The package.
        data: The dataset that it was trained on; by default that of the name in its metadata.

    Returns:
        What was written, as :func:`tfmat.ccdcgan.domain.domain_record` gives it.

    Raises:
        InputError: It is no package of crystal structures, or the dataset is not found or not the
            one that it was trained on.
    """
    codec = Codec.from_package(load(folder, parts=()))
    name = data or codec.package.metadata["dataset"].get("name")
    if name is None:
        raise InputError(f"{folder}: does not say what it was trained on; give `data`")
    dataset = Dataset.open(name)
    rows, _ = rows_of(codec, dataset, "train")
    record = domain_record(dataset[int(row)] for row in rows)
    copy_schema(folder)
    write_sealed(folder / METADATA, {**read_metadata(folder), "domain": record})
    return record
