"""Space groups by their names: Hermann-Mauguin short and full, Hall, number; every setting.

The tables are gemmi's (564 settings) and spglib's (full symbols, origin choices, axes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

import gemmi
import numpy as np

from tfmat.datasets.readers.cif.operations import Group

# What programs append to a symbol to name origin or axes: ":2", "(origin choice 2)", ":H", "HR",
# "(rhombohedral axes)"; the ICSD's S and Z are origins 1 and 2.
_SUFFIX = re.compile(
    r"(?:\s*:\s*|\s*\(\s*|\s+)(?:origin\s*(?:choice)?\s*)?"
    r"(1|2|o1|o2|s|z|hr?|rs?|hexagonal(?: axes)?|rhombohedral(?: axes)?)\s*\)?\s*$"
)
# The number of the International Tables behind a symbol: "Fm-3m (225)".
_NUMBER = re.compile(r"\s*\(\s*(?:no\.?\s*)?(\d{1,3})\s*\)$", re.ASCII)
# Primitive tetragonal groups that have the same operations, with the same origin, in the cell
# centred on C; two-fold axes beside a screw axis meet it at other heights there.
_SIMPLE_TETRAGONAL = re.compile(r"P (?:-4|42?(?:/m)?)(?: (?!2 2)[m2c] [m2c])?")
_CHOICES = {"1": "1", "o1": "1", "s": "1", "2": "2", "o2": "2", "z": "2"}


@dataclass(frozen=True)
class Setting:
    """One way to describe a space group.

    Attributes:
        number: Of the International Tables.
        choice: ``"1"`` or ``"2"`` (origin), ``"H"`` or ``"R"`` (axes), ``""`` where there is none.
        hall: Its Hall symbol, which fixes the operations.
        standard: Whether it is one that the number alone means: origin and axes are open, all
            else is as in the International Tables.
    """

    number: int
    choice: str
    hall: str
    standard: bool

    def group(self) -> Group:
        """Returns its operations."""
        return _group(self.hall, f"space group {self.number}")


def settings_by_name(name: str) -> list[Setting]:
    """Finds the settings that a Hermann-Mauguin symbol may mean.

    Args:
        name: Short or full, with or without blanks, origin and axes.

    Returns:
        All settings with this symbol, the usual one first; none if there is no such symbol.
    """
    text = " ".join(name.replace("_", "").lower().split())
    found = _table().get(_squeezed(text))
    if found:
        return found
    if suffix := _SUFFIX.search(text):
        word = suffix[1]
        choice = _CHOICES.get(word) or word[0].upper()
        settings = _table().get(_squeezed(text[: suffix.start()]), [])
        found = [setting for setting in settings if setting.choice == choice]
    if not found and (stated := _NUMBER.search(text)):
        settings = settings_by_name(text[: stated.start()])
        found = [setting for setting in settings if setting.number == int(stated[1])]
    return found or []


@cache
def settings_by_number(number: int) -> list[Setting]:
    """Returns the settings that a number of the International Tables means without a symbol."""
    every = {one for found in _table().values() for one in found}
    own = [one for one in every if one.number == number and one.standard]
    return sorted(own, key=lambda one: one.choice)


def group_by_hall(symbol: str) -> Group | None:
    """Returns the operations of a Hall symbol, ``None`` if it is none."""
    try:
        return _group(symbol, f"Hall symbol {symbol!r}")
    except (RuntimeError, ValueError):
        return None


def is_in_table(group: Group, number: int) -> bool:
    """Says whether a setting of the space group with this number has a group's operations."""
    every = {one for found in _table().values() for one in found if one.number == number}
    return any(one.group().keys() == group.keys() for one in every)


@lru_cache(256)
def number_of(group: Group) -> int:
    """Returns the number of a group's type in the International Tables, 0 if it is unclear."""
    import spglib

    try:
        found = spglib.get_spacegroup_type_from_symmetry(
            group.rotations.astype(np.intc), group.translations
        )
    except Exception:  # newer releases raise where older ones return None
        return 0
    return int(found.number) if found is not None else 0


@lru_cache(256)
def _group(hall: str, name: str) -> Group:
    operations = list(gemmi.symops_from_hall(hall))
    divisor = gemmi.Op.DEN
    rotations = np.array([operation.rot for operation in operations]) // divisor
    translations = np.array([operation.tran for operation in operations]) / divisor
    return Group(rotations.astype(np.int64), translations, name)


@cache
def _table() -> dict[str, list[Setting]]:
    import spglib

    full = {}
    for place in range(1, 531):
        kind = spglib.get_spacegroup_type(place)
        # Of a monoclinic group the first is its type's, whatever the setting.
        others = kind.international.split("=")[1 if 3 <= kind.number <= 15 else 0 :]
        names = [kind.international_full, *others, f"{kind.international_short}:{kind.choice}"]
        full[" ".join(kind.hall_symbol.split())] = [name.replace("_", "") for name in names]
    table: dict[str, list[Setting]] = {}
    for entry in gemmi.spacegroup_table():
        reference = gemmi.find_spacegroup_by_number(entry.number)
        choice = entry.ext.strip("\0 ")
        setting = Setting(entry.number, choice, entry.hall, entry.hm == reference.hm)
        names = [entry.hm, *full.get(entry.hall, ())]
        if not choice:
            names.append(entry.short_name())
        words = entry.hm.split()
        if 3 <= entry.number <= 15 and words.count("1") == 2:
            names.append(" ".join(word for word in words if word != "1"))
        if entry.number >= 195:
            # Older tables write the centre of a cubic group without its bar.
            names.append(entry.hm.replace("-3", "3"))
        for name in names:
            settings = table.setdefault(_squeezed(name.lower()), [])
            if setting not in settings:
                settings.append(setting)
    for entry in gemmi.spacegroup_table():
        if _SIMPLE_TETRAGONAL.fullmatch(entry.hm):
            _add_centred(table, entry.hm, entry.hall)
    return table


def _add_centred(table: dict[str, list[Setting]], name: str, hall: str) -> None:
    """Adds a primitive tetragonal group in the cell of twice the size, whose axes lie between.

    It is centred on C, with the same operations: ``C 4/m m m`` is P 4/m m m, ``C -4 2 c`` is
    P -4 c 2. Older tables and the ICSD have these.
    """
    axis, *others = name.split()[1:]
    usual = gemmi.find_spacegroup_by_name(" ".join(("P", axis, *reversed(others))))
    key = _squeezed(f"c{name[1:]}".lower())
    if key not in table:
        table[key] = [Setting(usual.number, "", hall.replace("P", "C"), standard=False)]


def _squeezed(name: str) -> str:
    return name.replace(" ", "")
