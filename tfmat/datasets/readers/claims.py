"""What a file says of its structure besides the atoms, compared with the atoms that were read."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.numerals import numeral
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers
from tfmat.formulas.formula_text import FormulaError
from tfmat.formulas.formula_text import parse_formula as parse_any_formula

# A fraction ends a word: in CuSO4.5H2O the dot is none of a number.
_AMOUNT = r"(?:\d+(?![\d.])|(?:\d+\.\d*|\.\d+)(?![A-Za-z\d.]))?"
_PART = re.compile(rf"([A-Z][a-z]?)({_AMOUNT})", re.ASCII)
# Elements with amounts, then perhaps a charge.
_FORMULA = re.compile(rf"\s*((?:[A-Z][a-z]?{_AMOUNT}\s*)+)(?:(?<=\s)\d*[+-])?\s*", re.ASCII)
# Rounded amounts (Fe2.667) times the formula units of a cell stay within this.
_ROUNDED = 0.1
_FORMULAS = (
    "chemical_formula_reduced",
    "chemical_formula_descriptive",
    "chemical_formula_sum",
    "formula",
    "formula_pretty",
    "full_formula",
    "pretty_formula",
    "reduced_formula",
)
# Whatever a record may claim.
_CLAIMS = frozenset(
    (*_FORMULAS, "nsites", "nelements", "elements", "chemsys", "composition", "volume")
)
# A list of elements as text: "Na-Cl", "['Na', 'Cl']".
_WORDS = re.compile(r"[A-Za-z]+")
_BETWEEN = frozenset(" \t[](){}'\",;-")
# Of these every spelling is read where it must be readable.
_SURE_FORMULAS = ("chemical_formula_reduced", "formula_pretty")
# Shares of elements are rounded, too.
_CLOSE = 0.01
# Stated volumes are rounded; a wrong length or angle shows in more than this share.
_VOLUME_TOLERANCE = 0.01


class Confirmed(IntEnum):
    """How much of a structure its file confirms."""

    NOTHING = 0
    RATIO = 1
    """Which elements there are, and in which ratio."""
    COUNT = 2
    """How many atoms of each element the cell holds."""


@lru_cache(1024)
def parse_formula(text: str) -> Mapping[int, float] | None:
    """Reads a plain formula, as of ``_chemical_formula_sum``.

    Args:
        text: Elements with amounts, with or without blanks.

    Returns:
        Amounts by atomic number (deuterium counts as hydrogen); ``None`` if it is no such formula.
    """
    match = _FORMULA.fullmatch(text)
    if match is None:
        return None
    amounts: dict[int, float] = {}
    for symbol, amount in _PART.findall(match[1]):
        number = atomic_numbers().get(symbol)
        if number is None:
            return None
        amounts[number] = amounts.get(number, 0.0) + float(amount or 1)
    amounts = {number: amount for number, amount in amounts.items() if amount > 0}
    return amounts if amounts and all(map(math.isfinite, amounts.values())) else None


def check_formula(
    counts: Mapping[int, int], formula: Mapping[int, float], units: float | None
) -> Confirmed:
    """Compares the atoms of a cell with a formula.

    Args:
        counts: Atoms of the cell by atomic number.
        formula: Amounts by atomic number: of one formula unit, or (as pymatgen writes it) of the
            whole cell.
        units: How many formula units the cell holds, if the file says so.

    Returns:
        ``COUNT`` with ``units``, else ``RATIO``.

    Raises:
        InputError: They differ; the message has both.
    """
    if units is not None:
        if _equal(counts, formula, units):
            return Confirmed.COUNT
        whole = all(
            abs(amount / units - round(amount / units)) < 1e-6 for amount in formula.values()
        )
        if whole and _equal(counts, formula, 1):
            return Confirmed.COUNT
    else:
        factor = sum(counts.values()) / sum(formula.values())
        if factor > 1 - 1e-3 and _equal(counts, formula, factor):
            return Confirmed.RATIO
    times = f" times {units:g}" if units is not None else ""
    raise InputError(
        f"{_kind(counts, formula)}: {formula_text(counts)} in the cell, but the stated formula is "
        f"{formula_text(formula)}{times}"
    )


def _kind(counts: Mapping[int, int], formula: Mapping[int, float]) -> str:
    """Says "incomplete" where nothing but hydrogen is missing, as in many a measured structure."""
    heavy = {number: amount for number, amount in formula.items() if number != 1}
    own = {number: count for number, count in counts.items() if number != 1}
    if heavy and heavy.keys() == own.keys() and 1 in formula:
        factor = sum(own.values()) / sum(heavy.values())
        if _equal(own, heavy, factor) and counts.get(1, 0) < factor * formula[1]:
            return "incomplete"
    return "contradiction"


def _equal(counts: Mapping[int, int], formula: Mapping[int, float], factor: float) -> bool:
    return counts.keys() == formula.keys() and all(
        abs(counts[number] - factor * amount) < _ROUNDED + 1e-3 * factor * amount
        for number, amount in formula.items()
    )


def formula_text(amounts: Mapping[int, float]) -> str:
    """Returns amounts by atomic number as text, by rising number: ``O1 Na2``."""
    from ase.data import chemical_symbols

    return " ".join(f"{chemical_symbols[z]}{amounts[z]:g}" for z in sorted(amounts))[:80]


def check_record(crystal: Crystal, record: Mapping[str, Any], *, strict: bool = False) -> None:
    """Compares a structure with what a database's record says of it.

    Looked at are ``nsites``, ``nelements``, ``elements``, ``elements_ratios`` (of these elements,
    in their order), ``chemsys``, ``composition`` and the formulas (``chemical_formula_reduced``,
    ``formula_pretty`` and the like), where they are there and readable: the fields of OPTIMADE, of
    the Materials Project and of pymatgen's documents.

    Args:
        crystal: The structure.
        record: The fields; one that is ``None`` says nothing. In tables all are texts.
        strict: The fields are those of a database's interface: one that cannot be read is wrong,
            too, and ``volume`` is that of the cell in Å³.

    Raises:
        InputError: They differ; the message names the field.
    """
    if _CLAIMS.isdisjoint(record):
        return
    numbers, amounts = np.unique(crystal.numbers, return_counts=True)
    counts = dict(zip(numbers.tolist(), amounts.tolist(), strict=True))
    for name, found in (("nsites", len(crystal)), ("nelements", len(counts))):
        stated = record.get(name) if strict else _number(record.get(name))
        silent = stated is None or not (strict or _is_number(stated))
        if not (silent or (_is_number(stated) and stated == found)):
            raise InputError(f"contradiction: {found} by the atoms, but {name} is {_short(stated)}")
    _check_elements(counts, record, strict)
    for formula in _formulas(record, strict):
        check_ratio(counts, formula)
    volume = record.get("volume")
    if strict and volume is not None:
        if not (_is_number(volume) and volume > 0):
            raise InputError(f"contradiction: volume is {_short(volume)}")
        check_volume(abs(float(np.linalg.det(crystal.lattice))), volume, "volume")


def _check_elements(counts: Mapping[int, int], record: Mapping[str, Any], strict: bool) -> None:
    elements, shares = record.get("elements"), record.get("elements_ratios")
    numbers = _check_listed(counts, elements, strict)
    _check_listed(counts, record.get("chemsys"), strict=False)
    if not numbers:
        return
    readable = isinstance(shares, list | tuple) and all(map(_is_number, shares))
    if shares is None or not (strict or readable):
        return
    total = sum(counts.values())
    good = readable and len(shares) == len(numbers)
    for number in counts if good else ():
        found = counts[number] / total
        stated = sum(share for one, share in zip(numbers, shares, strict=True) if one == number)
        good = good and found - _CLOSE <= stated <= found + _CLOSE
    if not good:
        raise InputError(
            f"contradiction: {formula_text(counts)} in the cell, but elements_ratios are "
            f"{_short(shares)}"
        )


def _check_listed(counts: Mapping[int, int], elements: object, strict: bool) -> list[int | None]:
    """Compares a list of elements; returns their numbers, none where it says nothing."""
    if isinstance(elements, str) and not strict:
        plain = not set(_WORDS.sub("", elements)) - _BETWEEN
        elements = _WORDS.findall(elements) if plain else None
    listed = elements if isinstance(elements, list | tuple) else [None]
    numbers = [_symbol_number(element) for element in listed]
    if elements is None or (not strict and (None in numbers or not numbers)):
        return []
    if set(numbers) != set(counts):
        raise InputError(
            f"contradiction: {formula_text(counts)} in the cell, but the elements are "
            f"{', '.join(map(str, listed))[:60] if None not in listed else _short(elements)}"
        )
    return numbers


def check_volume(volume: float, stated: object, name: str) -> None:
    """Compares a cell with the volume that its file states.

    Args:
        volume: Of the cell, in Å³.
        stated: The volume in Å³; what is no positive number says nothing.
        name: What the file calls it, for the message.

    Raises:
        InputError: They differ by more than rounding.
    """
    if not (_is_number(stated) and stated > 0):
        return
    if not abs(stated / volume - 1) <= _VOLUME_TOLERANCE:
        raise InputError(
            f"contradiction: the cell has {volume:.6g} Å³, but {name} is {_short(stated)}"
        )


def check_ratio(counts: Mapping[int, int], formula: Mapping[int, float]) -> None:
    """Compares only the ratio of the elements with a formula.

    Args:
        counts: Atoms by atomic number.
        formula: Amounts by atomic number.

    Raises:
        InputError: They differ.
    """
    if not _equal(counts, formula, sum(counts.values()) / sum(formula.values())):
        raise InputError(
            f"contradiction: {formula_text(counts)} in the cell, but the stated formula is "
            f"{formula_text(formula)}"
        )


def _formulas(record: Mapping[str, Any], strict: bool) -> Iterable[Mapping[int, float]]:
    for name in _FORMULAS:
        text = record.get(name)
        formula = parse_formula(text) if isinstance(text, str) and len(text) < 1000 else None
        if formula is None and strict and text is not None and name in _SURE_FORMULAS:
            try:
                formula = parse_any_formula(text if isinstance(text, str) else "")
            except FormulaError as error:
                raise InputError(f"contradiction: {name} {_short(text)} is no formula") from error
        if formula is not None:
            yield formula
    composition = record.get("composition")
    if isinstance(composition, Mapping) and composition:
        amounts: Counter[int] = Counter()
        for symbol, amount in composition.items():
            number = _symbol_number(symbol)
            if number is None or not isinstance(amount, int | float) or not 0 < amount < 1e9:
                return
            amounts[number] += amount  # type: ignore[assignment]
        yield dict(amounts)


def _is_number(value: Any) -> TypeGuard[int | float]:
    # Longer whole numbers are no measure of anything, and no float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _number(value: object) -> object:
    """Returns the number that a text is; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return numeral(value.strip())
    except ValueError:
        return None


def _short(value: object) -> str:
    return repr(value)[:60]


def _symbol_number(symbol: object) -> int | None:
    return atomic_numbers().get(symbol) if isinstance(symbol, str) else None
