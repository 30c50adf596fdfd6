"""What a database says of a structure beside its atoms must agree with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import gcd
from typing import Any

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers
from tfmat.formulas.formula_text import parse_formula

# Ratios that servers rounded.
_CLOSE = 1e-2
_FORMULAS = ("chemical_formula_reduced", "formula_pretty")


def check_claims(crystal: Crystal, claims: Mapping[str, Any]) -> None:
    """Compares a crystal with what its entry says of it.

    Args:
        crystal: As it was read.
        claims: ``nsites``, ``nelements``, ``elements``, ``elements_ratios`` (for these elements in
            this order), ``chemical_formula_reduced``, ``formula_pretty`` and ``volume`` in Å³;
            what is absent or ``None`` claims nothing.

    Raises:
        InputError: They contradict each other; ``"inconsistent: detail"``.
    """
    counts = Counter(crystal.numbers.tolist())
    _same(claims, "nsites", len(crystal))
    _same(claims, "nelements", len(counts))
    elements = claims.get("elements")
    if elements is not None:
        numbers = _numbers(elements)
        if sorted(numbers) != sorted(counts):
            raise InputError(
                f"inconsistent: elements {_short(elements)} are not those of its sites"
            )
        _check_ratios(claims.get("elements_ratios"), [counts[z] / len(crystal) for z in numbers])
    for key in _FORMULAS:
        _check_formula(claims.get(key), counts, key)
    volume = claims.get("volume")
    found = float(abs(np.linalg.det(crystal.lattice)))
    if volume is not None and not (_is_number(volume) and abs(volume - found) <= _CLOSE * found):
        raise InputError(f"inconsistent: volume {_short(volume)} Å³, its cell has {found:.2f}")


def _same(claims: Mapping[str, Any], key: str, found: int) -> None:
    stated = claims.get(key)
    if stated is not None and not (_is_number(stated) and stated == found):
        raise InputError(f"inconsistent: {key} is {_short(stated)}, the structure has {found}")


def _check_ratios(stated: Any, found: list[float]) -> None:
    if stated is None:
        return
    good = isinstance(stated, list) and len(stated) == len(found) and all(map(_is_number, stated))
    if not good or any(
        not abs(one - other) <= _CLOSE for one, other in zip(stated, found, strict=True)
    ):
        raise InputError(
            f"inconsistent: elements_ratios {_short(stated)} are not those of its sites"
        )


def _check_formula(stated: Any, counts: Mapping[int, int], key: str) -> None:
    if stated is None:
        return
    try:
        claimed = parse_formula(stated if isinstance(stated, str) else "")
    except ValueError as error:
        raise InputError(f"inconsistent: {key} {_short(stated)} is no formula") from error
    divisor = gcd(*counts.values())
    if claimed != {number: count // divisor for number, count in counts.items()}:
        raise InputError(f"inconsistent: {key} {_short(stated)} is not what its sites hold")


def _numbers(symbols: Any) -> list[int]:
    known = atomic_numbers()
    if not isinstance(symbols, list) or not all(
        isinstance(symbol, str) and symbol in known for symbol in symbols
    ):
        raise InputError(f"inconsistent: elements {_short(symbols)} are none")
    return [known[symbol] for symbol in symbols]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: object) -> str:
    return repr(value)[:60]
