"""Which structures of a campaign are worth a relaxation, the best first, and why others are not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tfmat.ccdcgan.domain import INSIDE
from tfmat.csv_tables import read_table
from tfmat.datasets.generated import TABLE as RESULTS
from tfmat.datasets.sources import Entry, Source
from tfmat.datasets.systems import compositions_of
from tfmat.discovery.known_formulas import KnownFormulas

# What a model predicts of a structure as it is; the campaign relaxes the lowest first.
PREDICTED = "predicted_formation_energy_per_atom"
# 1 where the model was taught to judge such structures.
_DOMAIN = "in_domain"


def with_predicted(found: Source, place: Path) -> Source:
    """Adds what a model predicted of its structures, which their frames say in its own words.

    Args:
        found: The structures.
        place: Where they were read.
    """
    table = place / RESULTS
    if not table.is_file():
        return found
    columns, rows = read_table(table)
    if not {"id", PREDICTED, "domain"} <= set(columns):
        return found
    known = {
        row["id"]: {PREDICTED: float(row[PREDICTED]), _DOMAIN: float(row["domain"] == INSIDE)}
        for row in rows
        if row[PREDICTED]
    }
    entries = [
        replace(entry, properties=entry.properties | known.get(entry.identifier, {}))
        for entry in found.entries
    ]
    return replace(found, entries=entries)


@dataclass(frozen=True)
class Step:
    """A step of the funnel.

    Attributes:
        name: What is left after it.
        left: How many.
        lost: How many were lost in it, by reason.
    """

    name: str
    left: int
    lost: Mapping[str, int]


def candidates(
    source: Source, table: Path, *, known: bool, listed: KnownFormulas, any_charge: bool
) -> tuple[list[Entry], list[Step]]:
    """Chooses what is worth a relaxation.

    Args:
        source: The structures of the campaign, and entries without one for failures.
        table: The table of ``tfmat evaluate structures`` of them.
        known: Whether they were compared with known structures.
        listed: Known formulas.
        any_charge: Keep compositions that smact refuses.

    Returns:
        Those structures and the steps of the funnel so far. Structures that the model was taught
        to judge come first, and among them the lowest predicted energies; all are in their order
        where nothing is predicted.
    """
    rows = {row["id"]: row for row in read_table(table)[1]}
    left = [entry for entry in source.entries if entry.crystal is not None]
    failed: dict[str, int] = {}
    for entry in source.entries:
        if entry.crystal is None:
            failed[entry.reason] = failed.get(entry.reason, 0) + 1
    steps = [
        Step("begun", len(source.entries), {}),
        Step("structures", len(left), failed),
    ]

    def keep(name: str, lost: str, good: Callable[[Mapping[str, str]], bool]) -> None:
        nonlocal left
        kept = [entry for entry in left if good(rows[entry.identifier])]
        gone = len(left) - len(kept)
        steps.append(Step(name, len(kept), {lost: gone} if gone else {}))
        left = kept

    keep("sound", "atoms within 0.5 Å", lambda row: row["structure_valid"] == "1")
    if not any_charge:
        keep(
            "charge-neutral",
            "compositions that smact refuses",
            lambda row: row["composition_valid"] == "1",
        )
    keep("distinct", "copies of others", lambda row: row["distinct"] == "1")
    if known:
        keep("novel", "known structures", lambda row: row["novel"] == "1")
    if listed:
        left, step = _new_formulas(left, listed)
        steps.append(step)
    return sorted(left, key=_order), steps


def _new_formulas(entries: list[Entry], listed: KnownFormulas) -> tuple[list[Entry], Step]:
    crystals = [entry.crystal for entry in entries if entry.crystal is not None]
    names = listed.names(compositions_of(crystals))
    kept = [entry for entry, name in zip(entries, names, strict=True) if not name]
    lost = Counter(f"of a formula in {name}" for name in names if name)
    return kept, Step("of a new formula", len(kept), lost)


def _order(entry: Entry) -> tuple[float, float]:
    found = entry.properties.get(PREDICTED, math.nan)
    return -entry.properties.get(_DOMAIN, 0.0), found if math.isfinite(found) else math.inf
