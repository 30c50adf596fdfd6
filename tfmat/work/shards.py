"""Work that is split over machines: which part is whose, and what a part says of itself.

A shard ``i/n`` does the i-th of n parts of a command's work. It writes results of the same form as
the whole, whose summary has an entry ``shard``: the manifest. ``tfmat merge`` reads the manifests,
refuses parts of different works and says which parts are missing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tfmat.checksums import digest, read_sealed, skipping
from tfmat.errors import InputError
from tfmat.paths import plain_file
from tfmat.reading import reading

LINES = "shard.jsonl"
"""File of a shard with all that was found, without loss: a line of the work, then one of each."""
ENTRY = "shard"
"""Entry of a summary that holds the manifest."""
SUMMARY = "summary.json"
"""The summary of results that are a folder; that of a table has the table's name and ``.json``."""
# What may differ between shards of one work: it bears on no result.
_PASSING = frozenset(("threads", "novel_against"))
_MOST = 1_000_000
_SHOWN = 10
_HASH = "lines_sha256"
_MEND = "make the shard again"


@dataclass(frozen=True, order=True)
class Shard:
    """One of several parts of a work.

    Args:
        index: Which, from 1 on.
        of: How many there are.

    Raises:
        InputError: There is no such part.
    """

    index: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.of <= _MOST:
            raise InputError(
                f"`shard` {self.index}/{self.of}: give the number of the shard, from 1 on, and how "
                f"many there are (at most {_MOST:,}), e.g. 1/4"
            )

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Reads ``i/n``.

        Args:
            text: E.g. ``3/8``.

        Raises:
            InputError: It is none.
        """
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
        if match is None:
            raise InputError(f"`shard` {text}: write the shard and how many there are, e.g. 1/4")
        return cls(int(match[1]), int(match[2]))

    def part(self, total: int, block: int, noun: str) -> range:
        """Returns which items are this shard's; the parts of all shards follow each other.

        Args:
            total: Items in all.
            block: Items that belong together: every part but the last ends with a whole block.
            noun: What the items are, in the plural, for the message.

        Raises:
            InputError: There are fewer blocks than shards.
        """
        blocks = -(-total // block)
        if blocks < self.of:
            of = f" in blocks of {block:,}" if block > 1 else ""
            raise InputError(
                f"`shard` {self}: {total:,} {noun}{of} make at most {blocks:,} shards; take fewer"
            )
        first, end = ((self.index - one) * blocks // self.of * block for one in (1, 0))
        return range(first, min(end, total))


@dataclass(frozen=True)
class Manifest:
    """What a shard says of itself.

    Args:
        command: The command, as ``tfmat generate matgan``.
        shard: Which part.
        settings: All that the results depend on, as plain JSON values: options, hashes of models
            and data, the version of tfmat.
        items: The part, as first and end of the items; ``None`` where they are not in a row.
        total: Items in all.
    """

    command: str
    shard: Shard
    settings: Mapping[str, Any]
    items: range | None
    total: int

    def record(self) -> dict[str, Any]:
        """Returns the entry of the summary."""
        return {
            "command": self.command,
            "index": self.shard.index,
            "of": self.shard.of,
            "items": None if self.items is None else [self.items.start, self.items.stop],
            "total": self.total,
            "settings": json.loads(json.dumps(self.settings)),
        }

    def with_lines(self, lines: Iterable[Mapping[str, Any]]) -> tuple[bytes, dict[str, Any]]:
        """Returns the file :data:`LINES`, and the entry of the summary that holds its hash.

        Args:
            lines: What each line says.
        """
        data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        return data, self.record() | {_HASH: hashlib.sha256(data).hexdigest()}


@dataclass(frozen=True)
class Part:
    """The results of one shard.

    Args:
        place: The table or folder.
        summary: Its summary, with the manifest in it.
        manifest: The manifest.
    """

    place: Path
    summary: dict[str, Any]
    manifest: Manifest


def summary_file(place: Path) -> Path:
    """Returns the file of the summary that goes with results.

    Args:
        place: A table or a folder.
    """
    return place / SUMMARY if place.is_dir() else place.with_name(place.name + ".json")


def read_part(place: Path) -> Part:
    """Reads what a shard says of itself.

    Args:
        place: Its table or folder.

    Raises:
        InputError: There is nothing, it was changed since, or it is no shard.
    """
    file = summary_file(place)
    if not place.exists():
        raise InputError(f"{place}: no such file or folder; give the results of the shards")
    if not plain_file(file):
        raise InputError(
            f"{place}: has no summary ({file.name}), so nothing says which shard it is; give what "
            "a command with `shard` has written"
        )
    summary = read_sealed(file, _MEND)
    if not isinstance(entry := summary.get(ENTRY), dict):
        raise InputError(
            f"{place}: is no shard, it was made without `shard`; leave it out, or make it with"
        )
    with reading(file, _MEND):
        items = entry["items"]
        manifest = Manifest(
            str(entry["command"]),
            Shard(int(entry["index"]), int(entry["of"])),
            dict(entry["settings"]),
            None if items is None else range(int(items[0]), int(items[1])),
            int(entry["total"]),
        )
    return Part(place, summary, manifest)


def check_unchanged(file: Path, sha256: object) -> None:
    """Sees that a file of a shard is as it was written, unless hashes are not to be compared.

    Args:
        file: The file.
        sha256: What the shard's summary says of it.

    Raises:
        InputError: It was changed.
    """
    if not skipping() and digest(file) != sha256:
        raise InputError(f"{file}: was changed since it was written; {_MEND}")


@contextmanager
def opened_lines(part: Part) -> Iterator[TextIO]:
    """Opens the file :data:`LINES` of a shard.

    Args:
        part: The shard.

    Raises:
        InputError: It cannot be read, was changed since it was written, or says what it cannot.
    """
    file = part.place / LINES
    with reading(file, _MEND), file.open(encoding="utf-8") as stream:
        check_unchanged(file, part.summary[ENTRY][_HASH])
        yield stream


def read_parts(places: Sequence[Path]) -> list[Part]:
    """Reads what shards say of themselves, and sees that they are all of one work.

    Args:
        places: Their tables or folders, in any order; the summaries of tables may be among them.

    Returns:
        All shards of the work in their order.

    Raises:
        InputError: One is no shard, they are of different works, one is there twice, or some are
            missing.
    """
    given = {place.resolve() for place in places}
    # As a shell gives all of a folder: tables with their summaries.
    places = [
        p for p in places if not (p.suffix == ".json" and p.with_suffix("").resolve() in given)
    ]
    if not places:
        raise InputError("`shards`: give the results of the shards")
    parts = sorted((read_part(place) for place in places), key=lambda part: part.manifest.shard)
    first = parts[0]
    for part in parts[1:]:
        if difference := _difference(first.manifest, part.manifest):
            raise InputError(
                f"{part.place}: does not belong to {first.place}: {difference}; give shards of one "
                "command with the same options"
            )
    found: dict[int, Part] = {}
    for part in parts:
        other = found.setdefault(part.manifest.shard.index, part)
        if other is not part:
            raise InputError(
                f"{other.place} and {part.place}: are both the shard {part.manifest.shard}; leave "
                "one out"
            )
    of = first.manifest.shard.of
    if missing := [index for index in range(1, of + 1) if index not in found]:
        raise InputError(
            f"{_listed(missing, of)} missing of {first.manifest.command}; make them, and give "
            "them, too"
        )
    return parts


def _difference(one: Manifest, other: Manifest) -> str:
    """Says the first thing in which two manifests differ that their works do not share."""
    if one.command != other.command:
        return f"it is of {other.command}, not of {one.command}"
    for name, mine, theirs in _compared(one, other):
        if mine != theirs:
            return f"{name} is {_short(theirs)}, not {_short(mine)}"
    return ""


def _compared(one: Manifest, other: Manifest) -> Iterator[tuple[str, Any, Any]]:
    yield "the number of shards", one.shard.of, other.shard.of
    yield "the number of items", one.total, other.total
    for name in dict.fromkeys((*one.settings, *other.settings)):
        if name not in _PASSING:
            mine, theirs = one.settings.get(name), other.settings.get(name)
            if isinstance(mine, dict) and isinstance(theirs, dict):
                for key in dict.fromkeys((*mine, *theirs)):
                    yield f"{name}.{key}", mine.get(key), theirs.get(key)
            else:
                yield name, mine, theirs


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 2 * _SHOWN else f"{text[: 2 * _SHOWN]}..."


def _listed(missing: Sequence[int], of: int) -> str:
    shown = ", ".join(f"{index}/{of}" for index in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
    noun = "shard" if len(missing) == 1 else "shards"
    return f"{noun} {shown}{more} {'is' if len(missing) == 1 else 'are'}"
