"""Arguments of the functions for Python, checked like a command's options.

The library's messages name an argument in backticks; ``tfmat.cli.main`` turns it into the option.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable

from tfmat.errors import InputError

LARGEST_SEED = 2**64 - 1


def whole(name: str, value: int, least: int, most: int | None = None) -> int:
    """Checks a whole number.

    Args:
        name: Name of the argument.
        value: What was given.
        least: The smallest that is possible.
        most: The largest.

    Raises:
        InputError: It is none, or out of range.
    """
    # NumPy's whole numbers, too; True is none.
    number = None if isinstance(value, bool) or not hasattr(value, "__index__") else int(value)
    if number is None or number < least or (most is not None and number > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"`{name}`: must be a whole number {limits}, not {value!r}")
    return number


def real(
    name: str, value: float, *, above: float | None = None, least: float | None = None
) -> float:
    """Checks a finite number.

    Args:
        name: Name of the argument.
        value: What was given.
        above: It has to be larger than this.
        least: It has to be this at least.

    Raises:
        InputError: It is none, or out of range.
    """
    limit = f"above {above:g}" if above is not None else f"of at least {least:g}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    low = number <= above if above is not None else least is not None and number < least
    if not math.isfinite(number) or low:
        raise InputError(f"`{name}`: must be a number {limit}, not {value!r}")
    return number


def one_of(name: str, value: str, known: Collection[str]) -> None:
    """Checks a word.

    Args:
        name: Name of the argument.
        value: What was given.
        known: The words that are possible.

    Raises:
        InputError: It is another one.
    """
    if value not in known:
        raise InputError(f"`{name}`: must be one of {', '.join(known)}, not {value!r}")


def symbols(value: str | Iterable[str]) -> tuple[str, ...]:
    """Returns element symbols, each once.

    Args:
        value: Symbols, or one text such as ``"Bi,Se"`` or ``"Bi-Se"``.
    """
    words = re.split(r"[,\s-]+", value.strip(" ,-")) if isinstance(value, str) else value
    return tuple(dict.fromkeys(word.capitalize() for word in words if word))


def whole_range(name: str, value: int | tuple[int, int], least: int) -> tuple[int, int]:
    """Checks a whole number, or the first and the last of a range.

    Args:
        name: Name of the argument.
        value: What was given.
        least: The smallest that is possible.

    Raises:
        InputError: It is neither, or out of range.
    """
    first, last = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
    first = whole(name, first, least)
    return first, whole(name, last, first)


def cell_content(formula: str) -> tuple[tuple[str, int], ...]:
    """Reads the content of a cell.

    Args:
        formula: Symbols with numbers of atoms, e.g. ``"Bi4Se6"``.

    Returns:
        Symbol and number of atoms of each element, in the order of the text.

    Raises:
        InputError: It is something else.
    """
    text = formula.strip()
    if re.fullmatch(r"(?:[A-Z][a-z]?(?:[1-9]\d{0,3})?)+", text, re.ASCII) is None:
        raise InputError(f"`formula` {formula}: write the content of a cell, e.g. Bi4Se6")
    counts: dict[str, int] = {}
    for symbol, number in re.findall(r"([A-Z][a-z]?)(\d*)", text):
        counts[symbol] = counts.get(symbol, 0) + int(number or 1)
    return tuple(counts.items())
