"""Reads POSCAR files (VASP 4 to 6), as VASP reads them.

Format: https://www.vasp.at/wiki/index.php/POSCAR
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.numerals import numeral, numerals
from tfmat.datasets.readers.one_place import refuse_one_place
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers

# What follows a symbol in POTCAR titles and VASP 6: "Na_pv", "Fe/5f3c8a0e".
_SUFFIX = re.compile(r"[_/].*", re.DOTALL)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_FLAGS = frozenset((".TRUE.", ".FALSE.", "T", "F"))
_FRAME = re.compile(r"\s*direct\s+configuration\s*=", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n?|\n")
# Lines of symbols: some 20 stand in one.
_MOST_LINES = 10


def looks_like_poscar(text: str) -> bool:
    """Says whether a text begins as a POSCAR does: comment, scale, three cell vectors.

    Args:
        text: The file, or its first lines.
    """
    lines = _LINE_END.split(text, maxsplit=6)
    try:
        numeral(lines[1].split()[0])
        for line in lines[2:5]:
            _vector(line, "")
    except (ValueError, IndexError, InputError):
        return False
    return len(lines) > 5


@np.errstate(all="ignore")
def crystal_from_poscar(text: str) -> Crystal:
    """Reads a POSCAR.

    Args:
        text: The file's content. A file without a line of symbols (VASP 4) is read if its comment
            or the ends of its lines of positions name the elements.

    Raises:
        InputError: It is broken, or names no elements.
    """
    lines = _LINE_END.split(text)
    if len(lines) < 7:
        raise InputError("broken POSCAR: the file is cut off")
    cell = np.array([_vector(line, "cell vector") for line in lines[2:5]])
    factors = _factors(lines[1], cell)
    symbols, counts, at = _species(lines)
    total = sum(counts)
    selective = at < len(lines) and lines[at].strip()[:1] in ("s", "S")
    at += selective
    # VASP takes for fractional whatever is not Cartesian; a position, say, is no such line.
    mode = lines[at].strip() if at < len(lines) else "no line"
    if mode and mode[0] not in "dDfFcCkK":
        raise InputError(f"broken POSCAR: {mode[:30]!r} where Direct or Cartesian belongs")
    rows = [row for row in lines[at + 1 : at + 1 + total] if row.strip()]
    if len(rows) < total:
        raise InputError(f"broken POSCAR: {len(rows)} positions where {total} are announced")
    _check_end(lines[at + 1 + total :])
    places = np.array([_vector(row, "position") for row in rows])
    labels = _labels(rows, selective)
    if not symbols:
        symbols = _old_form(lines[0], counts, labels)
    owners = [symbol for symbol, count in zip(symbols, counts, strict=True) for _ in range(count)]
    if labels and labels != owners:
        raise InputError("contradiction: the elements behind the positions are not those above")
    lattice = cell * factors
    positions = places * factors if mode and mode[0] in "cCkK" else places @ lattice
    numbers = [atomic_numbers()[name] for name in owners]
    return refuse_one_place(Crystal.from_arrays(lattice, positions, numbers), "POSCAR")


def _vector(line: str, what: str) -> list[float]:
    try:
        values = numerals(line.split()[:3])
    except ValueError as error:
        raise InputError(f"broken POSCAR: {what}: {error}") from error
    if not all(map(math.isfinite, values)):
        raise InputError(f"broken POSCAR: {line.strip()[:40]!r} is not a finite number")
    if len(values) != 3:
        raise InputError(f"broken POSCAR: {line.strip()[:40]!r} is no {what}")
    return values


def _factors(line: str, cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns what multiplies x, y and z: of one factor, of a volume (negative), of three."""
    values: list[float] = []
    for word in line.split()[:3]:
        try:
            values.append(numeral(word))
        except ValueError:
            break
    volume = abs(float(np.linalg.det(cell)))
    if len(values) == 1 and values[0] > 0:
        return np.full(3, values[0])
    if len(values) == 1 and values[0] < 0 and volume > 0:
        return np.full(3, (-values[0] / volume) ** (1 / 3))
    if len(values) == 3 and min(values) > 0:
        return np.array(values)
    raise InputError(
        f"broken POSCAR: the scale {line.strip()[:40]!r} is neither a positive factor, a negative "
        f"volume nor three positive factors"
    )


