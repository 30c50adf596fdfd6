"""Generated structures far below a hull: more likely a sign of what the known ones lack."""

from __future__ import annotations

import numpy as np

from tfmat.evaluation.hull.entries import Entries, has_compound
from tfmat.evaluation.hull.stability import Distances

FAR = 0.025
"""How far below a hull of known structures is far, eV/atom: the thermal energy at 300 K."""
# Formulas that are named.
_NAMED = 5


def far_below(known: Entries, generated: Entries, above: Distances) -> list[str]:
    """Says where the hull may be too high because the known structures lack a compound.

    Args:
        known: Structures that define the hulls. Systems of which they hold no compound at all are
            left out: these have a warning of their own.
        generated: Structures that were judged by them.
        above: Their energies above the hull.

    Returns:
        One line for each formula far below the hull, the deepest first: at most five, and one that
        counts the others.
    """
    rows = np.flatnonzero(above.known < -FAR)
    rows = rows[np.argsort(above.known[rows], kind="stable")]
    deepest: dict[str, int] = {}
    for row, formula in zip(rows.tolist(), generated.compositions[rows].formulas(), strict=True):
        if has_compound(tuple(generated.compositions.mapping(row)), known):
            deepest.setdefault(formula, row)
    source = " and ".join(
        f"{name} (filled prototypes)" if name in known.prototypes else name for name in known.names
    )
    lines = [
        f"{formula} lies {-1000 * above.known[row]:.0f} meV/atom below the hull of {source}, "
        f"{_lacking(formula, row, known, generated)}: that hull lacks a compound and is too high, "
        "so what is said to lie near it may be far above the true one"
        for formula, row in list(deepest.items())[:_NAMED]
    ]
    if (left := len(deepest) - _NAMED) > 0:
        lines.append(f"so do {left:,} more formulas, see below_hull in summary.json")
    return lines


def _lacking(formula: str, row: int, known: Entries, generated: Entries) -> str:
    """Says how the known structures fail a formula that was generated."""
    system = tuple(sorted(generated.compositions.mapping(row)))
    rows = known.systems.get(system, np.zeros(0, np.int64))
    of_formula = [
        float(known.energies[place])
        for place, name in zip(rows, known.compositions[rows].formulas(), strict=True)
        if name == formula
    ]
    if not of_formula:
        return "which holds nothing of that formula"
    higher = min(of_formula) - float(generated.energies[row])
    return f"which holds that formula only {1000 * higher:.0f} meV/atom higher"
