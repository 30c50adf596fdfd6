"""Reads extended XYZ.

ASE reads 1,000 of these small frames in more than 2 seconds; splitting the lines here takes some
30 ms, so this file has a parser of its own. Format: https://github.com/libAtoms/extxyz
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.claims import check_record
from tfmat.datasets.readers.extxyz_header import pairs
from tfmat.datasets.readers.numerals import numeral, numerals
from tfmat.datasets.readers.one_place import refuse_one_place
from tfmat.datasets.readers.records import SourceRow, lines_of, open_binary, open_text
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers

_SPECIAL = frozenset(("lattice", "properties", "pbc", "occupancy"))
_DEFAULT_LAYOUT = "species:S:1:pos:R:3"
# A longer number of atoms is no number of atoms.
_MOST_DIGITS = 9
_MOST_ATOMS = 1_000_000
_TRUE = frozenset(("T", "TRUE", "1"))
# The outer brackets are gone; each vector has three numbers.
_VECTORS = re.compile(r",".join([r"\s*\[([^][,]*,[^][,]*,[^][,]*)\]\s*"] * 3))
_OCCUPANCY = frozenset(("occupancy", "occupancies", "occ"))
# Occupancies that differ less from 1 are rounded.
_WHOLE = 5e-4


@dataclass(frozen=True)
class _ColumnLayout:
    """Which whitespace-separated columns of an atom's line hold what."""

    width: int
    species: int
    position: int
    by_number: bool
    occupancy: int | None
    second_species: int | None


def count_extxyz(path: Path) -> int:
    """Counts the frames of a file that has no defects, fast; for progress only."""
    word, count, rest = b"attice=", 0, b""
    with open_binary(path) as stream:
        while chunk := stream.read(2**20):
            text = rest + chunk
            count += text.count(word)
            rest = text[-len(word) + 1 :]
    return count


def read_extxyz(path: Path) -> Iterator[SourceRow]:
    """Reads the frames of an extended XYZ file one by one.

    After a frame that does not hold what it announces, reading goes on at the next line that
    looks like the start of a frame. One that more atoms follow than it announces is broken, too:
    nothing says which of them are meant.

    Args:
        path: The file, gzipped or not.

    Yields:
        A row for every frame; ``fields`` are the key=value pairs of the comment line as text.

    Raises:
        InputError: The file cannot be read.
    """
    layouts: dict[str, _ColumnLayout] = {}
    with open_text(path) as stream:
        lines = _Lines(lines_of(path, stream))
        frame = 0
        skipping = False
        held: SourceRow | None = None
        for line in lines:
            text = line.strip()
            if not text:
                continue
            if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
                if held is not None:
                    yield _followed(held, text)
                    held = None
                if not skipping:
                    frame += 1
                    yield SourceRow(
                        f"frame {frame}",
                        reason=f"broken frame: expected a number of atoms, not {text[:40]!r}",
                    )
                skipping = True
                continue
            skipping = False
            frame += 1
            count = int(text)
            comment = next(lines, "")
            atoms: list[list[str]] = []
            for _ in range(count):
                atom = next(lines, "")
                words = atom.split()
                if len(words) < 2:
                    # The next frame's number of atoms, a blank line or the end: too few atoms.
                    lines.give_back(atom)
                    break
                if count <= _MOST_ATOMS:
                    atoms.append(words)
            if held is not None:
                yield held
            held = _row(f"frame {frame}", count, comment, atoms, layouts)
        if held is not None:
            yield held


