"""Walks through a large JSON file element by element, so that memory holds one element."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

# Characters read at a time; an element larger than this is tried again with twice the text.
_CHUNK = 2**20
_SPACE = " \t\r\n"
# Characters of one element; structures of a million atoms have fewer.
_LARGEST = 2**28
# Digits of a whole number that a float can hold, too. Python refuses to read some thousand.
_MOST_DIGITS = 300


class Repeated(dict[str, Any]):
    """An object in which a key comes twice with different values, of which the last is kept.

    Args:
        pairs: Keys and values.
        key: The key.
    """

    def __init__(self, pairs: Iterable[tuple[str, Any]], key: str) -> None:
        super().__init__(pairs)
        self.key = key


def as_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Makes an object of its members.

    Args:
        pairs: Keys and values.

    Returns:
        A dictionary, :class:`Repeated` if a key comes twice with different values.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if value != found[key]:
                return Repeated(pairs, key)
    return found


def repeated_key(value: Any) -> str:
    """Returns a key that comes twice in an object anywhere in a value, ``""`` if none does."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Repeated):
            return one.key
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
    return ""


def whole_number(digits: str) -> int | float:
    """Reads a whole number; one of more digits than any float has is infinite."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


class JsonStream:
    """A cursor in JSON text.

    Args:
        stream: The text.

    Attributes:
        repeats: Whether any object so far is :class:`Repeated`.
    """

    def __init__(self, stream: TextIO) -> None:
        self.repeats = False
        self._stream = stream
        self._decoder = json.JSONDecoder(object_pairs_hook=self.joined, parse_int=whole_number)
        self._buffer = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """Returns the next character that is no white space, ``""`` at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _SPACE:
                    return self._buffer[self._at]
                self._at += 1
            if not self._read():
                return ""

    def take(self, expected: str) -> None:
        """Steps over one character.

        Raises:
            ValueError: Another one is there.
        """
        found = self.peek()
        if found != expected:
            raise ValueError(f"expected {expected!r}, found {found!r}" if found else "ends early")
        self._at += 1

    def value(self) -> Any:
        """Reads one whole value.

        Raises:
            ValueError: It is not JSON, or the text ends within it.
        """
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
                # A number may go on behind the buffer: "1" and two more characters of "1e+5".
                if end + 2 < len(self._buffer) or not self._read():
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                if len(self._buffer) - self._at > _LARGEST:
                    raise ValueError(f"more than {_LARGEST} characters in one element") from error
                if not self._read():
                    raise ValueError(f"{error.msg}, or the file ends early") from error
            except RecursionError as error:
                raise ValueError("nested too deeply") from error

    def members(self) -> Iterator[str]:
        """Walks through an object; the caller reads each value before it goes on.

        Yields:
            A key; the stream then stands before its value.

        Raises:
            ValueError: It is not JSON.
        """
        self.take("{")
        while self.peek() != "}":
            key = self.value()
            if not isinstance(key, str):
                raise ValueError(f"{key!r} where a key belongs")
            self.take(":")
            yield key
            if self.peek() != "}":
                self.take(",")
        self.take("}")

    def object(self) -> dict[str, Any]:
        """Reads a whole object member by member, each of which may be as large as an element.

        Raises:
            ValueError: It is not JSON.
        """
        return self.joined([(key, self.value()) for key in self.members()])

    def joined(self, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        """Makes an object of its members as :func:`as_object` does, and remembers repetitions."""
        found = as_object(pairs)
        self.repeats = self.repeats or isinstance(found, Repeated)
        return found

    def elements(self) -> Iterator[Any]:
        """Reads the elements of an array one by one.

        Raises:
            ValueError: It is not JSON.
        """
        self.take("[")
        while self.peek() != "]":
            yield self.value()
            if self.peek() != "]":
                self.take(",")
        self.take("]")

    def _read(self) -> bool:
        if self._ended:
            return False
        # Doubling keeps the work of trying again linear in the size of the element.
        text = self._stream.read(max(_CHUNK, len(self._buffer) - self._at))
        if not text:
            self._ended = True
            return False
        self._buffer = self._buffer[self._at :] + text
        self._at = 0
        return True
