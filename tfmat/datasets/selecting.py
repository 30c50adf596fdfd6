"""Taking a part of a dataset: all of it that the limits of a selection allow."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat import files
from tfmat.datasets.credit import given
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.select import check_limits, limits_record, obstacle
from tfmat.datasets.store import SEVERAL_FILES, Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.progress import Progress

if TYPE_CHECKING:
    from tfmat.datasets.importing import ImportOptions

# Options that say how a file is read: a dataset says all of it itself.
_OF_FILES = ("form", "structure", "identifier", "properties", "table")


def copied(source: Path, out: Path, options: ImportOptions) -> dict[str, Any]:
    """Copies the structures of a dataset that pass a selection, with all that is known of them.

    Properties, and what the record says under ``extra`` (what energies mean, how they were made),
    stay as they are. Energies above the hull, too: they count from the hull of the whole.

    Args:
        source: The dataset.
        out: The dataset to make.
        options: Limits, ``limit``, ``energy_scale``, ``licence``, ``attribution`` and
            ``overwrite``; one that says how a file is read is refused.

    Returns:
        The summary of :func:`tfmat.datasets.importing.import_dataset`.

    Raises:
        InputError: The dataset cannot be read, nothing passes, an option is one of files, or
            ``out`` is in the way.
    """
    start = time.monotonic()
    for name in _OF_FILES:
        if getattr(options, name):
            raise InputError(f"{source}: is a dataset; leave out `{name}`, which is for files")
    check_limits(options.max_atoms, options.max_length)
    added = given(options.licence, options.attribution)
    files.check_place(out, overwrite=options.overwrite, own=is_dataset)
    files.check_apart(out, source)
    dataset = Dataset.open(source)
    credit = added.or_else(dataset.credit).citing(dataset.credit.attribution)
    record = {
        "name": dataset.path.resolve().name,
        "format": "dataset",
        "sha256": dataset.sha256,
        **({"limit": options.limit} if options.limit is not None else {}),
        **credit.record(),
    }
    extra = dict(dataset.metadata["extra"])
    if options.energy_scale is not None:
        told = {"method": "as imported", "references": {}}
        extra["energies"] = told | (extra.get("energies") or {}) | {"scale": options.energy_scale}
    count = len(dataset) if options.limit is None else min(options.limit, len(dataset))
    with (
        DatasetWriter(
            out,
            record,
            selection=limits_record(options.max_atoms, options.max_length),
            extra=extra,
            overwrite=options.overwrite,
        ) as writer,
        Progress("selecting", count, "structure") as progress,
    ):
        for row, properties in dataset.property_rows(range(count)):
            crystal, name = dataset[row], dataset.ids[row]
            try:
                reason = crystal.flaw() or obstacle(crystal, options.max_atoms, options.max_length)
            except InputError as error:
                reason = str(error)
            if reason:
                writer.reject(name, f"selection: {reason}", f"structure {row}")
            else:
                writer.add(crystal, name, properties)
            progress.update()
    return {
        "dataset": str(out),
        "source": str(source),
        "format": "dataset",
        "read": count,
        "kept": writer.structures,
        "atoms": writer.atoms,
        "rejected": writer.rejected.total(),
        "rejected_by_reason": dict(writer.rejected.most_common()),
        "renamed_ids": writer.renamed,
        SEVERAL_FILES: extra.get(SEVERAL_FILES, 0),
        "properties": {
            name: {"column": name, "known": writer.known[name], "not_numbers": 0}
            for name in dataset.properties
        },
        "id_column": None,
        "columns_left_out": [],
        "selection": writer.selection,
        "seconds": round(time.monotonic() - start, 2),
    }
