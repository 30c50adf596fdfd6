"""Symmetry operations of a CIF: texts to matrices, and whether they are a group."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError

_TERM = re.compile(
    r"([+-]?)(?:(\d+/\d+|\d+(?:\.\d*)?|\.\d+)\*?)?([xyz])|([+-]?)(\d+/\d+|\d+(?:\.\d*)?|\.\d+)",
    re.ASCII,
)
# Translations are multiples of 1/24 but for unusual supercells; files round them.
_DENOMINATOR = 24
_ROUNDED = 2e-3
# Translations are compared in these parts of the cell, factors up to this size.
_PARTS = 1000
_LARGEST = 4
# Characters of one operation.
_LONGEST = 200
# No space group has more operations in its cell than 192; supercells in magnetic CIFs have.
_MOST = 1536
# Share of a product of two edges by which operations may change the cell's metric.
_METRIC_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Group:
    """The operations of a space group in one setting.

    Attributes:
        rotations: Shape ``(n, 3, 3)``, of fractional columns, int64.
        translations: Shape ``(n, 3)``, in shares of the cell.
        name: For messages.
    """

    rotations: NDArray[np.int64]
    translations: NDArray[np.float64]
    name: str

    def __len__(self) -> int:
        return len(self.rotations)

    def fits(self, metric: NDArray[np.float64]) -> bool:
        """Says whether all operations keep the lengths and angles of a cell.

        Args:
            metric: Products of the cell vectors, in Å², shape ``(3, 3)``.
        """
        turned = np.einsum("nji,jk,nkl->nil", self.rotations, metric, self.rotations)
        edges = np.sqrt(np.diag(metric))
        limit = _METRIC_TOLERANCE * np.outer(edges, edges)
        return bool((np.abs(turned - metric) <= limit).all())

    def keys(self) -> frozenset[int]:
        """Returns the operations as whole numbers, so that groups can be compared."""
        return frozenset(_keys(self.rotations, self.translations).tolist())


IDENTITY = Group(np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)), "x,y,z")


@lru_cache(256)
def group_of(operations: tuple[str, ...], centrings: tuple[str, ...] = ()) -> Group:
    """Reads a list of operations.

    Args:
        operations: As ``x,1/2-y,z``; what follows a third comma (time reversal) is left out.
        centrings: Translations that each of them is combined with.

    Returns:
        Each operation once; the identity comes first.

    Raises:
        InputError: One is none, or they are no group (an operation is missing).
    """
    if len(operations) * max(len(centrings), 1) > _MOST:
        raise InputError(f"broken CIF: {len(operations)} symmetry operations")
    first = [operation(text) for text in operations]
    second = [operation(text) for text in centrings] or [(np.eye(3, dtype=np.int64), np.zeros(3))]
    rotations = np.array([b[0] @ a[0] for b in second for a in first])
    translations = np.array([b[0] @ a[1] + b[1] for b in second for a in first])
    if np.abs(rotations).max() > _LARGEST:
        raise InputError("broken CIF: a symmetry operation has a large factor")
    keys = _keys(rotations, translations)
    _, places = np.unique(keys, return_index=True)
    places = np.sort(places)
    identity = keys[places] == _keys(IDENTITY.rotations, IDENTITY.translations)
    places = np.concatenate([places[identity], places[~identity]])
    group = Group(rotations[places], translations[places], "the list")
    if not _is_closed(group):
        raise InputError("broken CIF: the symmetry operations are no group (one is missing)")
    return group


def operation(text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Reads one operation.

    Args:
        text: As ``x,1/2-y,z``.

    Returns:
        Rotation ``(3, 3)`` of fractional columns, and translation ``(3,)``.

    Raises:
        InputError: It is none.
    """
    if len(text) > _LONGEST:
        raise InputError(f"broken CIF: {text[:40]!r}... is no symmetry operation")
    parts = "".join(text.split()).lower().split(",")
    rotation = np.zeros((3, 3), dtype=np.int64)
    translation = np.zeros(3)
    for row, part in enumerate(parts[:3]):
        terms = list(_TERM.finditer(part))
        if not part or "".join(term.group() for term in terms) != part or len(parts) not in (3, 4):
            raise InputError(f"broken CIF: {text[:40]!r} is no symmetry operation")
        for place, term in enumerate(terms):
            sign, factor, axis, shift_sign, shift = term.groups()
            if place and not (sign or shift_sign):
                raise InputError(f"broken CIF: {text[:40]!r} is no symmetry operation")
            if axis:
                size = _number(factor or "1")
                if not size <= _LARGEST or size != round(size):
                    raise InputError(f"broken CIF: {text[:40]!r} is no symmetry operation")
                rotation[row, "xyz".index(axis)] += -round(size) if sign == "-" else round(size)
            else:
                translation[row] += -_number(shift) if shift_sign == "-" else _number(shift)
    if not np.isfinite(translation).all() or abs(round(float(np.linalg.det(rotation)))) != 1:
        raise InputError(f"broken CIF: {text[:40]!r} is no symmetry operation")
    return rotation, translation


def _number(text: str) -> float:
    try:
        value = float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        return float("inf")
    nearest = round(value * _DENOMINATOR) / _DENOMINATOR if value < 1e6 else value
    return nearest if abs(nearest - value) < _ROUNDED else value


def _keys(rotations: NDArray[np.int64], translations: NDArray[np.float64]) -> NDArray[np.int64]:
    """Returns each operation as one whole number, translations modulo the cell.

    Args:
        rotations: Shape ``(..., 3, 3)``, of numbers up to :data:`_LARGEST`.
        translations: Shape ``(..., 3)``.
    """
    shifts = np.round(translations % 1 * _PARTS).astype(np.int64) % _PARTS
    digits = rotations.reshape(*rotations.shape[:-2], 9) + _LARGEST
    places = (2 * _LARGEST + 1) ** np.arange(9, dtype=np.int64)
    result: NDArray[np.int64] = (digits @ places) * _PARTS**3 + shifts @ _PARTS ** np.arange(3)
    return result


def _is_closed(group: Group) -> bool:
    known = _keys(group.rotations, group.translations)
    products = group.rotations[:, None] @ group.rotations[None]
    if np.abs(products).max() > _LARGEST:
        return False
    shifts = np.einsum("nij,mj->nmi", group.rotations, group.translations)
    keys = _keys(products, shifts + group.translations[:, None])
    return bool(np.isin(keys, known).all())
