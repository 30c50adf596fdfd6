"""Standard output and standard error that nothing can command and no text can break."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from tfmat.errors import printable_lines


class _Harmless:
    """A stream to which only printable text comes, and line ends.

    Names of files, identifiers and formulas are other people's words: escape sequences in them
    would move the cursor or rename the window, marks of writing direction turn a line around, and
    halves of surrogate pairs (bytes of a file's name that are not UTF-8) cannot be encoded.
    """

    encoding = "utf-8"  # so that click writes here, whatever the stream below can encode

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if not text.isprintable():
            # A progress bar goes back to the beginning of its line before and after it writes.
            body = text.strip("\r")
            text = text.replace(body, printable_lines(body)) if body else text
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        return self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def harmless() -> Iterator[None]:
    """Lets only printable text through to the terminal while the block runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", _Harmless(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
