"""Which structures of a source lie near the hull of its own formation energies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tfmat.crystals.hull import Hull
from tfmat.datasets.sources import Entry
from tfmat.errors import InputError

_ENERGY = "formation_energy_per_atom"


def near_hull(entries: Sequence[Entry], within: float) -> list[Entry]:
    """Returns the structures that lie near the hull of all.

    The hull of a chemical system is that of its structures, those of its subsystems and the
    elements at 0 eV/atom. Compounds that a source lacks could only lower it, so what is left out
    lies farther above the true hull, too.

    Args:
        entries: Structures with formation energies of one scale, eV/atom; those without one are
            left out.
        within: Largest energy above the hull, eV/atom.

    Returns:
        Those structures, in their order.

    Raises:
        InputError: No structure has a formation energy.
    """
    energies = np.array([entry.properties.get(_ENERGY, np.nan) for entry in entries])
    systems: dict[frozenset[int], list[int]] = defaultdict(list)
    for row, entry in enumerate(entries):
        if entry.crystal is not None and np.isfinite(energies[row]):
            systems[frozenset(entry.crystal.numbers.tolist())].append(row)
    if not systems:
        raise InputError(
            f"`within`: the source has no {_ENERGY}; relax it first, and give what that wrote"
        )
    chosen: list[int] = []
    for system, rows in systems.items():
        elements = sorted(system)
        known = [row for other, own in systems.items() if other <= system for row in own]
        shares = {
            row: [np.mean(entries[row].crystal.numbers == z) for z in elements]  # type: ignore[union-attr]
            for row in known
        }
        hull = Hull.of(np.array([shares[row] for row in known]), energies[known])
        above = hull.above(np.array([shares[row] for row in rows]), energies[rows])
        chosen += [row for row, distance in zip(rows, above, strict=True) if distance <= within]
    return [entries[row] for row in sorted(chosen)]
