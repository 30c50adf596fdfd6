"""Fetches structures page by page from a service into a dataset folder; a fetch can go on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tfmat import files
from tfmat.datasets.credit import Credit
from tfmat.datasets.fetching.entry import DAMAGED
from tfmat.datasets.fetching.http import Pace, ServiceError
from tfmat.datasets.fetching.pages import Page, Pages
from tfmat.datasets.fetching.walk import Walk
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.readers.records import SourceRow
from tfmat.datasets.select import check_limits, limits_record, obstacle
from tfmat.datasets.store import DatasetWriter
from tfmat.errors import InputError
from tfmat.progress import Progress
from tfmat.temporaries import discard
from tfmat.work.folder import alone, work_of


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
    no ordered crystal or not selected are listed with the reason in ``rejected.csv``. Where the
    service's own words show that entries are missing, or lead nowhere, what came is kept and
    ``incomplete`` in the summary says so.

    Args:
        source: The service with its query.
        out: The dataset folder to make.
        options: What to keep.

    Returns:
        A summary: counts, reasons of rejection, properties, the database's version, seconds, and
        ``incomplete``, ``None`` if nothing contradicts that all entries came.

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
        state, pages = _claim(work, recipe)
        source.columns, source.notes = dict(state.columns), list(state.notes)
        resumed = len(pages.heads)
        if not pages.complete:
            try:
                _fetch_pages(source, work, state, pages, options.limit)
            finally:
                # A question that got no answer is in nobody's way when it is put better.
                if not pages.heads:
                    discard(work)
        summary = _write(source, out, pages, state, options)
        discard(work)
    return {
        **summary,
        "requests": source.pace.requests,
        "resumed_from_page": resumed,
        "seconds": round(time.monotonic() - start, 2),
    }


def _claim(work: Path, recipe: dict[str, Any]) -> tuple[_State, Pages]:
    """Starts a work folder, or goes on with one that was made by the same query."""
    file = work / "fetch.json"
    if not (file.is_file() and any(work.glob("page-*.json.gz"))):
        if work.exists() and not file.is_file() and any(work.iterdir()):
            raise InputError(f"{work}: in the way; move it, or give another `out`")
        state = _State(recipe)
        files.write_json(file, vars(state))
        return state, Pages(work)
    try:
        state = _State(**json.loads(file.read_text("utf-8")))
        for name, value in vars(_State({})).items():
            if type(getattr(state, name)) is not type(value):
                raise TypeError(name)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{file}: not readable; delete {work} to begin again") from error
    # Through JSON, where a tuple is a list.
    if state.recipe != json.loads(json.dumps(recipe)):
        raise InputError(
            f"{work}: an unfinished fetch of another query (see fetch.json there); repeat that "
            "one, give another `out`, or delete the folder"
        )
    return state, Pages(work)


def _fetch_pages(
    source: RemoteSource, work: Path, state: _State, pages: Pages, limit: int | None
) -> None:
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
    walk = Walk(pages, limit)
    total = pages.heads[-1]["total"] if pages.heads else None
    with Progress("fetching", _least(total, limit), "structure", initial=walk.count) as progress:
        source.pace.on_wait = lambda text: progress.update(0, note=text)
        token = pages.heads[-1]["next"] if pages.heads else None
        while True:
            page = walk.judged(_asked_page(source, token))
            if page.next is None and not walk.count:
                if page.problem:
                    raise ServiceError(f"{source.name}: {page.problem}")
                raise InputError(f"{source.name}: no structure matches {_asked(source.query)}")
            progress.total = _least(page.total, limit)
            pages.add(page)
            if source.notes != state.notes:
                state.notes = list(source.notes)
                files.write_json(work / "fetch.json", vars(state))
            # Also to replace what was noted of a wait.
            progress.update(len(page.entries), note=f"page {len(pages.heads)}")
            token = page.next
            if token is None:
                return


def _asked_page(source: RemoteSource, token: str | None) -> Page:
    """Asks for a page; what no page can be made of is the service's failure."""
    try:
        return source.page(token)
    except DAMAGED as error:
        raise ServiceError(
            f"{source.name}: its answer cannot be read ({type(error).__name__}); give the same "
            "command again to go on from here later"
        ) from error


def _write(
    source: RemoteSource, out: Path, pages: Pages, state: _State, options: FetchOptions
) -> dict[str, Any]:
    heads = pages.heads
    totals = {head["total"] for head in heads if head["total"] is not None}
    newest = max(head["newest"] or "" for head in heads)
    notes = [*state.notes]
    if len(totals) > 1:
        notes.append("the number of matches changed during the fetch; entries may be missing")
    record: dict[str, Any] = {
        "name": source.name,
        "url": source.url,
        "sha256": _hash(pages),
        **source.credit.record(),
    }
    columns = dict(sorted(state.columns.items()))
    with DatasetWriter(
        out,
        record,
        selection=limits_record(options.max_atoms, options.max_length),
        overwrite=options.overwrite,
    ) as writer:
        read = _add_all(source, pages, options, writer)
        fetched = {
            "query": source.query,
            "limit": options.limit,
            "started": state.started,
            "finished": _now(),
            "database": {**state.database, **({"newest_change": newest} if newest else {})},
            "matches": max(totals, default=None),
            "pages": len(heads),
            "notes": notes,
            "incomplete": heads[-1]["problem"],
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
    source: RemoteSource, pages: Pages, options: FetchOptions, writer: DatasetWriter
) -> int:
    """Fills the dataset; returns the number of entries."""
    seen: set[str] = set()
    read = 0
    with Progress("writing", unit="structure") as progress:
        for where, entry in pages.entries():
            read += 1
            row = _row(source, entry)
            reason = row.reason
            try:
                if row.name and row.name in seen:
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


def _row(source: RemoteSource, entry: dict[str, Any]) -> SourceRow:
    """Reads an entry; one that cannot be read costs no other."""
    try:
        return source.row(entry)
    except DAMAGED as error:
        return SourceRow("", reason=f"broken entry: {type(error).__name__} while it was read")


def _hash(pages: Pages) -> str:
    """Returns a hash of the entries as they came, however they were cut into pages."""
    total = hashlib.sha256()
    for _, entry in pages.entries():
        total.update(json.dumps(entry, sort_keys=True).encode() + b"\n")
    return total.hexdigest()


def _asked(query: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in query.items() if value)[:200]


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
