"""Energies above the hull of structures that are judged, wherever they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tfmat.datasets.named import Several, named_places
from tfmat.datasets.sources import Source
from tfmat.evaluation.hull.above import above_of
from tfmat.metric import Judge

_GIVEN = "e_above_hull"


@dataclass(frozen=True)
class Energies:
    """How far above a hull structures lie.

    Args:
        above: eV/atom by name of the structure; what has no energy is not in it.
        judge: What said so.
        why_not: Why there are none; empty where there are.
        warnings: What speaks against them, one line each.
    """

    above: dict[str, float] = field(default_factory=dict)
    judge: Judge | None = None
    why_not: str = ""
    warnings: list[str] = field(default_factory=list)


def energies_of(source: Source, hull: Several) -> Energies:
    """Finds how far above a hull structures lie.

    Args:
        source: The structures, with ``formation_energy_per_atom`` where ``hull`` is given, or with
            ``e_above_hull`` (both eV/atom).
        hull: Known structures or formulas whose energies define the hull; nothing takes
            ``e_above_hull`` as the source has it.

    Raises:
        InputError: A set cannot be read, or no structure has a formation energy.
    """
    places = named_places(hull, "hull")
    scale = str((source.energies or {}).get("scale") or "unknown")
    if places:
        found = above_of(source, places)
        rows = zip(found.ids, found.above.tolist(), found.judged.tolist(), strict=True)
        # A hull of elements alone makes whatever binds stable.
        above = {name: energy for name, energy, judged in rows if judged and math.isfinite(energy)}
        judge = Judge.own("tfmat.evaluation.hull", hull=", ".join(places), energies=scale)
        return Energies(above, judge, warnings=found.warnings)
    above = {
        entry.identifier: entry.properties[_GIVEN]
        for entry in source.entries
        if entry.crystal is not None and math.isfinite(entry.properties.get(_GIVEN, math.nan))
    }
    if above:
        judge = Judge(f"{_GIVEN} of {source.record['name']}", "", {"energies": scale})
        return Energies(above, judge)
    return Energies(
        why_not="no energies above a hull: give `hull`, and structures with formation energies"
    )
