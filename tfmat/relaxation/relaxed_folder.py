"""The folder that ``tfmat relax`` writes: a dataset, with a table, CIF files and a card in it.

====================  ============================================================================
``relaxation.csv``    a row for every structure of the source, failed ones too
``cif/``              a CIF file for every relaxed structure
``structures.extxyz`` the same as frames, with their energies
``failed.extxyz``     the others as they were given, with the reason
``summary.json``      counts and averages, settings, potential, references
``README.md``         the card: what the energies mean
``figures/``          energies before and after, where they are drawn
====================  ============================================================================

The columns of the dataset itself are described in :mod:`tfmat.datasets.store`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tfmat import __version__, files
from tfmat.crystals.writing import cif_text, extxyz_text
from tfmat.csv_tables import TableWriter
from tfmat.datasets.store import DatasetWriter
from tfmat.errors import printable_lines
from tfmat.figures.relaxing import energies
from tfmat.figures.writing import draw_into
from tfmat.relaxation.relaxed_rows import Outcome

TABLE, SUMMARY, CARD = "relaxation.csv", "summary.json", "README.md"
FRAMES, FAILED_FRAMES, CIF_FOLDER = "structures.extxyz", "failed.extxyz", "cif"
# Column of the table: what is said where the value is known.
COLUMNS = (
    "formula",
    "atoms",
    "initial_formation_energy_per_atom",
    "formation_energy_per_atom",
    "delta_formation_energy_per_atom",
    "energy_per_atom",
    "initial_max_force",
    "max_force",
    "max_stress",
    "steps",
    "converged",
    "kept_prototype",
    "initial_space_group",
    "space_group",
    "initial_prototype",
    "prototype",
    "volume_change",
    "rms_displacement",
)
# A file name longer than this is cut, and told from others by a number.
_LONGEST_NAME = 100


def is_relaxed(folder: Path) -> bool:
    """Tells whether a folder is one that ``tfmat relax`` has written.

    Args:
        folder: Any folder.
    """
    return all((folder / name).is_file() for name in (TABLE, SUMMARY, CARD))


def write_folder(
    out: Path,
    source: Mapping[str, Any],
    outcomes: Sequence[Outcome],
    extra: Mapping[str, Any],
    summary: Mapping[str, Any],
    card: str,
    *,
    overwrite: bool = False,
    figures: bool = False,
    more: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Writes the results; the folder appears when all of it is there.

    Where every structure failed it is no dataset, but says of each why.

    Args:
        out: The folder.
        source: Record of the source.
        outcomes: One for each structure of the source.
        extra: What the dataset's metadata keep besides.
        summary: Content of ``summary.json``.
        card: Text of ``README.md``.
        overwrite: Replace results that are there.
        figures: Draw the energies.
        more: Further files by name.

    Raises:
        InputError: ``out`` is in the way.
    """
    with files.replacing_folder(out, overwrite=overwrite, own=is_relaxed) as folder:
        if any(item.crystal is not None for item in outcomes):
            with DatasetWriter(folder, source, extra=extra) as writer:
                for item in outcomes:
                    if item.crystal is None:
                        writer.reject(item.entry.identifier, item.reason, item.entry.where)
                    else:
                        writer.add(item.crystal, item.entry.identifier, item.properties())
        names = file_names([item.entry.identifier for item in outcomes])
        _write_table(folder / TABLE, outcomes, names)
        _write_structures(folder, outcomes, names)
        files.write_json(folder / SUMMARY, summary)
        (folder / CARD).write_text(printable_lines(card), "utf-8", newline="\n")
        for name, content in more.items():
            (folder / name).write_bytes(content)
        if figures:
            draw_into(folder, lambda: {"relaxation": lambda _: energies(folder)})


def file_names(identifiers: Sequence[str]) -> list[str]:
    """Returns a name for each identifier that every file system takes, no two alike.

    Args:
        identifiers: Any texts.
    """
    seen: set[str] = set()
    latest: dict[str, int] = {}
    names = []
    for identifier in identifiers:
        stem = re.sub(r"[^A-Za-z0-9._+-]+", "_", identifier)[:_LONGEST_NAME].strip(".")
        stem = stem or "structure"
        # Some file systems take upper and lower case for the same.
        key = stem.lower()
        name, count = stem, latest.get(key, 1)
        while name.lower() in seen:
            count += 1
            name = f"{stem}_{count}"
        latest[key] = count
        seen.add(name.lower())
        names.append(name)
    return names


def _write_table(path: Path, outcomes: Sequence[Outcome], names: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = TableWriter(stream, ["id", "status", "reason", *COLUMNS, "cif"])
        for item, name in zip(outcomes, names, strict=True):
            values = [_text(item.values.get(column)) for column in COLUMNS]
            file = f"{CIF_FOLDER}/{name}.cif" if item.crystal is not None else ""
            table.row([item.entry.identifier, item.status, item.reason, *values, file])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _write_structures(folder: Path, outcomes: Sequence[Outcome], names: Sequence[str]) -> None:
    (folder / CIF_FOLDER).mkdir()
    with (
        (folder / FRAMES).open("w", encoding="utf-8", newline="\n") as frames,
        (folder / FAILED_FRAMES).open("w", encoding="utf-8", newline="\n") as failed,
    ):
        for item, name in zip(outcomes, names, strict=True):
            identifier = item.entry.identifier
            if item.crystal is None:
                if item.entry.crystal is not None:
                    info = {"id": identifier, "reason": item.reason}
                    failed.write(extxyz_text(item.entry.crystal, info))
                continue
            numbers = {key: value for key, value in item.properties().items() if value == value}
            comments = [f"relaxed by tfmat {__version__}", f"id {identifier}"]
            comments += [f"{key} {value:.6f}" for key, value in numbers.items()]
            text = cif_text(item.crystal, name, comments)
            (folder / CIF_FOLDER / f"{name}.cif").write_text(text, "utf-8", newline="\n")
            frames.write(extxyz_text(item.crystal, {"id": identifier, **numbers}))
