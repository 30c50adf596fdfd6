"""What the page knows of the elements: symbols, looks, radii, and smact's oxidation states."""

from __future__ import annotations

import math
from typing import Any

from ase.data import covalent_radii

from tfmat.figures.periodic_table import place
from tfmat.formulas.compositions import as_written
from tfmat.matgan.validity.oxidation_states import oxidation_states
from tfmat.viewer.scene import look

_LAST = 103


def elements() -> dict[str, dict[str, Any]]:
    """Returns what ``web/src/elements.ts`` reads, by atomic number, hydrogen to lawrencium."""
    known = oxidation_states("smact14")
    order = as_written(range(1, _LAST + 1))
    found = {}
    for number in range(1, _LAST + 1):
        column, row = place(number)
        symbol, colour, radius = look(number)
        value = float(known.electronegativity[number])
        states = known.states.get(number)
        found[str(number)] = {
            "symbol": symbol,
            "colour": colour,
            "radius": radius,
            "covalent": float(covalent_radii[number]),
            "column": int(column) + 1,
            "row": math.ceil(row) + 1,
            "rank": order.index(number),
            "electronegativity": None if math.isnan(value) else value,
            "states": None if states is None else list(states),
            "metal": bool(known.metal[number]),
        }
    return found
