"""An entry of a database to a crystal, or to the reason why it is none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.claims import check_record
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
# Å; no cell is so large, and its volume is still a number.
_LONGEST = 1e5
_LONGEST_NAME = 200
# Lists in lists; structures have three.
_DEEPEST = 60
# Under this name an entry that cannot be kept says why.
_BROKEN = "tfmat:broken"
# What data that mean nothing may raise when they are read.
DAMAGED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


def plain_entry(entry: object) -> dict[str, Any]:
    """Returns an entry as it can be kept on disk: itself, or why it cannot be.

    Args:
        entry: What stands in the list of entries.
    """
    if not isinstance(entry, dict):
        return {_BROKEN: "it is no object"}
    level: list[Any] = [entry]
    for _ in range(_DEEPEST):
        lists = [value.values() if isinstance(value, dict) else value for value in level]
        level = [value for values in lists for value in values if isinstance(value, dict | list)]
        if not level:
            return entry
    return {"id": entry.get("id"), _BROKEN: "lists in lists without end"}


def identifier(entry: Mapping[str, Any], key: str = "id") -> str:
    """Returns the name of an entry.

    Args:
        entry: The entry, as :func:`plain_entry` gives it.
        key: Where its name stands.

    Raises:
        InputError: The entry could not be kept, or has no name that a table can hold.
    """
    if _BROKEN in entry:
        raise InputError(f"broken entry: {entry[_BROKEN]}")
    value = entry.get(key)
    # OQMD's are numbers.
    name = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InputError(f"broken entry: {key} is no name of at most {_LONGEST_NAME} letters")
    return name


def crystal_of_entry(attributes: Mapping[str, Any]) -> Crystal:
    """Converts the attributes of an entry of OPTIMADE's ``structures``.

    Args:
        attributes: ``lattice_vectors`` and ``cartesian_site_positions`` in Å,
            ``species_at_sites`` and ``species`` (without the last, species are elements); what
            else they say of the structure must agree with these.

    Raises:
        InputError: There is no crystal in it, a disordered one, or another one than it says;
            ``"kind: detail"``.
    """
    _check_features(attributes)
    _check_periodic(attributes)
    at_sites = _list(attributes, "species_at_sites")
    positions = _list(attributes, "cartesian_site_positions")
    lattice = _list(attributes, "lattice_vectors")
    if not at_sites or not positions:
        raise InputError("no sites")
    if not lattice:
        raise InputError("no lattice")
    if len(at_sites) != len(positions):
        raise InputError(
            f"contradiction: species of {len(at_sites)} sites, but positions of {len(positions)}"
        )
    species = _list(attributes, "species")
    numbers = _numbers(species)
    for name in at_sites:
        if not isinstance(name, str):
            raise InputError("broken structure: a species at a site is no name")
        if name not in numbers:
            number = _number(name)
            if species:
                raise InputError(f"contradiction: the species {name!r} of a site is not described")
            numbers[name] = number
    _check_vectors(lattice, "lattice")
    _check_vectors(positions, "positions")
    crystal = Crystal.from_arrays(lattice, positions, [numbers[name] for name in at_sites])
    check_record(crystal, attributes, strict=True)
    return crystal


def _list(attributes: Mapping[str, Any], key: str) -> list[Any]:
    value = attributes.get(key)
    if value is not None and not isinstance(value, list | tuple):
        raise InputError(f"broken structure: {key} is no list")
    return list(value or ())


def _check_features(attributes: Mapping[str, Any]) -> None:
    for feature in _list(attributes, "structure_features"):
        known = _FEATURES.get(feature) if isinstance(feature, str) else None
        raise InputError(known or f"incomplete: what {str(feature)[:40]!r} means is not known")
    if _list(attributes, "assemblies"):
        raise InputError(_FEATURES["assemblies"])


def _check_periodic(attributes: Mapping[str, Any]) -> None:
    stated = attributes.get("nperiodic_dimensions")
    types = attributes.get("dimension_types")
    if types is not None:
        if (
            not isinstance(types, list)
            or len(types) != 3
            or any(one not in (0, 1) for one in types)
        ):
            raise InputError("broken structure: dimension_types are not three of 0 and 1")
        if stated is not None and stated != sum(types):
            raise InputError(
                f"contradiction: nperiodic_dimensions is {str(stated)[:20]}, dimension_types are "
                f"{types}"
            )
        stated = sum(types)
    if stated is not None and stated != 3:
        raise InputError(f"no crystal: periodic in {str(stated)[:20]} directions")


def _check_vectors(vectors: list[Any], what: str) -> None:
    """Refuses what NumPy would turn into numbers, or into lists of unequal length."""
    for vector in vectors:
        if not isinstance(vector, list | tuple) or len(vector) != 3:
            raise InputError(f"broken structure: {what} are not vectors of three numbers")
        for value in vector:
            if value is not None and type(value) not in (int, float):
                raise InputError(f"broken structure: {what} are not vectors of three numbers")
            if value is None or value in (math.inf, -math.inf) or value != value:
                raise InputError(f"broken structure: {what} hold what is not a finite number")
            if abs(value) > _LONGEST:
                raise InputError(f"broken structure: {what} reach beyond {_LONGEST:g} Å")


def _numbers(species: list[Any]) -> dict[str, int]:
    """Returns the atomic number of each species by its name."""
    names: list[str] = []
    for one in species:
        if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
            raise InputError("broken structure: species are no objects with names")
        names.append(one["name"])
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"contradiction: two species are called {twice[0][:20]!r}")
    return {one["name"]: _species_number(one) for one in species}


def _species_number(one: Mapping[str, Any]) -> int:
    symbols = _list(one, "chemical_symbols") or [one["name"]]
    shares = _list(one, "concentration") or [1.0]
    if any(_list(one, "attached")) or any(_list(one, "nattached")):
        raise InputError(_FEATURES["site_attachments"])
    if any(type(share) not in (int, float) for share in shares):
        raise InputError("broken structure: the concentration of a species is no number")
    if "vacancy" in symbols:
        raise InputError("disordered: a site is vacant, in part or always")
    if len(symbols) != 1 or len(shares) != 1 or not abs(shares[0] - 1) <= _CLOSE:
        raise InputError(_FEATURES["disorder"])
    return _number(symbols[0])


def _number(symbol: object) -> int:
    number = atomic_numbers().get(symbol) if isinstance(symbol, str) else None
    if number is None:
        raise InputError(f"unknown element: {str(symbol)[:20]!r}")
    return number
