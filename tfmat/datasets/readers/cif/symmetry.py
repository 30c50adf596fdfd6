"""Which operations a CIF means: those that it lists, or those of the space group that it names."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from gemmi import cif
from numpy.typing import NDArray

from tfmat.datasets.readers.cif.blocks import Block
from tfmat.datasets.readers.cif.operations import IDENTITY, Group, group_of
from tfmat.datasets.readers.cif.settings import (
    group_by_hall,
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
    names = tuple(dict.fromkeys(text for name in _NAMES if (text := block.text(name))))
    symmetry = _symmetry(
        _texts(block, *_OPERATIONS) or _texts(block, MAGNETIC),
        _texts(block, _CENTRING),
        names if MAGNETIC not in block else (),
        block.text(*_HALL),
        block.text(*_NUMBER),
    )
    fitting = tuple(group for group in symmetry.groups if len(group) == 1 or group.fits(metric))
    if not fitting:
        raise InputError(
            f"contradiction: the operations of {symmetry.groups[0].name} do not fit the cell"
        )
    return Symmetry(_usual(fitting), symmetry.doubt)


def _texts(block: Block, *names: str) -> tuple[str, ...]:
    for name in names:
        column = block.column(name)
        if column and not all(map(cif.is_null, column)):
            return tuple(map(cif.as_string, column))
    return ()


@lru_cache(512)
def _symmetry(
    operations: tuple[str, ...],
    centrings: tuple[str, ...],
    names: tuple[str, ...],
    hall: str,
    number: str,
) -> Symmetry:
    stated = int(number) if number.isdecimal() and len(number) < 4 else 0
    if operations:
        return _listed(group_of(operations, centrings), names, hall, stated)
    if by_hall := (group_by_hall(hall) if hall else None):
        if stated and number_of(by_hall) != stated:
            raise InputError(f"contradiction: Hall symbol {hall[:30]!r}, but number {stated}")
        return Symmetry((by_hall,))
    if hall and not names:
        raise InputError(f"broken CIF: unknown Hall symbol {hall[:30]!r}")
    if names:
        return Symmetry(_named(names, stated))
    if stated:
        settings = settings_by_number(stated)
        if not settings:
            raise InputError(f"broken CIF: unknown space group {stated}")
        return Symmetry(tuple(setting.group() for setting in settings))
    # The dictionary's default.
    return Symmetry((IDENTITY,))


def _named(names: tuple[str, ...], number: int) -> tuple[Group, ...]:
    settings = settings_by_name(names[0])
    for name in names[1:]:
        # The one with origin and axes narrows the other down.
        others = settings_by_name(name)
        both = [setting for setting in settings if setting in others]
        settings = both or settings or others
    if not settings:
        raise InputError(f"broken CIF: unknown space group {names[0][:40]!r}")
    if number:
        agreeing = [setting for setting in settings if setting.number == number]
        if not agreeing:
            raise InputError(f"contradiction: space group {names[0][:40]!r}, but number {number}")
        settings = agreeing
    return tuple(setting.group() for setting in settings)


def _listed(group: Group, names: tuple[str, ...], hall: str, number: int) -> Symmetry:
    """Compares listed operations with the named space group."""
    stated = {setting.number for name in names[:1] for setting in settings_by_name(name)}
    by_hall = group_by_hall(hall) if hall else None
    stated |= {number_of(by_hall)} if by_hall else set()
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
            groups += [by_hall] if by_hall else _named(names, number) if names else []
        if not names and not by_hall:
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
