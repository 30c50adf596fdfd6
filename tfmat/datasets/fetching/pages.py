"""The pages of a fetch on disk: each written whole, and read again only if it is as it was."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

from tfmat import files
from tfmat.errors import InputError

_DAMAGED = (OSError, EOFError, ValueError, TypeError, KeyError, RecursionError, zlib.error)


@dataclass(frozen=True)
class Page:
    """One answer of a service.

    Args:
        entries: As the service gave them; what JSON can hold.
        next: What :meth:`RemoteSource.page` takes for the next one; ``None`` after the last.
        total: How many entries match, if the service says so.
        newest: The latest change of an entry on it, as the service writes dates.
        problem: Why the fetch ends here, though the service says that there is more.
    """

    entries: list[dict[str, Any]]
    next: str | None
    total: int | None = None
    newest: str | None = None
    problem: str | None = None


class Head(TypedDict):
    """The first line of a page on disk."""

    count: int
    next: str | None
    total: int | None
    newest: str | None
    problem: str | None
    sha256: str


class Pages:
    """The pages in a work folder.

    Those that are damaged, and all after them, are removed: they are asked for again.

    Args:
        work: The folder.

    Attributes:
        heads: What is known of each page.
        removed: How many were damaged, or came after one.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self.heads: list[Head] = []
        found = sorted(work.glob("page-*.json.gz"))
        for number, path in enumerate(found):
            head = _checked(path) if path == self._path(number) else None
            if head is None or (self.heads and self.heads[-1]["next"] is None):
                break
            self.heads.append(head)
        bad = found[len(self.heads) :]
        self.removed = len(bad)
        for path in reversed(bad):
            path.unlink()

    @property
    def complete(self) -> bool:
        """Whether the last page is there."""
        return bool(self.heads) and self.heads[-1]["next"] is None

    @property
    def count(self) -> int:
        """Number of entries."""
        return sum(head["count"] for head in self.heads)

    def add(self, page: Page) -> None:
        """Writes a page: a line about it, so that the rest need not be read, and its entries."""
        entries = json.dumps(page.entries)
        head: Head = {
            "count": len(page.entries),
            "next": page.next,
            "total": page.total,
            "newest": page.newest,
            "problem": page.problem,
            "sha256": hashlib.sha256(entries.encode()).hexdigest(),
        }
        with files.replacing(self._path(len(self.heads))) as temporary:
            text = f"{json.dumps(head)}\n{entries}\n"
            temporary.write_bytes(gzip.compress(text.encode(), 6, mtime=0))
        self.heads.append(head)

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Reads all entries.

        Yields:
            Where the entry stands, for messages, and the entry.

        Raises:
            InputError: A page was damaged since it was checked.
        """
        for number in range(len(self.heads)):
            path = self._path(number)
            try:
                _, text = _lines(path)
                found = json.loads(text)
            except _DAMAGED as error:
                raise InputError(f"{path}: damaged; give the same command again") from error
            for index, entry in enumerate(found, start=1):
                yield f"page {number + 1}, entry {index}", entry

    def _path(self, number: int) -> Path:
        return self._work / f"page-{number:06d}.json.gz"


def _lines(path: Path) -> tuple[str, str]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        head, entries = stream.read().splitlines()
    return head, entries


def _checked(path: Path) -> Head | None:
    """Returns a page's first line if the whole page is as it was written."""
    try:
        first, text = _lines(path)
        head = json.loads(first)
        good = (
            head["sha256"] == hashlib.sha256(text.encode()).hexdigest()
            and isinstance(head["count"], int)
            and all(isinstance(head[name], str | None) for name in ("next", "newest", "problem"))
            and isinstance(head["total"], int | None)
        )
    except _DAMAGED:
        return None
    return cast(Head, head) if good else None
