"""The papers' selections of formulas as named rules, which say what every step removed.

Sources: MatGAN (npj Comput. Mater. 6, 84 (2020)), "Datasets" and "Methods". Every named rule wants
more than one element, at most 8 atoms of each in the reduced formula, and no element but the 85
(no krypton, no helium). On top of that

- ``oqmd`` drops formation energies more than 5 standard deviations from their mean;
- ``mp`` and ``icsd`` ask for no more;
- ``icsd-filter`` keeps what is charge-neutral with balanced electronegativities;
- ``bandgap`` keeps what has a band gap.

Of the rows of one formula the one of lowest formation energy stays, whatever the rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError, did_you_mean
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.elements import COLUMNS, MAX_COUNT, MIN_ELEMENTS
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings

RULES = ("none", "oqmd", "mp", "icsd", "icsd-filter", "bandgap")
ENERGY = "formation_energy_per_atom"
GAP = "band_gap"
# Standard deviations from the mean beyond which a formation energy is taken for an error.
ENERGY_DEVIATIONS = 5.0


@dataclass(frozen=True)
class Step:
    """One step of a selection.

    Attributes:
        name: Why it removes a row, e.g. ``"only one element"``.
        removed: Rows that it removed.
        left: Rows that were left after it.
    """

    name: str
    removed: int
    left: int


class Selection:
    """Rows that are narrowed step by step; of every removed row it is known which step it was.

    Args:
        rows: Number of rows at the start.

    Attributes:
        steps: The steps so far.
        kept: Which rows are left ``(rows,)``.
        removed_by: For each removed row the index of the step that removed it, -1 for the others
            ``(rows,)``.
    """

    def __init__(self, rows: int) -> None:
        self.steps: list[Step] = []
        self.kept: NDArray[np.bool_] = np.ones(rows, bool)
        self.removed_by: NDArray[np.int16] = np.full(rows, -1, np.int16)

    def remove(self, name: str, rows: NDArray[np.bool_]) -> None:
        """Takes a step.

        Args:
            name: Why the rows go.
            rows: Rows that must go ``(rows,)``; those that are gone already are not counted.
        """
        gone = self.kept & rows
        self.removed_by[gone] = len(self.steps)
        self.kept &= ~rows
        removed, left = np.count_nonzero(gone), np.count_nonzero(self.kept)
        self.steps.append(Step(name, int(removed), int(left)))

    def require_rows(self, source: object, unreadable: int = 0) -> None:
        """Checks that something is left.

        Args:
            source: Name of the source, for the message.
            unreadable: Rows that could not be read at all.

        Raises:
            InputError: No row is left; the message says which step removed how many.
        """
        if self.kept.any():
            return
        told = [f"{step.name}: {step.removed:,}" for step in self.steps if step.removed]
        if unreadable:
            told.insert(0, f"unreadable: {unreadable:,}")
        raise InputError(
            f"{source}: no formula is left of {len(self.kept) + unreadable:,} rows "
            f"({', '.join(told)}); loosen what you ask for"
        )


def check_rule(rule: str) -> None:
    """Checks the name of a rule.

    Args:
        rule: One of :data:`RULES`.

    Raises:
        InputError: There is no such rule.
    """
    if rule not in RULES:
        raise InputError(
            f"`rule` {rule}: no such rule{did_you_mean(rule, RULES)}; rules: {', '.join(RULES)}"
        )


def apply_rule(
    selection: Selection,
    rule: str,
    compositions: Compositions,
    energies: NDArray[np.float64] | None,
    gaps: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """Takes the steps of a named rule, except for validity and duplicates.

    Args:
        selection: What is left so far.
        rule: One of :data:`RULES`.
        compositions: Reduced formulas of all rows ``(rows,)``.
        energies: Formation energies in eV/atom ``(rows,)``, NaN = unknown.
        gaps: Band gaps in eV ``(rows,)``, NaN = unknown.

    Returns:
        Numbers for the record: for ``oqmd`` the mean and standard deviation of the energies.

    Raises:
        InputError: The rule is unknown, or needs a property that is not there.
    """
    check_rule(rule)
    if rule == "none":
        return {}
    selection.remove("only one element", compositions.n_elements < MIN_ELEMENTS)
    selection.remove(f"more than {MAX_COUNT} of an element", compositions.largest_count > MAX_COUNT)
    foreign = (COLUMNS[compositions.numbers] < 0) & (compositions.numbers > 0)
    selection.remove("an element that is not among the 85", np.asarray(foreign.any(axis=1)))
    if rule == "oqmd":
        return _drop_outliers(selection, _needed(energies, rule, ENERGY))
    if rule == "bandgap":
        gap = _needed(gaps, rule, GAP)
        selection.remove("unknown band gap", np.isnan(gap))
        selection.remove("no band gap", ~(gap > 0))
    return {}


def keep_valid(
    selection: Selection, compositions: Compositions, settings: ValiditySettings
) -> None:
    """Removes what is not charge-neutral, then what has no balanced electronegativities.

    Args:
        selection: What is left so far.
        compositions: Reduced formulas of all rows ``(rows,)``.
        settings: How validity is judged.
    """
    neutral, balanced = np.zeros((2, len(compositions)), bool)
    found = ValidityChecker(settings).check(compositions[selection.kept])
    neutral[selection.kept] = found.neutral
    balanced[selection.kept] = found.balanced
    selection.remove("not charge-neutral", ~neutral)
    selection.remove("electronegativities not balanced", ~balanced)


def keep_lowest(
    selection: Selection, compositions: Compositions, energies: NDArray[np.float64] | None
) -> None:
    """Keeps of the rows of each formula the one with the lowest formation energy.

    An unknown energy ranks last; among equals the first row stays.

    Args:
        selection: What is left so far.
        compositions: Reduced formulas of all rows ``(rows,)``.
        energies: Formation energies ``(rows,)``, NaN = unknown; ``None`` if there are none.
    """
    rows = np.flatnonzero(selection.kept)
    keys = compositions[rows].keys()
    # NaN sorts behind every number, and lexsort is stable: ties stay in the order of the rows.
    order = (
        np.argsort(keys, kind="stable") if energies is None else np.lexsort((energies[rows], keys))
    )
    first = np.ones(len(rows), bool)
    first[1:] = keys[order][1:] != keys[order][:-1]
    duplicate = np.zeros(len(selection.kept), bool)
    duplicate[rows[order[~first]]] = True
    selection.remove("another row of the same formula was kept", duplicate)


def _needed(values: NDArray[np.float64] | None, rule: str, name: str) -> NDArray[np.float64]:
    if values is None:
        raise InputError(
            f"`rule` {rule}: needs the property {name}, but no column has a usual name for it; "
            f"name one with `properties` {name}=COLUMN"
        )
    return values


def _drop_outliers(selection: Selection, energies: NDArray[np.float64]) -> dict[str, Any]:
    """Drops known energies far from the mean; a row whose energy is unknown stays."""
    known = energies[selection.kept & ~np.isnan(energies)]
    if not len(known):
        return {"energy_mean": None, "energy_std": None, "energies_known": 0}
    mean, deviation = float(known.mean()), float(known.std())
    far: NDArray[np.bool_] = np.abs(energies - mean) > ENERGY_DEVIATIONS * deviation
    selection.remove(f"formation energy more than {ENERGY_DEVIATIONS:g} σ from the mean", far)
    return {"energy_mean": mean, "energy_std": deviation, "energies_known": len(known)}