def _species(lines: Sequence[str]) -> tuple[list[str], list[int], int]:
    """Returns symbols (none in the form of VASP 4), counts, and the place of the next line.

    Words behind the symbols and behind the counts are comments, as in the example of VASP's wiki.
    """
    at = 5
    symbols: list[str] = []
    comment: list[str] = []
    for line in lines[5 : 5 + _MOST_LINES]:
        words = [_SUFFIX.sub("", word) for word in _words(line)]
        if not words or _COUNT.fullmatch(words[0]):
            break
        known = list(takewhile(atomic_numbers().__contains__, words))
        symbols += known
        comment += words[len(known) :]
        if not known or any(word in atomic_numbers() for word in comment):
            raise InputError(f"unknown element: {comment[0][:20]!r}")
        at += 1
    counts: list[int] = []
    while at < len(lines) and (not counts or len(counts) < len(symbols)):
        words = _words(lines[at])
        numbers = list(takewhile(_COUNT.fullmatch, words))
        if not numbers or _is_numeral(words[len(numbers) :]):
            break
        counts += map(int, numbers)
        at += 1
    if comment and len(counts) > len(symbols):
        raise InputError(f"unknown element: {comment[0][:20]!r}")
    if not counts or 0 in counts or (symbols and len(counts) != len(symbols)):
        raise InputError(
            f"broken POSCAR: {len(symbols)} elements, but {len(counts)} numbers of atoms above 0"
        )
    return symbols, counts, at


def _is_numeral(words: Sequence[str]) -> bool:
    try:
        return bool(words) and math.isfinite(numeral(words[0]))
    except ValueError:
        return False


def _words(line: str) -> list[str]:
    return re.split("[!#]", line)[0].split()


def _labels(rows: Sequence[str], selective: bool) -> list[str]:
    """Returns the elements behind the positions, if each line has one there."""
    labels = []
    for row in rows:
        words = _words(row)[6 if selective else 3 :]
        if not words or (len(words) >= 3 and _FLAGS.issuperset(map(str.upper, words[:3]))):
            return []
        label = _SUFFIX.sub("", words[0])
        if label not in atomic_numbers():
            return []
        labels.append(label)
    return labels


def _old_form(comment: str, counts: Sequence[int], labels: Sequence[str]) -> list[str]:
    """Returns the elements of a file without a line of symbols.

    Raises:
        InputError: Nothing in it names them for certain.
    """
    if labels:
        ends = np.cumsum(counts).tolist()
        groups = [labels[end - count : end] for end, count in zip(ends, counts, strict=True)]
        if any(len(set(group)) != 1 for group in groups):
            raise InputError("contradiction: one group of atoms has several elements")
        return [group[0] for group in groups]
    words = [_SUFFIX.sub("", word) for word in comment.split()]
    if len(words) == len(counts) and all(word in atomic_numbers() for word in words):
        return words
    raise InputError("broken POSCAR: it names no elements (VASP 4 form)")


def _check_end(lines: Sequence[str]) -> None:
    """Refuses more positions than announced, and further structures.

    Velocities come behind a blank line or a title.
    """
    if any(map(_FRAME.match, lines)):
        raise InputError(
            "broken POSCAR: further frames follow (an XDATCAR); write each to a file of its own"
        )
    if _begins_another(lines):
        raise InputError("broken POSCAR: another one follows; write each to a file of its own")
    try:
        _vector(lines[0] if lines else "", "position")
    except InputError:
        return
    raise InputError("broken POSCAR: more positions than atoms are announced")


def _begins_another(lines: Sequence[str]) -> bool:
    """Says whether a POSCAR begins behind the positions; velocities look like one at first."""
    begin = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
    rest = lines[begin:]
    if not looks_like_poscar("\n".join(rest[:7])):
        return False
    try:
        _, _, at = _species(rest)
    except InputError:
        return False
    return at < len(rest) and rest[at].strip()[:1] in tuple("sSdDfFcCkK")
