"""The atom sites of a CIF: elements, positions, and what makes a site no whole atom."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from gemmi import cif
from numpy.typing import NDArray

from tfmat.datasets.readers.cif.blocks import Block
from tfmat.datasets.readers.cif.cell import read_number, read_numbers
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers

_POSITION = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")
_MULTIPLICITY = (
    "_atom_site_site_symmetry_multiplicity",
    "_atom_site_symmetry_multiplicity",
)
_ORDER = "_atom_site_site_symmetry_order"
_COLUMNS = (
    *_POSITION,
    "_atom_site_type_symbol",
    "_atom_site_label",
    "_atom_site_occupancy",
    "_atom_site_calc_flag",
    "_atom_site_attached_hydrogens",
    "_atom_site_disorder_group",
    *_MULTIPLICITY,
    _ORDER,
)
# Occupancies that differ less from 1 are rounded.
_WHOLE = 5e-4
# Lawrencium: heavier elements are read only where they are written as such.
_LAST_ACTINOID = 103
_ISOTOPES = ("D", "T")
# Element, then a charge ("3+", "+3", "-") or an oxidation state.
_TYPE = re.compile(
    r"([A-Za-z]{1,2})(?:\d*(?:\.\d*)?[+-]|[+-]\d*(?:\.\d*)?|\d*(?:\.\d*)?)", re.ASCII
)
# Element, then what numbers the site. A letter behind it could be part of the element.
_LABEL = re.compile(r"([A-Z][a-z]?)(?![A-Za-z]).*", re.ASCII | re.DOTALL)
# "CA1" is calcium or a carbon, "OW" and "Oh" the oxygen of a water, "FeM1" iron on a site M1.
_LOOSE_LABEL = re.compile(r"([A-Z][a-z]|[A-Z]|O(?=[a-z]))[A-Za-z].*", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Sites:
    """The whole atoms of the asymmetric unit.

    Attributes:
        labels: What the file calls them.
        numbers: Atomic numbers.
        fractional: Shape ``(sites, 3)``.
        multiplicities: How many atoms each stands for, as the file states it; NaN where it does
            not.
        orders: How many operations keep each, in the same way.
        doubt: What the formula has to confirm, ``""`` if nothing.
    """

    labels: list[str]
    numbers: list[int]
    fractional: NDArray[np.float64]
    multiplicities: list[float]
    orders: list[float]
    doubt: str


def read_sites(block: Block) -> Sites:
    """Reads the sites of a block.

    Args:
        block: The block.

    Returns:
        Its sites without dummies and without those that nothing occupies.

    Raises:
        InputError: A site is disordered or lacks its place or element, or hydrogens without
            positions are attached to one.
    """
    if not all(name in block for name in _POSITION):
        kind = "only Cartesian" if "_atom_site_cartn_x" in block else "no"
        raise InputError(f"no structure: {kind} coordinates")
    if repeated := block.repeated("_atom_site_"):
        raise InputError(f"broken CIF: {repeated} comes twice")
    rows = block.row_of(_POSITION[0])
    columns = {name: block.column(name) for name in _COLUMNS if name in block}
    if strange := next((name for name in columns if block.row_of(name) != rows), None):
        raise InputError(f"broken CIF: {strange} is not in the loop of the coordinates")
    positions = [columns[name] for name in _POSITION]
    types, names = columns.get("_atom_site_type_symbol"), columns.get("_atom_site_label")
    labels = names or types or ["?"] * len(positions[0])
    kept, doubt = _occupied(columns, labels)
    if not kept:
        raise InputError("no structure: no atom sites")
    numbers = []
    for place in kept:
        symbol = types[place] if types else "?"
        if symbol in (".", "?"):
            number, unclear = _element_of_label(names[place] if names else "?")
        else:
            number, unclear = _element(symbol)
        numbers.append(number)
        doubt = doubt or unclear
    _check_hydrogens(columns, kept, labels)
    _check_disorder(columns, kept)
    fractional = np.array([read_numbers(column) for column in positions]).T[kept]
    if not np.isfinite(fractional).all():
        place = kept[int(np.flatnonzero(~np.isfinite(fractional).all(axis=1))[0])]
        words = " ".join(column[place] for column in positions)
        raise InputError(f"broken CIF: site {labels[place][:20]} lies at {words[:40]!r}")
    return Sites(
        [labels[place] for place in kept],
        numbers,
        fractional,
        _stated(columns, kept, *_MULTIPLICITY),
        _stated(columns, kept, _ORDER),
        doubt,
    )


def _occupied(columns: dict[str, list[str]], labels: list[str]) -> tuple[list[int], str]:
    """Returns the places of the sites that hold an atom, and a doubt."""
    kept = list(range(len(labels)))
    flags = columns.get("_atom_site_calc_flag")
    if flags:
        kept = [place for place in kept if flags[place].strip("'\"").lower() != "dum"]
    raw = columns.get("_atom_site_occupancy")
    if raw is None:
        return kept, ""
    shares = {word: 1.0 if word in (".", "?") else read_number(word) for word in set(raw)}
    if all(share == 1 for share in shares.values()) and "?" not in shares:
        return kept, ""
    for place in kept:
        share = shares[raw[place]]
        where = f"site {labels[place][:20]} has the occupancy {raw[place][:20]}"
        if not 0 <= share <= 1 + _WHOLE:
            raise InputError(f"broken CIF: {where}")
        if 0 < share < 1 - _WHOLE:
            raise InputError(f"disordered: {where}")
    doubt = "occupancies are unknown" if any(raw[place] == "?" for place in kept) else ""
    return [place for place in kept if shares[raw[place]] > 0], doubt


@lru_cache(4096)
def _element(raw: str) -> tuple[int, str]:
    symbol = cif.as_string(raw).strip()
    match = _TYPE.fullmatch(symbol)
    if match:
        number = atomic_numbers().get(match[1])
        if number is not None:
            return number, _tetrahedron(match[1])
        number = atomic_numbers().get(match[1].capitalize())
        # Nobody means nihonium by NH3, or copernicium by CN.
        if number is not None and number <= _LAST_ACTINOID:
            return number, f"{symbol[:20]!r} may not be an element"
    raise InputError(f"unknown element: {symbol[:20]!r}")


@lru_cache(4096)
def _element_of_label(raw: str) -> tuple[int, str]:
    label = "" if cif.is_null(raw) else cif.as_string(raw).strip()
    known = atomic_numbers()
    match = _LABEL.fullmatch(label)
    if match and match[1] in known:
        return known[match[1]], _tetrahedron(match[1])
    match = _LOOSE_LABEL.fullmatch(label)
    if match:
        for symbol in (label[:2].capitalize() if label[1:2].isupper() else "", match[1]):
            if symbol not in _ISOTOPES and known.get(symbol, 999) <= _LAST_ACTINOID:
                return known[symbol], f"label {label[:20]!r} names no element for certain"
    raise InputError(f"unknown element: {label[:20]!r}")


def _tetrahedron(symbol: str) -> str:
    # In minerals T is a site that silicon and aluminium share more often than it is tritium.
    return "T may be a tetrahedral site" if symbol == "T" else ""


def _check_hydrogens(columns: dict[str, list[str]], kept: list[int], labels: list[str]) -> None:
    attached = columns.get("_atom_site_attached_hydrogens")
    if not attached or all(word in ("0", ".", "?") for word in set(attached)):
        return
    for place in kept:
        count = read_number(attached[place])
        if attached[place] not in (".", "?") and count != 0:
            raise InputError(
                f"incomplete: {attached[place][:10]} hydrogens without positions are attached to "
                f"site {labels[place][:20]}"
            )


def _check_disorder(columns: dict[str, list[str]], kept: list[int]) -> None:
    groups = columns.get("_atom_site_disorder_group")
    if not groups:
        return
    found = {groups[place].strip("'\"") for place in kept} - {".", "?", "0", ""}
    if len(found) > 1 or any(group.startswith("-") for group in found):
        raise InputError("disordered: atoms in groups of which only one is there at a time")


def _stated(columns: dict[str, list[str]], kept: list[int], *names: str) -> list[float]:
    """Returns the numbers of the first column that is there, NaN without one."""
    column = next((columns[name] for name in names if name in columns), None)
    if column is None:
        return [math.nan] * len(kept)
    return read_numbers([column[place] for place in kept])
