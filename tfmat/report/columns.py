"""The columns of the table of candidates: what is known of each, by what it is called on a page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tfmat.report.contents import Value


@dataclass(frozen=True)
class Column:
    """A column.

    Args:
        key: Its name in tables and datasets.
        label: Its head on the page.
        unit: Unit of the numbers; empty for none.
        kind: What its values are.
        digits: Digits behind the point.
        note: What it means, in a sentence.
    """

    key: str
    label: str
    unit: str = ""
    kind: Literal["number", "text", "flag"] = "number"
    digits: int = 3
    note: str = ""


COLUMNS = (
    Column("e_above_known_hull", "E above hull", "eV/atom",
           note="Energy above the convex hull of the known structures; below it negative."),
    Column("e_above_redefined_hull", "E above redefined hull", "eV/atom",
           note="Energy above the hull of the known and the generated structures."),
    Column("formation_energy_per_atom", "Formation energy", "eV/atom",
           note="After relaxing, by the potential that the summary names."),
    Column("predicted_formation_energy_per_atom", "Predicted Ef", "eV/atom",
           note="The constraint's prediction before relaxing."),
    Column("above_reference", "Above reference", "eV/atom",
           note="Predicted formation energy above the reference of the screening."),
    Column("domain", "Domain", kind="text",
           note="Whether the constraint was taught to judge such a structure."),
    Column("delta_formation_energy_per_atom", "ΔEf", "eV/atom",
           note="How far the formation energy fell on relaxing."),
    Column("distinct", "Distinct", kind="flag", note="The same as no earlier structure."),
    Column("novel", "Novel", kind="flag", note="In none of the known sets."),
    Column("known_as", "Known as", kind="text", note="A known structure that is the same."),
    Column("status", "Status", kind="text", note="How relaxing or screening ended."),
    Column("atoms", "Atoms", digits=0, note="Atoms in the cell."),
    Column("n_elements", "Elements", digits=0, note="Number of elements."),
    Column("space_group", "Space group", kind="text", note="As the folder's table has it."),
    Column("volume_per_atom", "Volume", "Å³/atom", digits=1),
    Column("density", "Density", "g/cm³", digits=2),
    Column("shortest_distance", "Shortest distance", "Å", digits=2),
    Column("contact", "Contact", digits=2,
           note="Shortest distance over the sum of covalent radii; a bond gives about 1."),
    Column("kept_prototype", "Kept prototype", kind="flag",
           note="Relaxing left the arrangement of the atoms as it was."),
    Column("stable", "Stable (004)", kind="flag",
           note="Ef < 0 and at most 0.100 eV/atom above the hull."),
    Column("structure_valid", "Structure valid", kind="flag"),
    Column("composition_valid", "Composition valid", kind="flag"),
    Column("charge_neutral", "Charge-neutral", kind="flag"),
    Column("balanced", "Balanced", kind="flag",
           note="Charge-neutral, and the electronegativities are in order."),
    Column("oxidation_states", "Oxidation states", kind="text"),
    Column("oxidation_states_likelihood", "Likelihood", digits=3,
           note="Of these oxidation states."),
    Column("times_generated", "Times", digits=0, note="How often it was generated."),
    Column("score", "Score", digits=3),
)  # fmt: skip

PREDICTED = "predicted_formation_energy_per_atom"
RANK = ("e_above_known_hull", "formation_energy_per_atom", "above_reference", PREDICTED)
"""What candidates are ordered by: the first of these that one of them has, the lowest first."""


def number(text: str) -> float | None:
    """Reads a cell of a table; what is no finite number is ``None``.

    Args:
        text: The cell.
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def cells(row: dict[str, str], *texts: str, flags: tuple[str, ...] = ()) -> dict[str, Value]:
    """Takes from a row of a table what the page has columns for.

    Args:
        row: Cells by column.
        *texts: Columns that are texts.
        flags: Columns that are 0 or 1, or false or true.
    """
    found: dict[str, Value] = {}
    for column in COLUMNS:
        text = row.get(column.key, "")
        if not text:
            continue
        if column.key in texts:
            found[column.key] = text
        elif column.key in flags:
            found[column.key] = text.lower() in ("1", "true")
        elif column.kind == "number" and (value := number(text)) is not None:
            found[column.key] = value
    return found
