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
    r"([+-]?)(?:(\d+/\d+|\d+\.?\d*|\.\d+)\*?)?([xyz])|([+-]?)(\d+/\d+|\d+\.?\d*|\.\d+)", re.ASCII
)
# Translations are multiples of 1/24 but for unusual supercells; files round them.
_DENOMINATOR = 24
_ROUNDED = 2e-3
# No space group has more operations in its cell than 192; supercells in magnetic CIFs have.
_MOST = 4096
# Share of a product of two edges by which operations may change the cell's metric.
_METRIC_TOLERANCE = 0.01


@dataclass(frozen=True)
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

    def keys(self) -> frozenset[tuple[int, ...]]:
        """Returns the operations as whole numbers, so that groups can be compared."""
        return frozenset(map(tuple, _keys(self.rotations, self.translations).tolist()))


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
    keys = _keys(rotations, translations)
    _, places = np.unique(keys, axis=0, return_index=True)
    places = np.sort(places)
    identity = (keys[places] == _keys(IDENTITY.rotations, IDENTITY.translations)).all(axis=1)
    places = np.concatenate([places[identity], places[~identity]])
    group = Group(rotations[places], translations[places], f"{len(places)} operations")
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
                if size != round(size):
                    raise InputError(f"broken CIF: {text[:40]!r} is no symmetry operation")
                rotation[row, "xyz".index(axis)] += -round(size) if sign == "-" else round(size)
            else:
                translation[row] += -_number(shift) if shift_sign == "-" else _number(shift)
    if abs(round(float(np.linalg.det(rotation)))) != 1:
        raise InputError(f"broken CIF: {text[:40]!r} is no symmetry operation")
    return rotation, translation


def _number(text: str) -> float:
    try:
        value = float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        return float("inf")
    nearest = round(value * _DENOMINATOR) / _DENOMINATOR if value < 1e6 else value
    return nearest if abs(nearest - value) < _ROUNDED else value


def _keys(rotations: NDArray[np.int64], translations: NDArray[np.float64]) -> NDArray[np.int64]:
    """Returns each operation as twelve whole numbers, translations modulo the cell."""
    parts = 1000
    shifts = np.round(translations % 1 * parts).astype(np.int64) % parts
    return np.concatenate([rotations.reshape(-1, 9), shifts], axis=1)


def _is_closed(group: Group) -> bool:
    known = group.keys()
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        products = rotation @ group.rotations
        shifts = group.translations @ rotation.T + translation
        if not set(map(tuple, _keys(products, shifts).tolist())) <= known:
            return False
    return True
