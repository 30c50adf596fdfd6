"""The chemical formula that a CIF states, in the spellings that programs use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from tfmat.datasets.readers.claims import Confirmed, check_formula, parse_formula
from tfmat.errors import InputError
from tfmat.formulas.formula_text import FormulaError
from tfmat.formulas.formula_text import parse_formula as parse_any_formula

_ABSENT = ("", ".", "?")
# Those of the largest frameworks have some hundred characters; patterns below may take the square.
_LONGEST = 2000
_SEPARATOR = re.compile(r"\s*[,;](?=\s|[A-Z]|\Z)\s*")
# CIF's own mark for subscripts.
_SUBSCRIPT = re.compile(r"~(\d+(?:\.\d*)?|\.\d+)~", re.ASCII)
_UNCERTAINTY = re.compile(r"(?<=\d)\(\d+\)(?=\s|\Z)", re.ASCII)
_LOOSE_AMOUNT = re.compile(r"(?<=[A-Za-z])\s+(\d+(?:\.\d*)?|\.\d+)(?=\s|\Z)", re.ASCII)
_POLYMER = re.compile(r"\(([^()]*)\)\s*n", re.ASCII)
_WORD = re.compile(r"[A-Za-z]{1,2}[\d.]*", re.ASCII)


@dataclass(frozen=True)
class Formula:
    """What a stated formula may mean.

    Attributes:
        readings: Amounts by atomic number, for each meaning.
        exact: Whether there is one meaning, whose amounts are those of a formula unit.
    """

    readings: tuple[Mapping[int, float], ...]
    exact: bool


@lru_cache(1024)
def read_formula(text: str) -> Formula | None:
    """Reads the value of ``_chemical_formula_sum``.

    Besides the standard's form (``C2 H6 O``) are read: commas, charges of ions (``K1+ Cl1-``),
    blanks before amounts, subscripts ``~2~``, symbols in capitals, brackets and adducts.

    Args:
        text: The value without quotes.

    Returns:
        The formula; ``None`` if the file states none.

    Raises:
        InputError: It cannot be read.
    """
    if text.strip() in _ABSENT:
        return None
    if len(text) > _LONGEST:
        raise InputError(f"unclear formula: {len(text):,} characters")
    plain = _SUBSCRIPT.sub(r"\1", _SEPARATOR.sub(" ", text)).strip()
    plain = _UNCERTAINTY.sub("", plain)
    if polymer := _POLYMER.fullmatch(plain):
        plain = polymer[1]
    for spelling in _spellings(plain):
        found = [amounts for one in spelling if (amounts := parse_formula(one)) is not None]
        if found:
            readings = [one for place, one in enumerate(found) if one not in found[:place]]
            return Formula(tuple(readings), len(readings) == 1)
    try:
        return Formula((parse_any_formula(plain),), exact=False)
    except FormulaError as error:
        raise InputError(f"unclear formula: {text[:40]!r} cannot be read ({error})") from error


def _spellings(plain: str) -> Iterator[tuple[str, ...]]:
    """Returns what a formula may stand for, the most literal first."""
    yield (plain, *_in_capitals(plain))
    joined = _LOOSE_AMOUNT.sub(r"\1", plain)
    yield (joined, *_in_capitals(joined))
    # "Ca2+" is an ion, or two atoms with a sign.
    yield re.sub(r"\d*[+-]", "", joined), re.sub(r"[+-]\d*", "", joined)
    if _WORD.fullmatch(joined):
        yield (joined.capitalize(),)


def _in_capitals(plain: str) -> Iterator[str]:
    """Returns what words in capitals mean if each is one element: silicon in ``SI1 O2``."""
    words = plain.split()
    if len(words) > 1 and all(map(_WORD.fullmatch, words)):
        capitalised = " ".join(map(str.capitalize, words))
        if capitalised != plain:
            yield capitalised


def confirm(formula: Formula, counts: Mapping[int, int], units: float | None) -> Confirmed:
    """Compares the atoms of a cell with a formula.

    Args:
        formula: As it was read.
        counts: Atoms of the cell by atomic number.
        units: How many formula units the cell holds, if the file says so.

    Returns:
        How much the formula confirms; of one with several meanings the ratio at most.

    Raises:
        InputError: They differ.
    """
    if formula.exact:
        return check_formula(counts, formula.readings[0], units)
    *others, last = formula.readings
    for reading in others:
        with suppress(InputError):
            return check_formula(counts, reading, None)
    return check_formula(counts, last, None)
