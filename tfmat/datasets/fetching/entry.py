"""An entry of OPTIMADE's ``structures`` to a crystal, or to the reason why it is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers

# Features that plain arrays of atoms cannot hold (specification, section "structure_features").
_FEATURES = {
    "disorder": "disordered: a site holds several species or is partly occupied",
    "assemblies": "disordered: sites that exclude each other",
    "site_attachments": "incomplete: atoms without positions are attached to sites",
    "implicit_atoms": "incomplete: atoms without positions",
}
# Sums of concentrations that servers rounded.
_CLOSE = 1e-3


def crystal_of_entry(attributes: Mapping[str, Any]) -> Crystal:
    """Converts the attributes of an entry.

    Args:
        attributes: ``lattice_vectors`` and ``cartesian_site_positions`` in Å,
            ``species_at_sites`` and ``species`` (without the last, species are elements).

    Raises:
        InputError: There is no crystal in it, or a disordered one; ``"kind: detail"``.
    """
    for feature in attributes.get("structure_features") or ():
        if feature in _FEATURES:
            raise InputError(_FEATURES[feature])
    periodic = attributes.get("nperiodic_dimensions")
    if periodic is not None and periodic != 3:
        raise InputError(f"no crystal: periodic in {periodic} directions")
    at_sites = attributes.get("species_at_sites")
    positions = attributes.get("cartesian_site_positions")
    lattice = attributes.get("lattice_vectors")
    if not at_sites or not positions:
        raise InputError("no sites")
    if not lattice:
        raise InputError("no lattice")
    numbers = _numbers(attributes.get("species"))
    try:
        atoms = [numbers.get(name) or _number(name) for name in at_sites]
        return Crystal.from_arrays(lattice, positions, atoms)
    except (TypeError, ValueError, AttributeError) as error:
        # Lists that are ragged or hold null; the words of NumPy help nobody.
        raise InputError("broken structure: lattice or positions are no arrays") from error


def _numbers(species: Any) -> dict[str, int]:
    """Returns the atomic number of each species by its name."""
    found = {}
    for one in species or ():
        if not isinstance(one, Mapping):
            raise InputError("broken structure: species are no objects")
        symbols = list(one.get("chemical_symbols") or [one.get("name")])
        shares = list(one.get("concentration") or [1.0])
        if one.get("attached"):
            raise InputError(_FEATURES["site_attachments"])
        if len(symbols) != 1 or abs(sum(map(float, shares)) - 1) > _CLOSE:
            raise InputError(_FEATURES["disorder"])
        found[str(one.get("name"))] = _number(symbols[0])
    return found


def _number(symbol: Any) -> int:
    number = atomic_numbers().get(str(symbol))
    if number is None:
        raise InputError(f"unknown element: {str(symbol)[:20]!r}")
    return number
