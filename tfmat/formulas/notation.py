"""The signs of formulas: markup, other alphabets, brackets and fractions in one form."""

from __future__ import annotations

import html
import re
import unicodedata

# Subscripts, wide letters, dots that are no decimal point and dashes become those of the keyboard;
# what takes no room becomes a blank.
_SAME = str.maketrans(
    {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "•⋅∙●‧・･·×*＊"), "·")
    | dict.fromkeys(map(ord, "−–—‐‑﹣"), "-")
    | dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD), " ")
    | dict(zip(map(ord, "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₓₙ․"), "0123456789+-()xn.", strict=True))
)
_KEYBOARD = re.compile(r"[A-Za-z\d.()\[\]{} ]*", re.ASCII)
_ROUND = str.maketrans("[]{}", "()()")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_MARKUP = re.compile(r"</?(?:sub|inf)>|\$|\\(?:mathrm|rm|text|ce|mathit|it|ensuremath)\b ?", re.I)
_LATEX = {r"\cdot": "·", r"\bullet": "·", r"\times": "·", r"\delta": "δ", r"\,": " "}
_SUBSCRIPT = re.compile(r"_\{([\d.]+)\}|(?<=[A-Za-z)\]}])_(0?\.\d+|\d+)")
_FRACTION = re.compile(r"(\d*)([¼½¾⅐-⅞])")
# Elsewhere a slash may stand between two materials: TiO2/3Ag.
_SLASH = re.compile(r"((?<![A-Za-z)\d.])\d+|(?<![\d.])1)/(?=[1-9])")


class FormulaError(ValueError):
    """The formula cannot be read; the message says why, without the formula itself."""


def plain_text(text: str) -> str:
    """Writes a formula with the signs of a keyboard, ``·`` and ``δ``, and round brackets only.

    Args:
        text: A formula with subscript digits, HTML, LaTeX, wide letters, brackets of any kind.

    Returns:
        The formula; blanks stay.

    Raises:
        FormulaError: A bracket is not closed, or by another kind; a number behind an underscore
            may be a label.
    """
    if not _KEYBOARD.fullmatch(text):
        if "&" in text:
            text = html.unescape(text)
        text = _MARKUP.sub("", text)
        for command, sign in _LATEX.items():
            text = text.replace(command, sign)
        text = text.translate(_SAME).strip()
        if "_" in text:
            text = _without_underscores(text)
    _check_brackets(text)
    return text.translate(_ROUND)


def _without_underscores(text: str) -> str:
    """Takes the underscores of LaTeX away: Li_2O, but neither Fe2O3_2 nor MgO_225."""
    bare = [match[2] for match in _SUBSCRIPT.finditer(text) if match[2]]
    elsewhere = re.search(r"[A-Za-z)\]}]\d", _SUBSCRIPT.sub("", text))
    label = len(bare) == 1 and len(bare[0]) > 1 and text.endswith(f"_{bare[0]}")
    if re.search(r"\d_\d", text) or (bare and (elsewhere or label)):
        raise FormulaError("unclear underscore: the number behind it may be a label")
    return _SUBSCRIPT.sub(lambda match: match[1] or match[2], text)


def _check_brackets(text: str) -> None:
    """Checks that every bracket is closed by its own kind."""
    expected: list[str] = []
    for sign in text:
        if sign in "([{":
            expected.append(_CLOSING[sign])
        elif sign in ")]}":
            if not expected:
                raise FormulaError("brackets: one is closed that was not opened")
            if expected.pop() != sign:
                raise FormulaError("brackets: one is closed by another kind")
    if expected:
        raise FormulaError("brackets: one is not closed")


def plain_fractions(text: str) -> str:
    """Writes every fraction as ``5⁄2``, with the slash of fractions (U+2044).

    Args:
        text: A formula as :func:`plain_text` gives it, without blanks.

    Raises:
        FormulaError: A slash may stand between two materials.
    """
    text = _FRACTION.sub(_with_slash, _SLASH.sub(r"\1⁄", text))
    if "/" in text:
        raise FormulaError("unclear slash: it may stand between two materials")
    return text


def _with_slash(match: re.Match[str]) -> str:
    """Writes ``2½`` as ``5⁄2``."""
    over, under = map(int, unicodedata.normalize("NFKC", match[2]).split("⁄"))
    return f"{int(match[1] or 0) * under + over}⁄{under}"
