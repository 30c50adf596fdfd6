"""The comment line of an extended XYZ frame: ``key=value`` pairs, in one walk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tfmat.errors import InputError

# Each takes what it takes without going back, so that no line, however odd, costs more than its
# length.
_SPACE = re.compile(r"\s*")
# What nearly all of them are, in one step.
_PLAIN = re.compile(r"\s*([^\s=\"']+)=(?:\"([^\"\\]*)\"|([^\s\"'{\[\\]+))(?!\S)")
_WORD = re.compile(r"[^\s=\"']+")
_BARE = re.compile(r"[^\s\"]+")
_QUOTED = {
    quote: re.compile(rf"{quote}([^{quote}\\]*(?:\\.[^{quote}\\]*)*){quote}", re.DOTALL)
    for quote in "\"'"
}
_CLOSING = {"{": "}", "[": "]"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def pairs(comment: str) -> Iterator[tuple[str, str]]:
    """Splits a comment line.

    Args:
        comment: The line. Words without ``=`` are passed over.

    Yields:
        Key and value, the latter without quotes or outer brackets.

    Raises:
        InputError: A quote or bracket is not closed.
    """
    at, end = 0, len(comment)
    while plain := _PLAIN.match(comment, at):
        at = plain.end()
        key, quoted, bare = plain.groups()
        yield key, bare if quoted is None else quoted
    while (at := _space(comment, at)) < end:
        word = _WORD.match(comment, at)
        if word is None:
            at += 1
            continue
        at = _space(comment, word.end())
        if not comment.startswith("=", at):
            continue
        at = _space(comment, at + 1)
        value, at = _value(comment, at)
        if value is not None:
            yield word.group(), value


def _value(comment: str, at: int) -> tuple[str | None, int]:
    """Returns the value that begins at a place, and the place behind it."""
    opening = comment[at : at + 1]
    if opening in _QUOTED:
        quoted = _QUOTED[opening].match(comment, at)
        if quoted is None:
            raise InputError("broken frame: a quote in the comment line is not closed")
        text = quoted[1]
        return (_ESCAPE.sub(r"\1", text) if "\\" in text else text), quoted.end()
    if opening in _CLOSING:
        return _bracketed(comment, at)
    bare = _BARE.match(comment, at)
    return (bare.group(), bare.end()) if bare else (None, at)


def _bracketed(comment: str, at: int) -> tuple[str, int]:
    opening, closing = comment[at], _CLOSING[comment[at]]
    depth = 0
    for found in re.finditer(rf"[{re.escape(opening + closing)}]", comment[at:]):
        depth += 1 if found.group() == opening else -1
        if depth == 0:
            return comment[at + 1 : at + found.start()], at + found.end()
    raise InputError(f"broken frame: a {opening} in the comment line is not closed")


def _space(comment: str, at: int) -> int:
    found = _SPACE.match(comment, at)
    return found.end() if found else at
