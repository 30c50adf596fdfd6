"""The known structures of a campaign, with energies of the same potential as the candidates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from tfmat.datasets.energies import energies_on
from tfmat.datasets.sources import Entry, read_source, write_chosen
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

Systems = set[frozenset[int]]


def systems_of(entries: Iterable[Entry]) -> Systems:
    """Returns the chemical systems of structures, as sets of atomic numbers.

    Args:
        entries: The structures.
    """
    return {
        frozenset(int(number) for number in entry.crystal.numbers)
        for entry in entries
        if entry.crystal is not None
    }


def has_scale(place: str, scale: str) -> bool:
    """Tells whether the formation energies of a dataset are of a scale.

    Args:
        place: The dataset, or its name.
        scale: The scale, as the record of a relaxation names it.
    """
    return energies_on(Dataset.open(place).metadata, {scale})[1] == scale


def write_within(place: str, systems: Systems, out: Path, limit: int) -> int:
    """Writes the known structures of some chemical systems and of their subsystems.

    Args:
        place: A dataset, or its name.
        systems: The systems.
        out: The dataset to write; none is where there are no such structures.
        limit: Most structures.

    Returns:
        How many there are.

    Raises:
        InputError: They are more than ``limit``.
    """
    source = read_source(place)

    @cache
    def wanted(own: frozenset[int]) -> bool:
        return any(own <= one for one in systems)

    entries = [entry for entry in source.entries if any(wanted(own) for own in systems_of([entry]))]
    if len(entries) > limit:
        raise InputError(
            f"{place}: {len(entries):,} structures lie in the {len(systems):,} systems of the "
            f"candidates, and their energies are of another potential; name a `system`, raise "
            "`known_limit`, or give `against` what tfmat relax has made of them"
        )
    if entries:
        chosen = "known structures of the systems of the candidates"
        write_chosen(out, source, entries, {"chosen": chosen})
    return len(entries)


def near(entries: Sequence[Entry], above: Mapping[str, float], within: float) -> list[Entry]:
    """Returns the structures that lie near a hull.

    Args:
        entries: Structures.
        above: Energies above the hull by identifier, eV/atom.
        within: How far above it that reaches, eV/atom.
    """
    return [entry for entry in entries if above.get(entry.identifier, float("inf")) <= within]
