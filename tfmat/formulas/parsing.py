"""Reads formulas as text: plain ones millions a second, the rest one by one.

A plain formula is a chain of element symbols, each with a whole number or none: ``Li2MnO3``. Its
bytes are read by NumPy for thousands of formulas at once. Whatever else people write (fractions,
brackets, hydrates, charges) goes to :mod:`tfmat.formulas.formula_text`, which also says why a
formula cannot be read.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions
from tfmat.formulas.elements import atomic_numbers
from tfmat.formulas.formula_text import LOST, FormulaError, parse_formula

# Symbols of one or two letters, each with 1 to 9999 or nothing; "Li2 O1" is a common form.
_PLAIN = r"\A(?: ?[A-Z][a-z]?(?:[1-9][0-9]?[0-9]?[0-9]?)?)+\z"
# Formulas at once: the temporary arrays stay in the processor's cache.
_BLOCK = 32_768
# Places of the table of symbols for a first letter: no second letter, a to z.
_SECOND = 27


@dataclass(frozen=True, eq=False)
class ParsedFormulas:
    """What was read from a list of formulas.

    Args:
        compositions: The readable formulas, reduced by the greatest common divisor ``(m, slots)``.
        rows: Their places in the list ``(m,)``, ascending.
        rejected: Place and reason of each of the others, ascending.
    """

    compositions: Compositions
    rows: NDArray[np.int64]
    rejected: list[tuple[int, str]]


def parse_formulas(texts: Sequence[str | None] | Any) -> ParsedFormulas:
    """Reads formulas of any usual notation.

    Equal formulas stay as often as they occur. What is understood and what is rejected:
    :func:`tfmat.formulas.formula_text.parse_formula`.

    Args:
        texts: Formulas: strings (``None`` where one is missing), or a ``pyarrow`` array or chunked
            array of strings.

    Returns:
        Compositions, their places, and the rejected formulas with a reason each.
    """
    parts: list[Compositions] = []
    rows: list[NDArray[np.int64]] = []
    slow: list[dict[int, int]] = []
    slow_rows: list[int] = []
    rejected: list[tuple[int, str]] = []
    start = 0
    for block in _blocks(texts):
        plain = pc.fill_null(pc.match_substring_regex(block, _PLAIN), fill_value=False)
        readable = np.array(plain)
        plain_rows = np.flatnonzero(readable)
        candidates = block if readable.all() else block.filter(plain)
        compositions, good = _parse_plain(pc.replace_substring(candidates, " ", ""))
        parts.append(compositions)
        rows.append(start + plain_rows[good])
        readable[plain_rows[~good]] = False
        for row in np.flatnonzero(~readable).tolist():
            try:
                slow.append(parse_formula(block[row].as_py()))
                slow_rows.append(start + row)
            except FormulaError as error:
                rejected.append((start + row, str(error)))
        start += len(block)
    if slow:
        parts.append(Compositions.from_mappings(slow))
        rows.append(np.array(slow_rows, np.int64))
    compositions = Compositions.concatenate(parts)
    places = np.concatenate([np.zeros(0, np.int64), *rows])
    if slow:
        order = np.argsort(places, kind="stable")
        compositions, places = compositions[order], places[order]
    return ParsedFormulas(compositions, places, rejected)


def _blocks(texts: Sequence[str | None] | Any) -> list[Any]:
    """Cuts the formulas into arrays of large strings, without copying where they are arrays."""
    if isinstance(texts, pa.ChunkedArray):
        chunks = texts.chunks
    elif isinstance(texts, pa.Array):
        chunks = [texts]
    else:
        # Whatever is no text, as the NaN of a data frame's missing cells, is no formula.
        cells = [text if isinstance(text, str) else None for text in texts]
        try:
            chunks = [pa.array(cells, pa.large_string())]
        except UnicodeEncodeError:
            whole = [None if text is None else LOST.sub("\ufffd", text) for text in cells]
            chunks = [pa.array(whole, pa.large_string())]
    return [
        chunk.slice(first, _BLOCK).cast(pa.large_string())
        for chunk in chunks
        for first in range(0, len(chunk), _BLOCK)
    ]


def _parse_plain(texts: Any) -> tuple[Compositions, NDArray[np.bool_]]:
    """Parses plain formulas.

    Args:
        texts: Formulas ``(n,)`` that match ``_PLAIN``, without nulls.

    Returns:
        Compositions of the good ones; and which are good ``(n,)``: no unknown symbol, none twice.
    """
    n = len(texts)
    if not n:
        return Compositions.from_mappings([]), np.zeros(0, bool)
    _, offsets_buffer, bytes_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[texts.offset : texts.offset + n + 1]
    text = np.frombuffer(bytes_buffer, np.uint8)[offsets[0] : offsets[-1]]
    # Letters as their distance from A and a; whatever lies before wraps to a large number.
    upper, lower = text - np.uint8(ord("A")), text - np.uint8(ord("a"))
    starts = np.flatnonzero(upper < 26)
    following = np.append(lower[1:], np.uint8(255))[starts]
    two_letters = following < 26
    known = _table()[
        upper[starts].astype(np.intp) * _SECOND + np.where(two_letters, following + 1, 0)
    ]
    counts = _numbers(text, starts + 1 + two_letters, np.append(starts[1:], len(text)))

    # A formula begins with a symbol, so that its first byte is one of the starts.
    first = np.searchsorted(starts, offsets - offsets[0])
    n_tokens = np.diff(first)
    slots = int(n_tokens.max())
    # Sorted by element within each row; slots without an element go last.
    packed = np.full((n, slots), np.iinfo(np.uint32).max, np.uint32)
    places = np.arange(len(starts)) + np.repeat(np.arange(n) * slots - first[:-1], n_tokens)
    packed.reshape(-1)[places] = known.astype(np.uint32) << 16 | counts
    packed.sort(axis=1)
    numbers, amounts = (packed >> 16).astype(np.uint16), packed.astype(np.uint16)
    unused = numbers == np.iinfo(np.uint16).max
    numbers[unused] = amounts[unused] = 0

    good = numbers[:, 0] > 0
    twice = (numbers[:, 1:] == numbers[:, :-1]) & ~unused[:, 1:]
    good &= ~twice.any(axis=1)
    compositions = Compositions(numbers.astype(np.uint8), amounts)
    return (compositions if good.all() else compositions[good]).reduced(), good


def _numbers(
    text: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """Reads the whole numbers between two places each; 1 where nothing is between."""
    numbers = np.ones(len(begins), np.uint32)
    remaining = np.flatnonzero(ends > begins)
    numbers[remaining] = 0
    digit = 0
    while len(remaining):
        numbers[remaining] *= 10
        numbers[remaining] += text[begins[remaining] + digit] - np.uint8(ord("0"))
        digit += 1
        remaining = remaining[ends[remaining] > begins[remaining] + digit]
    return numbers


@functools.cache
def _table() -> NDArray[np.uint8]:
    """Returns the atomic number for each pair of letters ``(26 * 27,)``, 0 for no element."""
    table = np.zeros(26 * _SECOND, np.uint8)
    for symbol, number in atomic_numbers().items():
        second = ord(symbol[1]) - ord("a") + 1 if len(symbol) == 2 else 0
        table[(ord(symbol[0]) - ord("A")) * _SECOND + second] = number
    return table
