"""Fetches structures page by page from a service into a dataset folder; a fetch can go on."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypedDict

from tfmat import files
from tfmat.datasets.credit import Credit
from tfmat.datasets.fetching.http import Pace, ServiceError
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.readers.records import SourceRow
from tfmat.datasets.select import check_limits, limits_record, obstacle
from tfmat.datasets.store import DatasetWriter
from tfmat.errors import InputError
from tfmat.progress import Progress
from tfmat.temporaries import discard
from tfmat.work.folder import alone, work_of


@dataclass(frozen=True)
class Page:
    """One answer of a service.

    Args:
        entries: As the service gave them; what JSON can hold.
        next: What :meth:`RemoteSource.page` takes for the next one; ``None`` after the last.
        total: How many entries match, if the service says so.
        newest: The latest change of an entry on it, as the service writes dates.
    """

    entries: list[dict[str, Any]]
    next: str | None
    total: int | None = None
    newest: str | None = None


class RemoteSource(Protocol):
    """A service, and what is asked of it.

    Attributes:
        name: Of the database, for people.
        url: Where it is.
        pace: How fast it is asked.
        query: What was asked, for the record; with it two fetches are the same one.
        columns: Property to the field that it is read from, known after :meth:`connect`.
        notes: One-line warnings, for the user and the record.
        credit: Licence of the database and whom to cite, as far as known.
    """

    name: str
    url: str
    pace: Pace
    query: dict[str, Any]
    columns: dict[str, str]
    notes: list[str]
    credit: Credit

    def connect(self) -> dict[str, Any]:
        """Asks the database about itself; ``version`` in the answer must not change in a fetch."""

    def page(self, token: str | None) -> Page:
        """Asks for the entries after those of the page that named ``token``."""

    def row(self, entry: Mapping[str, Any]) -> SourceRow:
        """Reads an entry; ``fields`` of the row are the properties as numbers."""

    def energies(self) -> dict[str, Any]:
        """Says on which scale the energies are."""


@dataclass(frozen=True)
class FetchOptions:
    """What to keep of what comes.

    Args:
        max_atoms: Keep only structures with at most this many atoms.
        max_length: Keep only structures whose Niggli cell has no longer edge, in Å.
        limit: Fetch only this many entries.
        overwrite: Replace a dataset that is there.
    """

    max_atoms: int | None = None
    max_length: float | None = None
    limit: int | None = None
    overwrite: bool = False


class _Head(TypedDict):
    """The first line of a page on disk, so that the rest need not be read."""

    count: int
    next: str | None
    total: int | None
    newest: str | None


@dataclass
class _State:
    """What a work folder says about its fetch."""

    recipe: dict[str, Any]
    started: str = field(default_factory=lambda: _now())
    database: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def fetch(source: RemoteSource, out: Path, options: FetchOptions | None = None) -> dict[str, Any]:
    """Fetches a query's structures into a dataset folder.

    While it runs, pages lie beside ``out`` in a folder ``OUT.work``, each written whole; a fetch
    that was interrupted goes on from the last of them when it is called again. Entries that are
    no ordered crystal or not selected are listed with the reason in ``rejected.csv``.

    Args:
        source: The service with its query.
        out: The dataset folder to make.
        options: What to keep.

    Returns:
        A summary: counts, reasons of rejection, properties, the database's version, seconds.

    Raises:
        InputError: The query is not understood or matches nothing, ``out`` is in the way, an
            unfinished fetch of another query lies there, or the database changed meanwhile.
        ServiceError: The service cannot be reached or fails.
    """
    options = options or FetchOptions()
    start = time.monotonic()
    check_limits(options.max_atoms, options.max_length)
    out = Path(out)
    work = work_of(out)
    files.check_place(out, overwrite=options.overwrite, own=is_dataset)
    recipe = {"url": source.url, "query": source.query, "limit": options.limit}
    with files.placing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with alone(work):
        work.mkdir(exist_ok=True)
        state = _claim(work, recipe)
        source.columns, source.notes = dict(state.columns), list(state.notes)
        resumed = len(_pages(work))
        if not _complete(work):
            try:
                _fetch_pages(source, work, state, options.limit)
            finally:
                # A question that got no answer is in nobody's way when it is put better.
                if not _pages(work):
                    discard(work)
        summary = _write(source, out, work, state, options)
        discard(work)
    return {
        **summary,
        "requests": source.pace.requests,
        "resumed_from_page": resumed,
        "seconds": round(time.monotonic() - start, 2),
    }


def _claim(work: Path, recipe: dict[str, Any]) -> _State:
    """Starts a work folder, or goes on with one that was made by the same query."""
    file = work / "fetch.json"
    if not (file.is_file() and _pages(work)):
        if work.exists() and not file.is_file() and any(work.iterdir()):
            raise InputError(f"{work}: in the way; move it, or give another --out")
        state = _State(recipe)
        files.write_json(file, vars(state))
        return state
    try:
        state = _State(**json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{file}: not readable; delete {work} to begin again") from error
    # Through JSON, where a tuple is a list.
    if state.recipe != json.loads(json.dumps(recipe)):
        raise InputError(
            f"{work}: an unfinished fetch of another query (see fetch.json there); repeat that "
            "one, give another --out, or delete the folder"
        )
    return state


def _fetch_pages(source: RemoteSource, work: Path, state: _State, limit: int | None) -> None:
    database = source.connect()
    before = state.database.get("version")
    if state.database and database.get("version") != before:
        raise InputError(
            f"{work}: {source.name} has changed since this fetch began (version {before}, now "
            f"{database.get('version')}); delete the folder to begin again"
        )
    if not state.database:
        state.database = database
    state.columns, state.notes = source.columns, list(source.notes)
    files.write_json(work / "fetch.json", vars(state))
    heads = _heads(work)
    token = heads[-1]["next"] if heads else None
    total = heads[-1]["total"] if heads else None
    tokens = {head["next"] for head in heads}
    count = sum(head["count"] for head in heads)
    number = len(heads)
    with Progress("fetching", _least(total, limit), "structure", initial=count) as progress:
        source.pace.on_wait = lambda text: progress.update(0, note=text)
        while True:
            page = source.page(token)
            if page.next is not None and page.next in tokens:
                raise ServiceError(f"{source.name} leads in a circle: a page follows itself")
            tokens.add(page.next)
            entries = page.entries if limit is None else page.entries[: limit - count]
            count += len(entries)
            done = page.next is None or (limit is not None and count >= limit)
            if done and not count:
                raise InputError(f"{source.name}: no structure matches {_asked(source.query)}")
            progress.total = _least(page.total, limit)
            _store(work / f"page-{number:06d}.json.gz", page, entries, done=done)
            if source.notes != state.notes:
                state.notes = list(source.notes)
                files.write_json(work / "fetch.json", vars(state))
            number += 1
            # Also to replace what was noted of a wait.
            progress.update(len(entries), note=f"page {number}")
            if done:
                return
            token = page.next


def _store(path: Path, page: Page, entries: list[dict[str, Any]], *, done: bool) -> None:
    """Writes a page: a line about it, so that the rest need not be read, and its entries."""
    head: _Head = {
        "count": len(entries),
        "next": None if done else page.next,
        "total": page.total,
        "newest": page.newest,
    }
    text = f"{json.dumps(head)}\n{json.dumps(entries)}\n"
    with files.replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(text.encode(), 6, mtime=0))


def _line(path: Path, number: int) -> Any:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return json.loads(next(islice(stream, number, None)))
    except (OSError, EOFError, ValueError, StopIteration, zlib.error) as error:
        raise InputError(
            f"{path}: damaged; delete {path.parent} to begin the fetch again"
        ) from error


def _heads(work: Path) -> list[_Head]:
    return [_line(path, 0) for path in _pages(work)]


def _pages(work: Path) -> list[Path]:
    return sorted(work.glob("page-*.json.gz"))


def _complete(work: Path) -> bool:
    heads = _heads(work)
    return bool(heads) and heads[-1]["next"] is None


def _write(
    source: RemoteSource, out: Path, work: Path, state: _State, options: FetchOptions
) -> dict[str, Any]:
    paths, heads = _pages(work), _heads(work)
    totals = {head["total"] for head in heads if head["total"] is not None}
    newest = max(head["newest"] or "" for head in heads)
    notes = [*state.notes]
    if len(totals) > 1:
        notes.append("the number of matches changed during the fetch; entries may be missing")
    record: dict[str, Any] = {
        "name": source.name,
        "url": source.url,
        "sha256": _hash(paths),
        **source.credit.record(),
    }
    columns = dict(sorted(state.columns.items()))
    with DatasetWriter(
        out,
        record,
        selection=limits_record(options.max_atoms, options.max_length),
        overwrite=options.overwrite,
    ) as writer:
        read = _add_all(source, paths, options, writer)
        fetched = {
            "query": source.query,
            "limit": options.limit,
            "started": state.started,
            "finished": _now(),
            "database": {**state.database, **({"newest_change": newest} if newest else {})},
            "matches": max(totals, default=None),
            "pages": len(paths),
            "notes": notes,
        }
        writer.extra["fetch"] = fetched
        writer.extra["columns"] = {
            name: column for name, column in columns.items() if name in writer.known
        }
        if any("energy" in name or name == "e_above_hull" for name in writer.known):
            writer.extra["energies"] = source.energies()
    return {
        "dataset": str(out),
        "source": source.name,
        "url": source.url,
        **fetched,
        "read": read,
        "kept": writer.structures,
        "atoms": writer.atoms,
        "rejected": writer.rejected.total(),
        "rejected_by_reason": dict(writer.rejected.most_common()),
        "properties": {name: writer.known[name] for name in columns},
    }


def _add_all(
    source: RemoteSource, paths: list[Path], options: FetchOptions, writer: DatasetWriter
) -> int:
    """Fills the dataset; returns the number of entries."""
    seen: set[str] = set()
    read = 0
    with Progress("writing", unit="structure") as progress:
        for where, entry in _entries(paths):
            read += 1
            row = source.row(entry)
            reason = row.reason
            try:
                if row.name in seen:
                    reason = "duplicate: the database gave this identifier before"
                elif row.crystal is not None:
                    found = obstacle(row.crystal, options.max_atoms, options.max_length)
                    reason = f"selection: {found}" if found else ""
            except InputError as error:
                reason = str(error)
            seen.add(row.name)
            if row.crystal is None or reason:
                writer.reject(row.name, reason, where)
            else:
                writer.add(row.crystal, row.name, row.fields)
            progress.update()
    return read


def _entries(paths: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, path in enumerate(paths, start=1):
        for index, entry in enumerate(_line(path, 1), start=1):
            yield f"page {number}, entry {index}", entry


def _hash(paths: list[Path]) -> str:
    """Returns a hash of the entries as they came, however they were cut into pages."""
    total = hashlib.sha256()
    for _, entry in _entries(paths):
        total.update(json.dumps(entry, sort_keys=True).encode() + b"\n")
    return total.hexdigest()


def _asked(query: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in query.items() if value)[:200]


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
