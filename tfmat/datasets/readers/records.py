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
from typing import IO, Any, cast

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError


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


@contextmanager
def open_binary(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file for reading, gunzipped if its first bytes say gzip, whatever its name.

    Args:
        path: The file.

    Raises:
        InputError: The file cannot be read, or a gzip file ends early or is damaged (also while
            the block reads).
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if zipped:
                with gzip.open(raw, "rb") as stream:
                    yield cast(IO[bytes], stream)
            else:
                yield raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the gzip file is cut off or damaged ({error}); fetch it again"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


@contextmanager
def open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """Opens a text file, gzipped or not, with or without a byte order mark.

    Bytes that are not UTF-8 become U+FFFD: they stand in comments and names, never in numbers
    that could be read.

    Args:
        path: The file.

    Raises:
        InputError: As :func:`open_binary`.
    """
    with open_binary(path) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
        yield text


class Utf8Stream(io.RawIOBase):
    """Bytes that are UTF-8 throughout: whatever is none becomes U+FFFD.

    Args:
        raw: A stream of any bytes.

    Attributes:
        quotes: How many double quotes have come by.
        lines: How many ends of lines.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__()
        self.quotes = self.lines = 0
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
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
