"""Putting datasets together: rows of one after the other, with what is known of their energies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmat import files
from tfmat.crystals.duplicates import known_copies
from tfmat.datasets.credit import combined
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.store import REPEATED, SEVERAL_FILES, Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.progress import Progress

# How a row is known to be in the merged dataset already.
KEEP, BY_ID, BY_STRUCTURE = "keep", "id", "structure"
DUPLICATES = (KEEP, BY_ID, BY_STRUCTURE)
# Entries of a record that say how the rows were made, and so hold for a dataset with such rows.
_HERITAGE = ("augment", REPEATED, SEVERAL_FILES)


@dataclass
class Energies:
    """What is known of the energies of datasets that are put together.

    Attributes:
        record: The entry ``extra.energies`` of the result; empty where nothing is known.
        warning: A line for the user if the scales differ or one is unknown, else empty.
    """

    record: dict[str, Any] = field(default_factory=dict)
    warning: str = ""


def merge(
    parts: Sequence[Path], out: Path, *, duplicates: str = KEEP, overwrite: bool = False
) -> dict[str, Any]:
    """Writes the rows of several datasets to a new one.

    Args:
        parts: At least two datasets of structures.
        out: The dataset to write.
        duplicates: Rows of a later dataset that an earlier one has are kept (``"keep"``; an
            identifier that comes again gets ``#2``), or dropped by ``"id"`` or by ``"structure"``
            (StructureMatcher, see :func:`tfmat.crystals.duplicates.known_copies`).
        overwrite: Replace a dataset that is there.

    Returns:
        The summary, which is also kept in the metadata, and ``warning``.

    Raises:
        InputError: Fewer than two datasets, one cannot be read, ``out`` is one of them or in the
            way.
    """
    if len(parts) < 2:
        raise InputError("give at least two datasets to merge")
    if Path(out).resolve() in [Path(part).resolve() for part in parts]:
        raise InputError(f"{out}: is one of the datasets to merge; give another `out`")
    files.check_place(out, overwrite=overwrite, own=is_dataset)
    datasets = [Dataset.open(part) for part in parts]
    energies = combined_energies([(dataset.path.name, dataset.metadata) for dataset in datasets])
    source = {
        "name": " + ".join(dataset.path.name for dataset in datasets),
        "datasets": [_record(dataset) for dataset in datasets],
    }
    credit = combined([dataset.credit for dataset in datasets])
    record = source | credit.record()
    with DatasetWriter(out, record, extra=heritage(datasets), overwrite=overwrite) as writer:
        kept = []
        for number, dataset in enumerate(datasets):
            known = _known(dataset, datasets[:number], duplicates)
            kept.append(len(dataset) - len(known))
            for row, properties in dataset.property_rows():
                if row in known:
                    writer.reject(dataset.ids[row], f"duplicate: {known[row]}", dataset.path.name)
                else:
                    writer.add(dataset[row], dataset.ids[row], properties)
        summary = {
            "structures": writer.structures,
            "duplicates": duplicates,
            "kept": kept,
            "dropped": writer.rejected.total(),
            "renamed_ids": writer.renamed,
        }
        writer.extra["merge"] = {**source, **summary}
        if energies.record:
            writer.extra["energies"] = energies.record
    warnings = [line for line in (energies.warning, _unlicensed(datasets)) if line]
    return {**source, **summary, "warning": "; ".join(warnings)}


def heritage(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Returns the entries of some records by which a split knows copies of a structure.

    Args:
        datasets: In their order; of an entry that several have the first counts.
    """
    extras = [dataset.metadata["extra"] for dataset in reversed(datasets)]
    return {name: extra[name] for extra in extras for name in _HERITAGE if name in extra}


def combined_energies(records: Sequence[tuple[str, Mapping[str, Any]]]) -> Energies:
    """Says what the energies of several datasets mean together.

    Args:
        records: Name and metadata of each.
    """
    entries = [record["extra"].get("energies") or {} for _, record in records]
    scales = [str(entry.get("scale") or "") for entry in entries]
    # A dataset may be there twice, or two of one name.
    named = list(dict.fromkeys(zip((name for name, _ in records), scales, strict=True)))
    advice = "; say it with `tfmat data import --energy-scale TEXT`"
    if not any(scales):
        unknown = ", ".join(name for name, _ in named)
        return Energies(warning=f"on which scale energies are is not known of {unknown}{advice}")
    if len(set(scales)) == 1:
        methods = sorted({str(entry.get("method", "?")) for entry in entries})
        references: dict[str, Any] = {}
        for entry in entries:
            references |= entry.get("references") or {}
        record = {"method": "; ".join(methods), "scale": scales[0]}
        return Energies(record | ({"references": references} if references else {}))
    told = "; ".join(f"{name}: {scale or 'not known'}" for name, scale in named)
    record = {"method": "mixed", "scale": f"mixed ({told})"}
    warning = f"energies are on different scales ({told})"
    return Energies(record, warning if all(scales) else warning + advice)


def _unlicensed(datasets: Sequence[Dataset]) -> str:
    """Returns a line for the user if the licence of some is known, but not of all."""
    silent = [dataset.path.name for dataset in datasets if not dataset.credit.licence]
    if len(silent) in (0, len(datasets)):
        return ""
    names = ", ".join(dict.fromkeys(silent))
    return (
        f"the licence of the whole is not known, since that of {names} is not; say it with "
        "`tfmat data import --license ID`"
    )


def _record(dataset: Dataset) -> dict[str, Any]:
    return {"name": dataset.path.name, "sha256": dataset.sha256, "structures": len(dataset)}


def _known(dataset: Dataset, earlier: Sequence[Dataset], duplicates: str) -> dict[int, str]:
    """Returns why rows need not be added, by row."""
    if duplicates == BY_ID:
        ids = {identifier for before in earlier for identifier in before.ids}
        return {
            row: f"the id of an earlier structure: {identifier}"
            for row, identifier in enumerate(dataset.ids)
            if identifier in ids
        }
    if duplicates != BY_STRUCTURE or not earlier:
        return {}
    every = [crystal for before in earlier for crystal in before]
    names = [identifier for before in earlier for identifier in before.ids]
    with Progress("comparing structures", len(dataset), "structure") as progress:
        found = known_copies(list(dataset), every, on_step=progress.update)
    return {
        row: f"the same as {names[match]}" for row, match in enumerate(found) if match is not None
    }
