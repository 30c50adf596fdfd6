"""What every reader gives to the import: rows, and text from plain or gzipped files."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TextIO, cast

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

LONGEST_LINE = 16 * 2**20
"""Characters of a line, or of a table's cell, beyond which a file is no text of rows."""
LARGEST_TEXT = 64 * 2**20
"""Characters of a file that holds one structure."""
_CHUNK = 2**18
# Data packs to a third or a tenth, repeated lines to a hundredth; gzip's limit is 1/1032.
_MOST_PACKED = 400
_HARMLESS = 32 * 2**20
# The mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(slots=True)
class SourceRow:
    """One structure of a source, or the reason why it could not be read.

    Args:
        where: Row, frame or file, for messages.
        fields: Everything else that the source says about it, by column name.
        crystal: The structure, or ``None`` with a ``reason``.
        reason: Why there is no structure, as ``"kind: detail"``.
        name: An identifier that the source gives outside of the fields (a file name, a key).
        named_by_file: Whether it is a file's name, which no field overrules.
    """

    where: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    crystal: Crystal | None = None
    reason: str = ""
    name: str = ""
    named_by_file: bool = False


class _Unpacked(io.RawIOBase):
    """What a gzip file holds, as long as it is no bomb."""

    def __init__(self, path: Path, packed: IO[bytes]) -> None:
        self._path = path
        self._packed = packed
        self._stream = gzip.GzipFile(fileobj=packed, mode="rb")
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read1(len(buffer))
        self._count += len(data)
        if self._count > _HARMLESS and self._count > _MOST_PACKED * max(self._packed.tell(), 1):
            raise InputError(
                f"{self._path}: the gzip file unpacks to more than {_MOST_PACKED} times its size; "
                f"unpack it yourself if it is what you want"
            )
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_binary(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file for reading, gunzipped if its first bytes say gzip, whatever its name.

    Args:
        path: The file.

    Raises:
        InputError: The file cannot be read, or a gzip file ends early, is damaged or unpacks to
            a multiple of its size that no data have (also while the block reads).
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if zipped:
                unpacked = io.BufferedReader(_Unpacked(path, raw), 2**17)
                yield cast(IO[bytes], unpacked)
            else:
                yield raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the gzip file is cut off or damaged ({error}); fetch it again"
        ) from error
    except (OSError, ValueError) as error:
        # ValueError: a name with a null character.
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason})") from error


@contextmanager
def open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """Opens a text file in UTF-8, gzipped or not, with or without a byte order mark.

    Files in UTF-16 or UTF-32 are known by their mark. Bytes that are not UTF-8 become U+FFFD:
    they stand in comments and names, never in numbers that could be read.

    Args:
        path: The file.

    Raises:
        InputError: As :func:`open_binary`.
    """
    with open_binary(path) as raw:
        text = io.TextIOWrapper(raw, encoding=_encoding(raw), errors="replace", newline="")
        yield text


def _encoding(raw: IO[bytes]) -> str:
    """Returns the encoding that a file's first bytes say; they stay in the stream."""
    start = cast(io.BufferedReader, raw).peek(4)[:4]
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig")


def lines_of(path: Path, stream: TextIO) -> Iterator[str]:
    """Yields the lines of a text with their ends.

    Args:
        path: The file, for the message.
        stream: Its text.

    Raises:
        InputError: A line is longer than :data:`LONGEST_LINE`.
    """
    rest, number = "", 0
    while chunk := stream.read(_CHUNK):
        lines = list(io.StringIO(rest + chunk, newline=""))
        # Behind a carriage return at the chunk's end a line feed may follow.
        rest = "" if lines[-1].endswith("\n") else lines.pop()
        # Only a line that began in an earlier chunk can be so long.
        if len(lines[0] if lines else rest) > LONGEST_LINE:
            raise InputError(
                f"{path}: line {number + 1} has more than {LONGEST_LINE // 2**20} million "
                f"characters; is it the right file?"
            )
        yield from lines
        number += len(lines)
    if rest:
        yield rest


def whole_text(path: Path) -> str:
    """Reads a file that holds one structure.

    Args:
        path: The file, gzipped or not.

    Raises:
        InputError: As :func:`open_binary`, or it is larger than :data:`LARGEST_TEXT`.
    """
    with open_text(path) as stream:
        text = stream.read(LARGEST_TEXT + 1)
    if len(text) > LARGEST_TEXT:
        raise InputError(f"too large: more than {LARGEST_TEXT // 2**20} million characters")
    return text


class Utf8Stream(io.RawIOBase):
    """Bytes that are UTF-8 throughout: whatever is none becomes U+FFFD.

    Args:
        raw: A stream of any bytes, from its start; UTF-16 and UTF-32 are known by their mark.

    Attributes:
        quotes: How many double quotes have come by.
        lines: How many ends of lines.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__()
        self.quotes = self.lines = 0
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(_encoding(raw))("replace")
        self._waiting = b""

    def readable(self) -> bool:
        """Says that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads into a buffer; returns the number of bytes, 0 at the end."""
        while not self._waiting:
            read = self._raw.read(2**20)
            self._waiting = self._decoder.decode(read, final=not read).encode()
            self.quotes += self._waiting.count(b'"')
            self.lines += self._waiting.count(b"\n")
            if not read and not self._waiting:
                return 0
        count = min(len(buffer), len(self._waiting))
        buffer[:count], self._waiting = self._waiting[:count], self._waiting[count:]
        return count
