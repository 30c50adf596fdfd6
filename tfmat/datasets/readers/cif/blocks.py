"""The data blocks of a CIF: values by name, and what could not be split.

gemmi reads the syntax (text fields, quotes, names in any case); one block of a damaged file does
not take the others along. Names of CIF 2 dictionaries and of magnetic CIFs (``_cell.length_a``) are
looked up as those of the core dictionary (``_cell_length_a``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gemmi import cif

from tfmat.errors import InputError, one_line

_PLACE = re.compile(r"string:(\d+)(?::\d+\(\d+\))?(?: in data_\S*)?: *(.*)", re.DOTALL)
_HEADER = re.compile(r"data_\S*", re.IGNORECASE)
_MINUS = "\u2212"
# What stands for a character that no CIF value may hold: neither number, element nor operator.
_FOREIGN = "~"


@dataclass(frozen=True)
class Broken:
    """A part of a CIF that is none.

    Attributes:
        name: Of its data block, as far as it is known.
        reason: Why, without the word CIF.
    """

    name: str
    reason: str


class Block:
    """The values of one data block.

    Args:
        block: As gemmi split it.
    """

    def __init__(self, block: cif.Block) -> None:
        self.name = block.name.strip()
        self._values: dict[str, Any] = {}
        self._repeated: set[str] = set()
        # Of the loop that was asked for last.
        self._loop: Any = None
        self._cells: list[str] = []
        for item in block:
            pair: Any = item.pair
            if pair is not None:
                self._put(_key(pair[0]), pair[1])
                continue
            loop: cif.Loop | None = item.loop
            if loop is not None:
                for place, name in enumerate(map(_key, loop.tags)):
                    self._put(name, (loop, place))

    def _put(self, key: str, value: Any) -> None:
        if key in self._values and self._values[key] != value:
            self._repeated.add(key)
        self._values[key] = value

    def names(self) -> Iterator[str]:
        """Returns all names, in lower case and without dots."""
        return iter(self._values)

    def repeated(self, start: str) -> str | None:
        """Returns a name with this start that comes twice with different values."""
        return min((name for name in self._repeated if name.startswith(start)), default=None)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, *names: str) -> str:
        """Returns the first known value among names, ``""`` if there is none.

        Args:
            *names: In lower case.

        Raises:
            InputError: As for :meth:`raw`.
        """
        for name in names:
            value = self.raw(name)
            if not cif.is_null(value):
                return cif.as_string(value).strip()
        return ""

    def raw(self, name: str) -> str:
        """Returns a value as it stands, with quotes, ``"?"`` where there is none.

        Args:
            name: In lower case.

        Raises:
            InputError: A loop has several values, and nothing says which is meant.
        """
        value = self._values.get(name, "?")
        if isinstance(value, tuple):
            values = dict.fromkeys(self.column(name))
            if len(values) > 1:
                raise InputError(f"broken CIF: {name} has {len(values)} values")
            return next(iter(values), "?")
        return str(value)

    def column(self, name: str) -> list[str]:
        """Returns the values of a loop's column with quotes as they stand, none if it is absent.

        Args:
            name: In lower case. What stands outside of loops is a column of one row.
        """
        value = self._values.get(name)
        if isinstance(value, tuple):
            loop, place = value
            if loop is not self._loop:
                self._loop, self._cells = loop, loop.values
            return self._cells[place :: loop.width()]
        return [] if value is None else [value]

    def row_of(self, name: str) -> object:
        """Returns what columns of one loop have in common, ``None`` outside of loops."""
        value = self._values.get(name)
        return value[0].tags[0] if isinstance(value, tuple) else None


@lru_cache(4096)
def _key(tag: str) -> str:
    return tag.lower().replace(".", "_", 1)


def blocks_of(text: str) -> list[Block | Broken]:
    """Splits a CIF into its data blocks.

    Args:
        text: The file's content.

    Returns:
        Every data block in the order of the file, two of one name as two.
    """
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    whole = _split(text)
    if not isinstance(whole, Broken):
        return [Block(block) for block in whole]
    pieces = list(_pieces(text))
    if len(pieces) < 2:
        return [whole]
    found: list[Block | Broken] = []
    for line, piece in pieces:
        part = _split(piece, line)
        found += [part] if isinstance(part, Broken) else [Block(block) for block in part]
    return found


def _split(text: str, line: int = 0) -> cif.Document | Broken:
    """Splits a text, if need be without the characters that CIF does not know.

    Args:
        text: The text.
        line: How many lines of the file stand before it.
    """
    try:
        return cif.read_string(text, check_level=0)
    except (ValueError, RuntimeError, TypeError) as error:
        problem = error
    plain = "".join(map(_ascii, text))
    if plain != text:
        try:
            return cif.read_string(plain, check_level=0)
        except (ValueError, RuntimeError) as error:
            problem = error
    header = _HEADER.search(plain)
    name = header.group()[len("data_") :] if header else ""
    match = _PLACE.fullmatch(str(problem))
    if match is None:
        return Broken(name, one_line(str(problem))[:120])
    return Broken(name, f"line {int(match[1]) + line}: {one_line(match[2])[:120]}")


def _ascii(character: str) -> str:
    if character == _MINUS:
        return "-"
    if character.isascii() and (character.isprintable() or character in "\t\n\r"):
        return character
    return _FOREIGN


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cuts a text before each block header outside of text fields; line number and piece."""
    piece: list[str] = []
    start = 0
    in_text = headed = False
    for number, line in enumerate(text.splitlines(keepends=True)):
        if line.startswith(";"):
            in_text = not in_text
        elif not in_text and _HEADER.match(line.lstrip()):
            if headed:
                yield start, "".join(piece)
            piece, start, headed = ([], number, True) if headed else (piece, start, True)
        piece.append(line)
    if piece:
        yield start, "".join(piece)
