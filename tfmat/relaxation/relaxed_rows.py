"""What is known of each structure after ``tfmat relax``, and what that comes to over all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import judge
from tfmat.crystals.writing import reduced_formula
from tfmat.datasets.sources import Entry
from tfmat.metric import Judge, Metric, Tolerance, records, share
from tfmat.relaxation.metrics import ENERGY_UNIT, formation_energies, statistics
from tfmat.relaxation.soundness import LOWEST_FORMATION_ENERGY
from tfmat.work.chunks import Row

# Paper 002, Table 1: structures this near equilibrium are counted, eV/atom.
NEAR = 0.2
CONVERGED, UNCONVERGED, STATIC, FAILED = "converged", "unconverged", "static", "failed"
# Properties of the dataset that is written, by the names of the table's columns.
_PROPERTIES = (
    "formation_energy_per_atom",
    "initial_formation_energy_per_atom",
    "delta_formation_energy_per_atom",
    "energy_per_atom",
    "max_force",
    "steps",
    "converged",
    "kept_prototype",
)
# What a relaxation changed; unknown of a structure that was only labelled.
_CHANGES = ("converged", "kept_prototype", "volume_change", "rms_displacement")
# What is summed up over relaxed structures, with its unit.
_MEASURED = {
    "delta_formation_energy_per_atom": ENERGY_UNIT,
    "initial_formation_energy_per_atom": ENERGY_UNIT,
    "formation_energy_per_atom": ENERGY_UNIT,
    "steps": "step",
    "rms_displacement": "Å",
    "volume_change": "1",
}
# Known of the structure, not of one geometry or one energy scale.
_LASTING = ("created",)


@dataclass(frozen=True, eq=False)
class Outcome:
    """One structure of a source and what became of it.

    Attributes:
        entry: The structure as it was given.
        crystal: The relaxed structure; ``None`` with a ``reason``.
        reason: Why there is none, as ``"kind: detail"``.
        values: What the table says of it, by column.
    """

    entry: Entry
    crystal: Crystal | None
    reason: str
    values: dict[str, Any]

    @property
    def status(self) -> str:
        """One of ``converged``, ``unconverged``, ``static`` (no steps asked) and ``failed``."""
        if self.crystal is None:
            return FAILED
        converged = self.values["converged"]
        return STATIC if converged is None else CONVERGED if converged else UNCONVERGED

    def properties(self) -> dict[str, float]:
        """Returns the numbers for a dataset; NaN where unknown, those of the source renamed.

        What a source that was itself computed calls ``source_NAME`` keeps this name, unless its
        own NAME takes it.
        """
        stated = self.entry.properties
        given = {name: value for name, value in stated.items() if _keeps_its_name(name)}
        for name, value in stated.items():
            if not _keeps_its_name(name):
                given[f"source_{name}"] = value
        own = {name: _number(self.values.get(name)) for name in _PROPERTIES}
        return given | own


def _keeps_its_name(name: str) -> bool:
    return name in _LASTING or name.startswith("source_")


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def outcome(
    entry: Entry, row: Row | None, references: Mapping[int, float], missing: Mapping[int, str]
) -> Outcome:
    """Puts together what was computed of a structure.

    Args:
        entry: The structure.
        row: What was computed; ``None`` where the structure could not be read.
        references: Energies of the elements by atomic number, eV/atom.
        missing: Why an element has none, by atomic number.
    """
    if entry.crystal is None or row is None:
        return Outcome(entry, None, entry.reason, {})
    numbers = entry.crystal.numbers
    values: dict[str, Any] = {"formula": reduced_formula(entry.crystal), "atoms": len(numbers)}
    lacking = [missing[int(number)] for number in np.unique(numbers) if int(number) in missing]
    reason = row["reason"] or (f"no reference energy: {lacking[0]}" if lacking else "")
    if "initial" in row and not lacking:
        base = float(np.mean([references[int(number)] for number in numbers]))
        values |= _initial(row["initial"], base) | {"steps": row["steps"]}
        if not reason:
            reason, final = _final(row, base)
            values |= final
    if reason:
        return Outcome(entry, None, reason, values)
    crystal = Crystal(
        np.array(row["lattice"], dtype=np.float64),
        np.array(row["positions"], dtype=np.float64),
        numbers,
    )
    return Outcome(entry, crystal, "", values)


def _initial(state: Row, base: float) -> dict[str, Any]:
    return {
        "initial_formation_energy_per_atom": state["energy"] - base,
        "initial_max_force": state["force"],
        "initial_space_group": state["space_group"] or None,
        "initial_prototype": state["prototype"],
    }


def _final(row: Row, base: float) -> tuple[str, dict[str, Any]]:
    state = row["final"]
    formation = state["energy"] - base
    if formation < LOWEST_FORMATION_ENERGY:
        return f"absurd energy: {formation:.1f} eV/atom, below {LOWEST_FORMATION_ENERGY:g}", {}
    relaxed = "converged" in row
    return "", {
        "formation_energy_per_atom": formation,
        "delta_formation_energy_per_atom": (
            row["initial"]["energy"] - state["energy"] if relaxed else None
        ),
        "energy_per_atom": state["energy"],
        "max_force": state["force"],
        "max_stress": row["max_stress"],
        "space_group": state["space_group"] or None,
        "prototype": state["prototype"],
        **{name: row.get(name) for name in _CHANGES},
    }


def summarise(outcomes: Sequence[Outcome], potential: Judge) -> dict[str, Any]:
    """Counts what became of the structures.

    Args:
        outcomes: One for each structure of the source.
        potential: What relaxed them, with its settings.

    Returns:
        ``structures`` (read and unreadable ones), a count for each status, ``reasons`` of the
        failed ones, ``kept_prototype``, and ``metrics``: ``converged`` and ``failed`` (of all
        structures), ``kept_prototype`` (of the relaxed ones), statistics of the formation energy
        with the share of those below zero (``negative``), and for the subsets ``relaxed`` and
        ``converged`` what :func:`_energies` gives.
    """
    statuses = Counter(item.status for item in outcomes)
    sound = [item.values for item in outcomes if item.crystal is not None]
    relaxed = [values for values in sound if values["converged"] is not None]
    converged = [values for values in relaxed if values["converged"]]
    kept = sum(values["kept_prototype"] for values in relaxed)
    reasons = Counter(item.reason.split(": ")[0] for item in outcomes if item.reason)
    total = len(outcomes)
    found = [
        share(name, statuses[name], total, f"share of {total:,} structures", judge=potential)
        for name in (CONVERGED, FAILED)
    ]
    found.append(
        share(
            "kept_prototype",
            kept,
            len(relaxed),
            f"share of {len(relaxed):,} relaxed structures that are the same before and after",
            judge=judge(),
        )
    )
    energies = _column(sound, "formation_energy_per_atom")
    found += formation_energies(energies, f"of {len(sound):,} structures", judge=potential)
    for name, group in (("relaxed", relaxed), (CONVERGED, converged)):
        if group:
            found += _energies(group, name, potential)
    return {
        "structures": total,
        **{name: statuses[name] for name in (CONVERGED, UNCONVERGED, STATIC, FAILED)},
        "reasons": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        "kept_prototype": kept,
        "metrics": records(found),
    }


def _energies(group: Sequence[Mapping[str, Any]], name: str, potential: Judge) -> list[Metric]:
    """Returns the papers' measures over a group of relaxed structures.

    Source: paper 002, Table 1: the mean ΔEf, and the share of structures whose ΔEf is below 0.2.
    """
    more: dict[str, Any] = {"subset": {"structures": name}, "judge": potential}
    of = f"of {len(group):,} {name} structures"
    near = int((_column(group, "delta_formation_energy_per_atom") < NEAR).sum())
    found = [
        share(
            "small_change",
            near,
            len(group),
            f"share {of} with a smaller ΔEf",
            tolerance=Tolerance(NEAR, ENERGY_UNIT),
            **more,
        )
    ]
    for column, unit in _MEASURED.items():
        found += statistics(column, _column(group, column), unit, of, **more)
    return found


def _column(group: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([row[name] for row in group], dtype=np.float64)
