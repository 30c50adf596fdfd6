"""``tfmat.hull``: energies above the convex hull, structure by structure."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.hull import metastable, stable
from tfmat.datasets.named import Several, named_places
from tfmat.datasets.sources import Source, source_of
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.evaluation.hull.entries import (
    Entries,
    has_compound,
    of_dataset,
    read_entries,
    read_known,
)
from tfmat.evaluation.hull.report import cautions, check_there
from tfmat.evaluation.hull.stability import distances, parse_system, systems_of, within

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True, eq=False)
class AboveHull:
    """Structures beside the convex hull of the known ones.

    Attributes:
        ids: Names of the structures that have a formation energy.
        formulas: Their reduced formulas.
        formation_energy: eV/atom, shape ``(n,)``.
        above: Energy above the hull of the known structures, eV/atom, shape ``(n,)``; negative
            below it, NaN outside of the systems in question.
        above_redefined: Energy above the hull of all together, eV/atom, shape ``(n,)``, at least 0.
        judged: Whether the hull rests on a known compound, shape ``(n,)``; a hull of nothing but
            elements makes whatever binds stable.
        warnings: What speaks against the energies or the hulls, one line each.
        left_out: Number of structures without an energy, by set and reason.
    """

    ids: Sequence[str]
    formulas: list[str]
    formation_energy: NDArray[np.float64]
    above: NDArray[np.float64]
    above_redefined: NDArray[np.float64]
    judged: NDArray[np.bool_]
    warnings: list[str]
    left_out: Mapping[str, Mapping[str, int]]

    def within(self, limit: float = 0.0) -> NDArray[np.bool_]:
        """Returns which lie on the hull or below it, or at most so far above, shape ``(n,)``.

        Args:
            limit: eV/atom; 1 meV/atom above still counts as on the hull.
        """
        return self.judged & within(self.above, limit)

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Those below 0 and at most 0.100 eV/atom above the hull (paper 004), shape ``(n,)``."""
        return self.judged & stable(self.formation_energy, self.above)

    @property
    def metastable(self) -> NDArray[np.bool_]:
        """Those below 0 and at most 0.150 eV/atom above the hull (paper 004), shape ``(n,)``."""
        return self.judged & metastable(self.formation_energy, self.above)


def hull(
    structures: str | Path | Iterable[Structure | Crystal],
    against: Several,
    *,
    system: str | Sequence[str] = (),
) -> AboveHull:
    """Computes energies above the convex hull of known structures.

    Args:
        structures: What :func:`tfmat.relax` gives, other pymatgen structures whose ``properties``
            hold ``formation_energy_per_atom`` (eV/atom), or a file, a folder, a dataset or its
            name.
        against: Datasets or files of known structures or formulas with formation energies: one,
            several, or several by name.
        system: Only these chemical systems, e.g. ``"Bi-Se"``; all that occur by default.

    Returns:
        Energies above the hull, structure by structure.

    Raises:
        InputError: Something cannot be read or holds no formation energy, or no structure is in
            the systems.
    """
    places = named_places(against, "against")
    if not places:
        raise InputError("against: give known structures with formation energies")
    named = [parse_system(text) for text in ([system] if isinstance(system, str) else system)]
    generated = (
        read_entries(str(structures), "structures")
        if isinstance(structures, str | Path)
        else in_memory(structures)
    )
    return _above(generated, read_known(places, generated), named)


def above_of(source: Source, against: Several) -> AboveHull:
    """Computes energies above the convex hull of known structures for a source that was read.

    Args:
        source: Structures with ``formation_energy_per_atom`` (eV/atom).
        against: As for :func:`hull`.

    Raises:
        InputError: Something cannot be read, or no structure has a formation energy.
    """
    places = named_places(against, "hull")
    generated = _entries_of(source)
    return _above(generated, read_known(places, generated), [])


def _above(generated: Entries, known: Entries, named: Sequence[tuple[int, ...]]) -> AboveHull:
    for one in named:
        check_there(one, known, generated)
    _, found = distances(list(named) or list(generated.systems), known, generated)
    judged = np.zeros(len(generated), np.bool_)
    for key, rows in generated.systems.items():
        judged[rows] = has_compound(key, known)
    return AboveHull(
        generated.ids,
        generated.compositions.formulas(),
        generated.energies,
        found.known,
        found.redefined,
        judged,
        cautions(list(named) or systems_of(generated), known, generated, found),
        {
            name: counts
            for entries in (generated, known)
            for name, counts in entries.left_out.items()
            if any(counts.values())
        },
    )


def in_memory(structures: Iterable[Structure | Crystal], name: str = "structures") -> Entries:
    """Reads structures in memory in the way of those on disk.

    Args:
        structures: Structures with ``formation_energy_per_atom`` (eV/atom) in their properties.
        name: What to call them.

    Raises:
        InputError: None of them has a formation energy.
    """
    return _entries_of(source_of(structures, name))


def _entries_of(source: Source) -> Entries:
    extra = {} if source.energies is None else {"energies": source.energies}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "structures"
        with DatasetWriter(place, source.record, extra=extra) as writer:
            for entry in source.entries:
                if entry.crystal is not None:
                    writer.add(entry.crystal, entry.identifier, entry.properties)
        found = of_dataset(Dataset.open(place), source.record["name"])
    failed = Counter(entry.reason.split(": ")[0] for entry in source.entries if entry.reason)
    return replace(found, left_out={name: {**n, **failed} for name, n in found.left_out.items()})
