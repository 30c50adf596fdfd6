"""What keeps a structure from an energy that means something."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from tfmat.crystals.contacts import shortest_contact, volume_per_atom
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_distance
from tfmat.crystals.fragments import TOUCHING, gaps
from tfmat.errors import InputError

# No two atoms of any crystal are closer, Å; tfmat generate makes nothing closer either.
CLOSEST = 0.5
# Share of the sum of their covalent radii; among 6,000 structures of the Materials Project the
# least is 0.49.
_SHORTEST_CONTACT = 0.45
# Nothing is bound more strongly than the fluorides and oxides of actinides, about -4.5 eV/atom.
LOWEST_FORMATION_ENERGY = -6.0


def obstacle(crystal: Crystal, elements: Collection[int], reach: float) -> str:
    """Says why a potential should not be asked about a crystal.

    Args:
        crystal: The crystal.
        elements: Atomic numbers that the potential knows.
        reach: An atom farther than this from all others feels nothing, Å.

    Returns:
        The reason as ``"kind: detail"``; ``""`` if there is none.
    """
    from ase.data import chemical_symbols

    unknown = sorted({int(number) for number in crystal.numbers} - set(elements))
    if unknown:
        symbols = ", ".join(chemical_symbols[number] for number in unknown)
        return f"element not covered: the potential has not learned {symbols}"
    try:
        distance = shortest_distance(crystal)
    except (InputError, ValueError, np.linalg.LinAlgError) as error:
        return f"broken cell: {error}"
    if distance < CLOSEST:
        return f"atoms too close: {distance:.2f} Å, less than {CLOSEST} Å"
    first, *_ = crystal.to_structure().get_neighbor_list(reach)
    alone = np.setdiff1d(np.arange(len(crystal)), first)
    if len(alone):
        symbol = chemical_symbols[crystal.numbers[alone[0]]]
        return f"isolated atom: nothing within {reach:g} Å of atom {alone[0] + 1} ({symbol})"
    return ""


def clash(crystal: Crystal, shortest: float = _SHORTEST_CONTACT) -> str:
    """Says why a relaxed structure is a false one: a potential may bind atoms that overlap.

    Args:
        crystal: The relaxed structure.
        shortest: Least share of the sum of two covalent radii.

    Returns:
        The reason as ``"kind: detail"``; ``""`` if there is none.
    """
    contact = shortest_contact(crystal)
    if contact < shortest:
        return f"atoms clash: {contact:.2f} of the sum of their covalent radii"
    return ""


def apart(crystal: Crystal) -> str:
    """Says why a relaxed structure is no crystal: no forces act between pieces far apart.

    Args:
        crystal: The relaxed structure.

    Returns:
        The reason as ``"kind: detail"``; ``""`` if there is none.
    """
    found = gaps(crystal)
    if not found:
        return ""
    return (
        f"fragments and vacuum: {found}, {volume_per_atom(crystal):.0f} Å³/atom, with nothing "
        f"within {TOUCHING:g} of the sum of van der Waals radii between"
    )