class _Lines(Iterator[str]):
    """Lines of a file, of which the last can be given back."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._lines = iter(stream)
        self._returned: str | None = None

    def __next__(self) -> str:
        if self._returned is None:
            return next(self._lines)
        line, self._returned = self._returned, None
        return line

    def give_back(self, line: str) -> None:
        self._returned = line


def _followed(row: SourceRow, text: str) -> SourceRow:
    """Returns a frame behind which another line than a number of atoms stands."""
    if row.crystal is not None and _is_atom(text):
        row.reason = f"broken frame: more atoms than the {len(row.crystal)} that are announced"
        row.crystal = None
    return row


def _is_atom(text: str) -> bool:
    words = text.split()
    found = 0
    for word in words:
        with suppress(ValueError):
            numeral(word)
            found += 1
    return len(words) > 3 and found >= 3


def _row(
    where: str, count: int, comment: str, atoms: list[list[str]], layouts: dict[str, _ColumnLayout]
) -> SourceRow:
    fields: dict[str, str] = {}
    special: dict[str, str] = {}
    try:
        for key, value in pairs(comment):
            name = key.lower()
            into, place = (special, name) if name in _SPECIAL else (fields, key)
            if into.setdefault(place, value) != value:
                raise InputError(f"broken frame: {key[:40]} comes twice")
        if count > _MOST_ATOMS:
            raise InputError(f"too large: more than {_MOST_ATOMS} atoms in a frame")
        if len(atoms) < count:
            raise InputError(f"broken frame: {len(atoms)} atoms where {count} are announced")
        crystal = _crystal(special, atoms, layouts)
        check_record(crystal, fields)
        return SourceRow(where, fields, crystal)
    except InputError as error:
        return SourceRow(where, fields, reason=str(error))


def _crystal(
    special: dict[str, str], atoms: list[list[str]], layouts: dict[str, _ColumnLayout]
) -> Crystal:
    if not special.get("lattice"):
        raise InputError('no lattice: the comment line has no Lattice="..."')
    pbc = special.get("pbc", "")
    if not all(word.upper() in _TRUE for word in re.split(r"[\s,]+", pbc) if word):
        raise InputError(f"not periodic: pbc is {pbc[:40]!r}")
    _check_occupancy(special.get("occupancy", ""))
    text = special.get("properties", _DEFAULT_LAYOUT)
    if text not in layouts:
        layouts[text] = _layout(text)
    layout = layouts[text]
    cell = _cell(special["lattice"])
    widths = set(map(len, atoms))
    if min(widths, default=layout.width) < layout.width:
        raise InputError(f"broken frame: an atom's line has fewer than {layout.width} columns")
    # What is not announced is read over only where nothing is announced.
    if "properties" in special and max(widths, default=0) > layout.width:
        raise InputError(f"broken frame: an atom's line has more than {layout.width} columns")
    first = layout.position
    try:
        flat = numerals([word for words in atoms for word in words[first : first + 3]])
        shares = (
            []
            if layout.occupancy is None
            else numerals([words[layout.occupancy] for words in atoms])
        )
    except ValueError as error:
        raise InputError(f"broken coordinates: {error}") from error
    if not all(abs(share - 1) <= _WHOLE for share in shares):
        raise InputError("disordered: a site is partly occupied")
    positions = np.array(flat).reshape(-1, 3)
    # Nearly every atom has a symbol; a look-up here spares a call for each.
    known, column = atomic_numbers(), layout.species
    numbers = [
        known.get(words[column]) or _number(words[column], layout.by_number) for words in atoms
    ]
    if layout.second_species is not None:
        _check_second(atoms, numbers, layout.second_species)
    crystal = Crystal.from_arrays([cell[0:3], cell[3:6], cell[6:9]], positions, numbers)
    return refuse_one_place(crystal, "frame")


def _cell(text: str) -> list[float]:
    """Returns the nine numbers of a cell: three vectors in one text, or a list of three lists."""
    if "[" in text:
        rows = _VECTORS.fullmatch(text)
        if rows is None:
            raise InputError(f"broken lattice: {text[:60]!r} is no list of three vectors")
        text = " ".join(rows.groups())
    try:
        cell = numerals(text.replace(",", " ").split())
    except ValueError as error:
        raise InputError(f"broken lattice: {text[:60]!r}") from error
    if len(cell) != 9:
        raise InputError(f"broken lattice: {len(cell)} numbers, not 9")
    return cell


def _check_second(atoms: list[list[str]], numbers: list[int], column: int) -> None:
    for words, number in zip(atoms, numbers, strict=True):
        if _number(words[column], by_number=True) != number:
            raise InputError(
                f"contradiction: an atom's line names two elements: {' '.join(words)[:60]!r}"
            )


def _check_occupancy(text: str) -> None:
    """Reads what ASE writes of partly occupied sites: shares of elements by the site's kind."""
    if not text:
        return
    try:
        kinds = json.loads(text.removeprefix("_JSON").strip())
        shares = [list(kind.values()) for kind in kinds.values()]
        whole = all(len(kind) == 1 and abs(float(kind[0]) - 1) <= _WHOLE for kind in shares)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InputError(f"broken frame: occupancy {text[:40]!r}") from error
    if not whole:
        raise InputError("disordered: a site holds several species or is partly occupied")


def _number(word: str, by_number: bool) -> int:
    number = atomic_numbers().get(word)
    if number is None and by_number and word.isascii() and word.isdecimal() and len(word) <= 3:
        number = int(word)
    if number is None:
        raise InputError(f"unknown element: {word[:20]!r}")
    return number


def _layout(text: str) -> _ColumnLayout:
    parts = text.split(":")
    species = position = occupancy = second = None
    by_number = False
    column = 0
    try:
        if len(set(parts[0::3])) < len(parts[0::3]):
            raise ValueError("one comes twice")
        for name, kind, width in zip(parts[0::3], parts[1::3], parts[2::3], strict=True):
            if name == "pos" and kind == "R" and width == "3":
                position = column
            elif name == "species" and width != "1":
                raise ValueError(width)
            elif name == "species" or (name in ("Z", "numbers") and species is None):
                second = species
                species, by_number = column, name != "species"
            elif name in ("Z", "numbers"):
                second = column
            elif name.lower() in _OCCUPANCY and kind in "RI" and width == "1":
                occupancy = column
            if not 0 < int(width) < 1000:
                raise ValueError(width)
            column += int(width)
    except ValueError as error:
        raise InputError(f"broken Properties: {text[:60]!r}") from error
    if species is None or position is None:
        raise InputError(f"broken Properties: {text[:60]!r} lacks species or pos:R:3")
    return _ColumnLayout(column, species, position, by_number, occupancy, second)
