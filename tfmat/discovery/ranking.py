"""The end of a campaign: its candidates in their order, as a table, frames and CIF files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfmat.crystals.symmetry import space_group
from tfmat.crystals.writing import cif_text, extxyz_text, reduced_formula
from tfmat.csv_tables import TableWriter
from tfmat.datasets.sources import Entry
from tfmat.datasets.systems import compositions_of
from tfmat.discovery.judging import Judged
from tfmat.discovery.known import near
from tfmat.discovery.known_formulas import KnownFormulas
from tfmat.discovery.screening import Step
from tfmat.relaxation.relaxed_folder import file_names

TABLE, FRAMES, CIF_FOLDER, FUNNEL = "candidates.csv", "candidates.extxyz", "cif", "funnel.csv"
_ENERGY, _CHANGE = "formation_energy_per_atom", "delta_formation_energy_per_atom"
_HELD = "formula_known_in"
_COLUMNS = ("rank", "id", "formula", "atoms", "space_group", "e_above_hull", _ENERGY, _CHANGE)


@dataclass(frozen=True)
class Ranked:
    """A candidate.

    Attributes:
        entry: The relaxed structure.
        above: Energy above the hull of the known structures, eV/atom; NaN where there is no hull.
        potential: Whose energy that is.
    """

    entry: Entry
    above: float
    potential: str


def rank(rounds: Sequence[tuple[str, Judged]], reach: float) -> tuple[list[Ranked], list[Step]]:
    """Puts the candidates in their order: the nearest to the hull first.

    Args:
        rounds: Name of the potential and what it found, the best potential last.
        reach: Largest energy above the hull of a candidate, eV/atom; without a hull the lowest
            formation energies come first, and all count.

    Returns:
        The candidates, and the steps of the funnel from the relaxation on.
    """
    steps: list[Step] = []
    found: list[Ranked] = []
    for potential, judged in rounds:
        left = judged.relaxed
        steps.append(Step(f"relaxed by {potential}", len(left), dict(judged.reasons)))

        def keep(name: str, lost: str, kept: list[Entry]) -> None:
            nonlocal left
            gone = len(left) - len(kept)
            steps.append(Step(name, len(kept), {lost: gone} if gone else {}))
            left = kept

        keep("at rest", "not converged", [e for e in left if e.properties.get("converged", 1) == 1])
        keep(
            "distinct and novel still",
            "relaxed into another one or a known one",
            [entry for entry in left if _new(judged.rows[entry.identifier])],
        )
        if judged.above:
            limit = f"within {1000 * reach:g} meV/atom of the hull"
            keep(limit, "farther above the hull", near(left, judged.above, reach))
        found = [
            Ranked(entry, judged.above.get(entry.identifier, math.nan), potential) for entry in left
        ]
    return sorted(found, key=_order), steps


def _new(row: Mapping[str, str]) -> bool:
    return row["distinct"] == "1" and row["novel"] in ("1", "")


def _order(one: Ranked) -> tuple[float, float, str]:
    above = one.above if math.isfinite(one.above) else math.inf
    return (above, one.entry.properties.get(_ENERGY, math.inf), one.entry.identifier)


def write(
    folder: Path, ranked: Sequence[Ranked], steps: Sequence[Step], known: KnownFormulas
) -> None:
    """Writes table, frames and CIF files of the candidates, and the funnel.

    Args:
        folder: An empty folder.
        ranked: The candidates.
        steps: The steps of the funnel.
        known: Formulas of the known structures: who has one of them is another structure of it.
    """
    crystals = [one.entry.crystal for one in ranked if one.entry.crystal is not None]
    held = known.names(compositions_of(crystals))
    names = file_names([one.entry.identifier for one in ranked])
    (folder / CIF_FOLDER).mkdir()
    with (
        (folder / TABLE).open("w", encoding="utf-8", newline="") as stream,
        (folder / FRAMES).open("w", encoding="utf-8", newline="\n") as frames,
    ):
        table = TableWriter(stream, [*_COLUMNS, "potential", _HELD, "cif"])
        for number, (one, name, sets) in enumerate(zip(ranked, names, held, strict=True), 1):
            crystal, values = one.entry.crystal, one.entry.properties
            assert crystal is not None  # noqa: S101
            cif = f"{CIF_FOLDER}/{number:04d}-{name}.cif"
            row: dict[str, str | float] = {
                "rank": number,
                "id": one.entry.identifier,
                "formula": reduced_formula(crystal),
                "atoms": len(crystal),
                "space_group": space_group(crystal)[0],
                "e_above_hull": _number(one.above),
                _ENERGY: _number(values.get(_ENERGY, math.nan)),
                _CHANGE: _number(values.get(_CHANGE, math.nan)),
                "potential": one.potential,
                _HELD: sets,
                "cif": cif,
            }
            table.record(row)
            said = {key: row[key] for key in ("id", "e_above_hull", _ENERGY) if row[key] != ""}
            frames.write(extxyz_text(crystal, said))
            (folder / cif).write_text(cif_text(crystal, one.entry.identifier), "utf-8")
    with (folder / FUNNEL).open("w", encoding="utf-8", newline="") as stream:
        table = TableWriter(stream, ["step", "left", "lost", "reason"])
        for step in steps:
            table.row([step.name, step.left, "", ""])
            for reason, count in step.lost.items():
                table.row([step.name, "", count, reason])


def _number(value: float) -> float | str:
    return round(value, 6) if math.isfinite(value) else ""
