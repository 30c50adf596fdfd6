"""One formula as people write it: fractions, brackets, hydrates; and why it cannot be read."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from string import digits
from typing import cast

from tfmat.formulas.compositions import symbols
from tfmat.formulas.elements import atomic_numbers
from tfmat.formulas.neutral import may_be_compound
from tfmat.formulas.notation import FormulaError as FormulaError
from tfmat.formulas.notation import plain_fractions, plain_text

Amount = int | Fraction | float

LARGEST_COUNT = 65_535
"""The most atoms of one element in a reduced formula."""

LARGEST_DENOMINATOR = 100
"""The most formula units that a fractional formula is multiplied by to make its amounts whole."""

LOST = re.compile("[\ud800-\udfff\ufffd]")
"""What stands where a character could not be decoded: halves of surrogate pairs, U+FFFD."""

# How tables write a missing value. "NaN" is not among them: that is sodium nitride.
_MISSING = {
    *("", "-", "--", "?", ".", "nan", "none", "None", "null", "NULL", "NaT", "<NA>", "N.A."),
    *(
        "n.a.",
        "NA",
        "N/A",
        "n/a",
        "#N/A",
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#DIV/0!",
        "#NUM!",
        "#NULL!",
    ),
}
_LONGEST = 1_000
_CHARGE = re.compile(r"\d*[+-]+(?=[)\s]|\Z)|[+-]\d+(?=[)\s]|\Z)|[⁰¹²³⁴⁵⁶⁷⁸⁹]*[⁺⁻]|<sup>|\^")
# Without brackets only two of I are sure to be no iodine: CsVI3 is a compound.
_OXIDATION_STATE = re.compile(r"\((?:I{1,3}|I?V|VI{0,3})\)|II+")
# Acetate, in brackets, which no oxide of actinium has.
_ACETATE = re.compile(r"\((?:OAc|AcO)\)")
_VARIABLE = re.compile(r"[-+\d(·]([xyznδ])(?![a-z])|(δ)")
_ISOTOPE = re.compile(r"\(\d+[A-Z][a-z]?\)")
# The number here may be an amount, or end one and, after a hydrate's dot, begin another.
_TWO_WAYS = re.compile(
    r"(?:(?<=[A-Za-z)])\.\d+|(?<=[A-Za-z)\d])[1-9]\d*\.\d+)\(?(?:[HD]2O|NH3|HCl|HF)(?![a-z])"
    r"|\d*\.\d+\.\d+"
)
_DOT = re.compile(r"(?<![·(.\d])(?:[1-9]\d*)?\.([1-9]\d?)(?=[A-Z(])")
_WRITTEN_ONE = re.compile(r"(?<=[A-Za-z)])1(?![\d.])")
# Adducts have smaller factors, hydrates aside; amounts of elements are seldom cut to two digits.
_LARGEST_FACTOR = 24
_UNCLEAR_BLANK = re.compile(r"[\d.]\s+[\d.]|\s[a-z]|[A-Za-z)]\s+\d[\d.]*[A-Z(]")
_NUMBER = r"\d+⁄[1-9]\d*|\d*\.\d+|\d+"
_FACTOR = re.compile(_NUMBER, re.ASCII)
_TOKEN = re.compile(rf"([A-Z][a-z]*|[()·])({_NUMBER})?", re.ASCII)
# Differences below this are those of a computer's decimal numbers: 0.30000000000000004.
_NOISE = Fraction(1, 10**6)


def parse_formula(text: str | None) -> dict[int, int]:
    """Reads one formula.

    Understood: whole and decimal numbers, fractions (``½``, ``Li1/3``); nested brackets of any
    kind; hydrates and adducts after ``·``, ``•``, ``⋅``, ``*``, ``×``, or a plain dot before a
    letter (``CaSO4·0.5H2O``); a factor in front; subscript digits, HTML and LaTeX subscripts; wide
    letters; blanks. D and T count as hydrogen.

    Decimal amounts become whole by their smallest common denominator, of at most
    :data:`LARGEST_DENOMINATOR`. 0.33, 0.67, 0.167 and the like are taken as the thirds and sixths
    that they abbreviate, a number of more than two decimals as the simplest fraction that it may
    stand for; where that leaves no common denominator, the decimals are taken literally.

    Rejected: ions; oxidation states (``Fe(II)O``, ``FeIIO``); acetate as ``(OAc)``; variable
    amounts (``Li1-xCoO2``); open choices (``(Fe,Mg)O``); percentages; isotopes (``[18O]``); an
    amount of zero; more than :data:`LARGEST_COUNT` atoms of an element; unknown symbols; and what
    may mean two compounds: a plain dot that may be an adduct's or a decimal point (``CuSO4.5H2O``,
    ``K2SO4.2MgSO4``), a blank before a number that may be a factor (``NaCl 2H2O``), an underscore
    before the number of a label (``Fe2O3_167``), a slash between materials.

    A plain dot in a number counts as a decimal point only where it can be nothing else: where one
    of the two sides, taken apart, is no neutral compound
    (:func:`tfmat.formulas.neutral.may_be_compound`), as in ``La.7Sr.3MnO3`` or ``LiMn1.5Ni0.5O4``.

    Args:
        text: The formula, or ``None`` where a table has none.

    Returns:
        Atomic number to number of atoms, reduced by the greatest common divisor.

    Raises:
        FormulaError: Why it cannot be read.
    """
    if text is None or text.strip() in _MISSING:
        raise FormulaError("no formula")
    plain = _clean(text)
    for read in (int,) if "." not in plain and "⁄" not in plain else (_abbreviated, _literal):
        amounts = cast("dict[int, int | Fraction]", _amounts(plain, read))
        factor = math.lcm(*(amount.denominator for amount in amounts.values()))
        if factor <= LARGEST_DENOMINATOR:
            break
    else:
        raise FormulaError(
            f"no whole numbers: no common denominator up to {LARGEST_DENOMINATOR} gives them"
        )
    counts = {number: int(amount * factor) for number, amount in amounts.items()}
    divisor = math.gcd(*counts.values())
    for number, count in counts.items():
        counts[number] = count // divisor
        if counts[number] > LARGEST_COUNT:
            raise FormulaError(f"too many atoms: more than {LARGEST_COUNT} of {symbols()[number]}")
    return counts


def _clean(text: str) -> str:
    """Brings the notations of one thing to one form and rejects what is no composition."""
    if len(text) > _LONGEST:
        raise FormulaError(f"too long: {len(text)} characters")
    if LOST.search(text):
        raise FormulaError("encoding: a character of it is lost; save the table as UTF-8")
    # A cell that swallowed the rows below it.
    if sum(len(re.findall("[A-Z]", line)) > 1 for line in text.splitlines()) > 1:
        raise FormulaError("unclear line break: there is a formula in more than one line")
    spaced = plain_text(text)
    plain = "".join(spaced.split())
    if variable := _VARIABLE.search(plain):
        raise FormulaError(f"variable amount: {variable[1] or variable[2]!r}")
    if charge := _CHARGE.search(spaced):
        raise FormulaError(f"ion: {charge[0]!r} is a charge, and only neutral formulas are read")
    if state := _OXIDATION_STATE.search(plain):
        raise FormulaError(f"oxidation state: leave {state[0]} out")
    if acetate := _ACETATE.search(plain):
        raise FormulaError(f"abbreviation: {acetate[0]} is acetate, not actinium")
    if isotope := _ISOTOPE.search(plain):
        raise FormulaError(f"isotope: leave the number in {isotope[0]!r} out")
    if blank := _UNCLEAR_BLANK.search(spaced):
        raise FormulaError(f"unclear blank: {blank[0]!r}")
    if "," in plain:
        raise FormulaError("open choice: ',' gives no amounts")
    if "%" in plain:
        raise FormulaError("percentage: '%' does not say of what")
    # A dot before a letter ends no number.
    plain = re.sub(r"\.(?=[A-Z(])", "·", plain_fractions(plain))
    dot = _TWO_WAYS.search(plain)
    if unclear := dot[0] if dot else _unclear_dot(plain):
        raise FormulaError(
            f"unclear dot: {unclear!r} may be an adduct's, to be written with ·, or a decimal"
        )
    return plain


def _unclear_dot(text: str) -> str | None:
    """Finds a dot that may join two compounds: K2SO4.2MgSO4, but not LiMn1.5Ni0.5O4."""
    if "." not in text:
        return None
    ones = _WRITTEN_ONE.search(text) is not None
    dots = [
        match.start(1) - 1
        for match in _DOT.finditer(text)
        if match.start() > 0 and int(match[1]) <= _LARGEST_FACTOR
        # An amount of 1 is not written, unless all are.
        if ones or not match[0].startswith("1.")
    ]
    for dot in dots:
        first, last = _level(text, dot)
        befores = {first, *[other + 1 for other in dots if first <= other < dot][-1:]}
        ends = {last, *[other for other in dots if dot < other < last][:1]}
        if any(_is_compound(text[at:dot]) for at in befores) and any(
            _is_compound(text[dot + 1 : at]) for at in ends
        ):
            number = text[:dot].rstrip(digits)
            return text[len(number) : dot + 4]
    return None


def _level(text: str, dot: int) -> tuple[int, int]:
    """Returns where the parts on both sides of a dot begin and end: brackets and sure dots."""
    ends = []
    for step, opening, closing in ((-1, ")", "("), (1, "(", ")")):
        depth, at = 0, dot + step
        while 0 <= at < len(text):
            depth += (text[at] == opening) - (text[at] == closing)
            if depth < 0 or (depth == 0 and text[at] == "·"):
                break
            at += step
        ends.append(at)
    return ends[0] + 1, ends[1]


def _is_compound(text: str) -> bool:
    """Tells whether a part of a formula can stand for itself."""
    try:
        amounts = _amounts(text.lstrip(digits + "⁄"), _rough)
    except FormulaError:
        return False
    return may_be_compound(amounts)


@dataclass
class _Group:
    """What stands between two brackets: parts joined by dots, the last one still open."""

    factor: Amount
    part: dict[int, Amount] = field(default_factory=dict)
    closed: dict[int, Amount] = field(default_factory=dict)

    def close(self, factor: Amount = 1) -> None:
        """Ends a part and begins the next, which counts ``factor`` times."""
        if not self.part:
            raise FormulaError("no element: between brackets, beside a dot or after a number")
        _add(self.closed, self.part, self.factor)
        self.part, self.factor = {}, factor


def _amounts(text: str, read: Callable[[str], Amount]) -> dict[int, Amount]:
    """Reads a cleaned formula with a given way to read numbers."""
    lead = _FACTOR.match(text)
    position = lead.end() if lead else 0
    groups = [_Group(_amount(text[:position], read))]
    for match in _TOKEN.finditer(text, position):
        if match.start() > position:
            break
        position = match.end()
        word, amount = match[1], _amount(match[2], read)
        if word == "(":
            groups.append(_Group(amount))
        elif word == ")":
            if len(groups) == 1:
                raise FormulaError("brackets: one is closed that was not opened")
            groups[-1].close()
            _add(groups[-2].part, groups.pop().closed, amount)
        elif word == "·":
            groups[-1].close(amount)
        else:
            number, part = _atomic_number(word), groups[-1].part
            part[number] = part.get(number, 0) + amount
    if position < len(text):
        sign = text[position]
        code = "" if sign.isascii() else f" (U+{ord(sign):04X})"
        raise FormulaError(f"unexpected character: {sign!r}{code}")
    if len(groups) > 1:
        raise FormulaError("brackets: one is not closed")
    groups[0].close()
    return groups[0].closed


def _amount(text: str | None, read: Callable[[str], Amount]) -> Amount:
    if not text:
        return 1
    amount = read(text)
    if not amount:
        raise FormulaError("amount of 0")
    return amount


def _add(total: dict[int, Amount], part: dict[int, Amount], factor: Amount) -> None:
    for number, amount in part.items():
        total[number] = total.get(number, 0) + (amount if factor == 1 else amount * factor)


def _literal(number: str) -> Fraction:
    return Fraction(number.replace("⁄", "/"))


def _rough(number: str) -> float:
    over, _, under = number.partition("⁄")
    return float(over) / float(under or 1)


@functools.lru_cache(maxsize=4096)
def _abbreviated(number: str) -> Fraction:
    """Returns the fraction that a decimal number probably stands for: 0.33 is a third."""
    value = _literal(number)
    decimals = len(number.partition(".")[2])
    if decimals < 2:
        return value
    # A third is cut to 0.66 as often as it is rounded to 0.67: up to one unit of the last digit.
    unit = max(Fraction(1, 10**decimals), _NOISE)
    for denominator in (6, value.denominator, *range(1, LARGEST_DENOMINATOR + 1)):
        near = Fraction(round(value * denominator), denominator)
        # A sixth, though, is rounded: 0.16 and 0.84 are as often meant so.
        wide = unit / 2 if near.denominator == 6 and decimals == 2 else unit
        if denominator <= LARGEST_DENOMINATOR and abs(near - value) < wide:
            return near
    return value


def _atomic_number(symbol: str) -> int:
    """Returns the atomic number of a symbol."""
    known = atomic_numbers()
    if symbol in known:
        return known[symbol]
    if symbol[-1] in "xyzn" and symbol[:-1] in known:
        raise FormulaError(f"variable amount: {symbol[-1]!r}")
    raise FormulaError(f"unknown element: {symbol!r}")
