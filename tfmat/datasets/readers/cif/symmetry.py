"""Which operations a CIF means: those that it lists, or those of the space group that it names."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from gemmi import cif
from numpy.typing import NDArray

from tfmat.datasets.readers.cif.blocks import Block
from tfmat.datasets.readers.cif.operations import IDENTITY, Group, group_of
from tfmat.datasets.readers.cif.settings import (
    Setting,
    group_by_hall,
    is_in_table,
    number_of,
    settings_by_name,
    settings_by_number,
)
from tfmat.errors import InputError

_OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
MAGNETIC = "_space_group_symop_magn_operation_xyz"
"""What the operations of a magnetic CIF are called."""
_CENTRING = "_space_group_symop_magn_centering_xyz"
_NAMES = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_full",
    "_space_group_name_h-m",
)
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBER = ("_space_group_it_number", "_symmetry_int_tables_number")
_PLAIN_NUMBER = re.compile(r"0*(\d{1,3})", re.ASCII)
_LAST_NUMBER = 230
# What names a space group in ways from which no operations are worked out here, and how these
# names write P1 (with time reversal or without).
_OTHER_NAMES = re.compile(
    r"_(?:space_group_name|symmetry_space_group_name|space_group_magn_(?:name|number))_.*"
)
_TRIVIAL = re.compile(r"c_?1(?:\^?1)?|p11?'?|p?1\.[12](?:\.[12])?", re.IGNORECASE)


@dataclass(frozen=True)
class Symmetry:
    """The operations that a file may mean.

    Attributes:
        groups: One or more of them.
        doubt: Why the file has to confirm the number of atoms, ``""`` if it need not.
    """

    groups: tuple[Group, ...]
    doubt: str = ""


def read_symmetry(block: Block, metric: NDArray[np.float64]) -> Symmetry:
    """Finds the operations of a block.

    Args:
        block: The block.
        metric: Products of its cell vectors, in Å², shape ``(3, 3)``.

    Returns:
        The operations; several where only the number of atoms can tell which are meant.

    Raises:
        InputError: The operations are broken or do not fit the cell, or the space group is
            unknown.
    """
    for start in ("_symmetry_", "_space_group_"):
        if repeated := block.repeated(start):
            raise InputError(f"broken CIF: {repeated} comes twice")
    magnetic = _texts(block, MAGNETIC)
    names = () if magnetic else _stated(block, *_NAMES)
    symmetry = _symmetry(
        tuple(listed for name in _OPERATIONS if (listed := _texts(block, name))) or (magnetic,),
        _texts(block, _CENTRING),
        names,
        _stated(block, *_HALL),
        _stated(block, *_NUMBER),
        _not_understood(block),
    )
    fitting = tuple(group for group in symmetry.groups if len(group) == 1 or group.fits(metric))
    if not fitting:
        raise InputError(
            f"contradiction: the operations of {symmetry.groups[0].name} do not fit the cell"
        )
    return Symmetry(_usual(fitting), symmetry.doubt)


def _texts(block: Block, name: str) -> tuple[str, ...]:
    column = block.column(name)
    if column and not all(map(cif.is_null, column)):
        return tuple(map(cif.as_string, column))
    return ()


def _stated(block: Block, *names: str) -> tuple[str, ...]:
    """Returns the different values that a block states under some names."""
    texts = map(block.text, names)
    return tuple(dict.fromkeys(text for text in texts if text not in ("", ".", "?")))


def _not_understood(block: Block) -> str:
    """Returns a space group other than P1 that has a name of another kind, ``""`` if none."""
    names = (name for name in block.names() if _OTHER_NAMES.fullmatch(name))
    for text in _stated(block, *names):
        if not _TRIVIAL.fullmatch("".join(text.split())):
            return text
    return ""


@lru_cache(512)
def _symmetry(
    lists: tuple[tuple[str, ...], ...],
    centrings: tuple[str, ...],
    names: tuple[str, ...],
    halls: tuple[str, ...],
    numbers: tuple[str, ...],
    other: str,
) -> Symmetry:
    number = _number(numbers)
    settings = _common_settings(names)
    hall = _hall(halls)
    if hall and settings:
        _check_hall(hall, names, settings)
    if lists[0]:
        listed, *others = (group_of(operations, centrings) for operations in lists)
        if any(one.keys() != listed.keys() for one in others):
            raise InputError("contradiction: two lists of symmetry operations differ")
        return _listed(listed, names, settings, hall, number)
    if hall:
        if number and number_of(hall) != number:
            raise InputError(f"contradiction: {hall.name[:50]}, but number {number}")
        return Symmetry((hall,))
    if halls and not names:
        raise InputError(f"broken CIF: unknown Hall symbol {halls[0][:30]!r}")
    if names:
        return Symmetry(_named(names, settings, number))
    if number:
        return Symmetry(tuple(setting.group() for setting in settings_by_number(number)))
    # The dictionary's default.
    doubt = f"space group {other[:40]!r} without symmetry operations" if other else ""
    return Symmetry((IDENTITY,), doubt)


def _number(texts: tuple[str, ...]) -> int:
    """Returns the stated number of the International Tables, 0 if there is none."""
    found = set()
    for text in texts:
        match = _PLAIN_NUMBER.fullmatch(text)
        if match is None or not 1 <= int(match[1]) <= _LAST_NUMBER:
            raise InputError(f"broken CIF: unknown space group {text[:20]!r}")
        found.add(int(match[1]))
    if len(found) > 1:
        raise InputError(f"contradiction: space group numbers {sorted(found)}")
    return found.pop() if found else 0


def _common_settings(names: tuple[str, ...]) -> list[Setting]:
    """Returns the settings that all known names may mean: one with origin narrows another down."""
    common: list[Setting] = []
    first = ""
    for name in names:
        settings = settings_by_name(name)
        both = [setting for setting in common if setting in settings]
        if common and settings and not both:
            raise InputError(f"contradiction: space groups {first[:40]!r} and {name[:40]!r}")
        first = first or (name if settings else "")
        common = both or common or settings
    return common


def _hall(symbols: tuple[str, ...]) -> Group | None:
    """Returns the operations of the known Hall symbol, ``None`` if there is none."""
    groups = [group for symbol in symbols if (group := group_by_hall(symbol))]
    for group in groups[1:]:
        if group.keys() != groups[0].keys():
            raise InputError(f"contradiction: {groups[0].name[:40]} and {group.name[:40]}")
    return groups[0] if groups else None


def _check_hall(hall: Group, names: tuple[str, ...], settings: list[Setting]) -> None:
    """Compares a Hall symbol with the settings of a name.

    Hall symbols can shift the origin to where no table has it: then the type alone is compared.
    """
    number = number_of(hall)
    same = hall.keys() in {setting.group().keys() for setting in settings}
    if same or (number in {one.number for one in settings} and not is_in_table(hall, number)):
        return
    raise InputError(f"contradiction: {hall.name[:50]}, but space group {names[0][:40]!r}")


def _named(names: tuple[str, ...], settings: list[Setting], number: int) -> tuple[Group, ...]:
    if not settings:
        raise InputError(f"broken CIF: unknown space group {names[0][:40]!r}")
    if number:
        agreeing = [setting for setting in settings if setting.number == number]
        if not agreeing:
            raise InputError(f"contradiction: space group {names[0][:40]!r}, but number {number}")
        settings = agreeing
    return tuple(setting.group() for setting in settings)


def _listed(
    group: Group,
    names: tuple[str, ...],
    settings: list[Setting],
    hall: Group | None,
    number: int,
) -> Symmetry:
    """Compares listed operations with the named space group."""
    stated = {setting.number for setting in settings}
    stated |= {number_of(hall)} if hall else set()
    stated |= {number} if number else set()
    stated -= {0}
    # Of a file with "P 1" everywhere nothing has to be worked out.
    found = 1 if len(group) == 1 else number_of(group) if stated else 0
    if not stated or (stated == {found}):
        return Symmetry((group,))
    doubt = f"the operations are of space group {found}, the name is of {min(stated)}"
    groups = [group]
    if len(group) == 1:
        # Programs that write the name alone leave "x,y,z" standing: language models, templates.
        with suppress(InputError):
            groups += [hall] if hall else _named(names, settings, number) if names else []
        if not names and not hall:
            groups += [setting.group() for setting in settings_by_number(number)]
    return Symmetry(tuple(groups), doubt)


def _usual(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """Returns each group once; of monoclinic ones the first, whose unique axis is b.

    That is what a short symbol means in a cell of right angles, which all of them fit.
    """
    if len(groups) == 1:
        return groups
    distinct = tuple({group.keys(): group for group in groups}.values())
    if all(3 <= number_of(group) <= 15 for group in distinct):
        return distinct[:1]
    return distinct
