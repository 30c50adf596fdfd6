"""Numbers as text: strictly decimal, with the exponents that Fortran programs write."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)
_EXPONENT = str.maketrans("dD", "ee")


def numeral(word: str) -> float:
    """Reads one number: ``-1``, ``.5``, ``1.0e-3``, ``1.0D+00``.

    Args:
        word: The number without blanks around it.

    Returns:
        Its value; infinite where it is too large for a float.

    Raises:
        ValueError: It is none; the message quotes it.
    """
    if not _DECIMAL.fullmatch(word):
        raise ValueError(f"{word[:40]!r} is no number")
    return float(word.translate(_EXPONENT))


def numerals(words: Iterable[str]) -> list[float]:
    """Reads numbers as :func:`numeral` does, quickly where they are plain.

    Args:
        words: The numbers.

    Raises:
        ValueError: One of them is none.
    """
    words = list(words)
    try:
        values = list(map(float, words))
    except ValueError:
        return list(map(numeral, words))
    # Python's own numbers (1_000, digits of other scripts) are typing errors in a data file.
    text = "".join(words)
    if "_" in text or not text.isascii():
        return list(map(numeral, words))
    return values
