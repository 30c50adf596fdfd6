"""Structures as the public benchmarks read them, so that their numbers can be had for ours."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfmat.crystals.writing import cif_text, extxyz_text
from tfmat.csv_tables import TableWriter
from tfmat.datasets.sources import Entry, Source
from tfmat.errors import InputError
from tfmat.files import check_place, claimed, replacing, replacing_folder

FRAMES, ENERGIES = "structures.extxyz", "energies.npy"
_ENERGY = "energy_per_atom"
_TABLE_HEAD = ("id", "cif_string")
_CIF = re.compile(r"\d{7}(?:-[\w.-]{1,80})?\.cif")
_NO_NAME = re.compile(r"[^A-Za-z0-9.-]+")


def check_export(name: str, place: Path, *, overwrite: bool) -> None:
    """Refuses an export that cannot be written, before there is anything to write.

    Args:
        name: One of :data:`FORMATS`.
        place: Where it goes.
        overwrite: Replace what an earlier export wrote there.

    Raises:
        InputError: Something else is there, or there is no such format.
    """
    if name not in FORMATS:
        raise InputError(f"`export` {name}: no such format; take one of {', '.join(FORMATS)}")
    if place.suffix == ".csv":
        if name != "lemat-genbench":
            raise InputError(f"{place}: {name} reads no table; name a folder")
        if place.exists() and not (overwrite and _is_table(place)):
            raise InputError(f"{place}: is there; take another name, or give `overwrite`")
        return
    check_place(place, overwrite=overwrite, own=_OWN[name])


def export(source: Source, name: str, place: Path, *, overwrite: bool = False) -> str:
    """Writes structures as a benchmark reads them.

    Args:
        source: The structures; those that could not be read are left out.
        name: One of :data:`FORMATS`.
        place: A new folder; for ``lemat-genbench`` a name that ends in ``.csv`` gives a table.
        overwrite: Replace what an earlier export wrote there.

    Returns:
        A sentence about what was written.

    Raises:
        InputError: Something else is there, or there is no such format.
    """
    check_export(name, place, overwrite=overwrite)
    entries = [entry for entry in source.entries if entry.crystal is not None]
    return FORMATS[name](entries, place, overwrite)


def _lemat(entries: Sequence[Entry], place: Path, overwrite: bool) -> str:
    """``--cifs FOLDER``, or ``--csv TABLE`` with ``cif_string``."""
    if place.suffix == ".csv":
        with (
            claimed(place),
            replacing(place) as file,
            file.open("w", encoding="utf-8", newline="") as stream,
        ):
            table = TableWriter(stream, _TABLE_HEAD, verbatim=_TABLE_HEAD[1:])
            for one in entries:
                table.row((one.identifier, _cif(one)))
    else:
        with replacing_folder(place, overwrite=overwrite, own=_OWN["lemat-genbench"]) as folder:
            for number, one in enumerate(entries):
                words = _NO_NAME.sub("_", one.identifier).strip("._-")[:80]
                ending = f"-{words}.cif" if words else ".cif"
                (folder / f"{number:07d}{ending}").write_text(_cif(one), "utf-8")
    return f"{len(entries):,} structures for LeMat-GenBench in {place}"


def _mattergen(entries: Sequence[Entry], place: Path, overwrite: bool) -> str:
    """``--structures_path FRAMES --energies_path ENERGIES --relax=False``."""
    totals = [
        one.properties[_ENERGY] * len(one.crystal)
        for one in entries
        if one.crystal is not None and math.isfinite(one.properties.get(_ENERGY, math.nan))
    ]
    whole = len(totals) == len(entries)
    with replacing_folder(place, overwrite=overwrite, own=_OWN["mattergen"]) as folder:
        with (folder / FRAMES).open("w", encoding="utf-8") as stream:
            for one in entries:
                assert one.crystal is not None  # noqa: S101
                stream.write(extxyz_text(one.crystal, {"id": one.identifier}))
        if whole:
            np.save(folder / ENERGIES, np.array(totals, dtype=np.float64), allow_pickle=False)
    words = f"{len(entries):,} structures for mattergen-evaluate in {place}"
    if whole:
        return words
    return f"{words}, without {ENERGIES}: {len(entries) - len(totals):,} have no {_ENERGY}"


def _cif(entry: Entry) -> str:
    assert entry.crystal is not None  # noqa: S101
    return cif_text(entry.crystal, entry.identifier)


def _is_table(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(64).startswith(",".join(_TABLE_HEAD).encode())


_OWN: Mapping[str, Callable[[Path], bool]] = {
    "lemat-genbench": lambda folder: all(_CIF.fullmatch(path.name) for path in folder.iterdir()),
    "mattergen": lambda folder: {path.name for path in folder.iterdir()} <= {FRAMES, ENERGIES},
}
FORMATS: Mapping[str, Callable[[Sequence[Entry], Path, bool], str]] = {
    "lemat-genbench": _lemat,
    "mattergen": _mattergen,
}
"""Benchmarks by name."""
