"""Structures from any OPTIMADE service, through the client of optimade-python-tools."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, suppress
from importlib.metadata import version
from typing import Any
from urllib.parse import quote, urljoin

from tfmat.datasets.fetching.answers import Asked, Document, attributes_of, document, mapping, word
from tfmat.datasets.fetching.entry import crystal_of_entry, identifier, plain_entry
from tfmat.datasets.fetching.http import Pace, PoliteSession, ServiceError
from tfmat.datasets.fetching.pages import Page
from tfmat.datasets.fetching.providers import (
    Provider,
    find_fields,
    find_provider,
    unit_fits,
    value_at,
)
from tfmat.datasets.fetching.query import Wanted
from tfmat.datasets.fetching.reach import Reach
from tfmat.datasets.properties import unit_of
from tfmat.datasets.readers.records import SourceRow
from tfmat.errors import InputError, TfmatError, one_line, require

_STRUCTURE = (
    "lattice_vectors",
    "cartesian_site_positions",
    "species_at_sites",
    "species",
    "nsites",
    "nelements",
    "elements",
    "elements_ratios",
    "chemical_formula_reduced",
    "dimension_types",
    "nperiodic_dimensions",
    "structure_features",
    "assemblies",
    "last_modified",
)
# The client counts to this where it is told to fetch everything.
_EVERYTHING = 2**31
# A count that is none would be no help.
_LARGEST_TOTAL = 2**53


class OptimadeSource:
    """A query to one OPTIMADE service.

    Args:
        provider: ``mp``, ``oqmd``, ``alexandria`` or ``alexandria-pbesol``, or the base address
            of a service.
        wanted: What to ask for.
        filter_text: More conditions, in the language of OPTIMADE.
        page_size: Entries on a page.
        properties: Property to the field that holds it, as the user said; others are found.
        thermo_type: Of the Materials Project: which of its three sets of energies.
        pace: How fast to ask.

    Attributes:
        name, url, pace, query, columns, notes, credit: See
            :class:`tfmat.datasets.fetching.fetch.RemoteSource`.

    Raises:
        InputError: The provider is unknown, the filter is none, or nothing was asked for.
        MissingExtraError: The client is not installed.
    """

    def __init__(
        self,
        provider: str,
        wanted: Wanted,
        filter_text: str = "",
        *,
        page_size: int = 100,
        properties: Mapping[str, str] | None = None,
        thermo_type: str = "GGA_GGA+U_R2SCAN",
        pace: Pace | None = None,
    ) -> None:
        self._provider: Provider = find_provider(provider, thermo_type)
        self.name = self._provider.name
        self.url = self._provider.url
        self.credit = self._provider.credit
        self.pace = pace or Pace()
        self.notes: list[str] = []
        self.columns: dict[str, str] = {}
        self._filter = _joined(filter_text, wanted.optimade())
        self._page_size = page_size
        self._requested = dict(properties or {})
        self._reach = Reach(self.url)
        self._index_read = False
        self._documents: list[Document] = []
        self._client = self._new_client()
        self._check_filter()
        self.query = {
            "filter": self._filter,
            "page_size": page_size,
            "properties": self._requested,
            "thermo_type": self._provider.thermo_type,
        }

    def connect(self) -> dict[str, Any]:
        """Asks which fields and units the service has.

        Returns:
            ``version`` of the database, if it names one, and what its ``meta`` says of API,
            implementation and provider.

        Raises:
            InputError: There is no OPTIMADE service at the address.
            ServiceError: It cannot be reached, or fails.
        """
        fields: Mapping[str, Any] = {}
        meta: Mapping[str, Any] = {}
        try:
            answer = self._get("info/structures")
            fields = mapping(mapping(answer.data).get("properties"))
            meta = answer.meta
        except InputError:
            # What is no service at all shows in the first page.
            self._note("the service does not describe its fields; units are not checked")
        self._choose_fields(fields)
        return _about(meta)

    def page(self, token: str | None) -> Page:
        """Asks for a page.

        Args:
            token: Its address, as the page before named it; ``None`` for the first.

        Raises:
            InputError: The service does not understand the query.
            ServiceError: It cannot be reached, or fails.
        """
        if token is not None and self._reach.leaves(token):
            self._read_index()
        answer = self._get("structures", token)
        if not isinstance(answer.data, list):
            raise ServiceError(f"{self.name}: its answer has no list of entries")
        entries = [plain_entry(entry) for entry in answer.data]
        meta = answer.meta
        self.pace.delay(meta.get("request_delay"))
        warned = meta.get("warnings")
        for warning in warned if isinstance(warned, list) else ():
            self._note(f"the service warns: {word(mapping(warning).get('detail'))}")
        changes = [word(attributes_of(entry).get("last_modified") or "") for entry in entries]
        total = meta.get("data_returned")
        if type(total) is not int or not 0 <= total < _LARGEST_TOTAL:
            total = None
        more = meta.get("more_data_available")
        link, problem = self._next(answer.links.get("next"), more, entries, token)
        return Page(
            entries,
            link,
            total,
            max(changes, default="") or None,
            problem,
        )

    def _next(
        self, link: Any, more: object, entries: list[dict[str, Any]], here: str | None
    ) -> tuple[str | None, str | None]:
        """Returns the address of the next page, or why there is none though there should be."""
        link = link.get("href") if isinstance(link, dict) else link
        more = more if isinstance(more, bool) else None
        if more is False or not (link or more):
            return None, None
        if not link:
            return None, "it says that there is more (more_data_available), but not where"
        if not entries:
            # Some name a next page for ever.
            promised = "it promises more entries (more_data_available), but a page has none"
            return None, promised if more else None
        if not isinstance(link, str):
            return None, "its link to the next page is none"
        try:
            address = urljoin(here or self.url, link)
        except ValueError:
            return None, "its link to the next page is none"
        if self._reach.leaves(address):
            self._read_index()
        obstacle = self._reach.obstacle(address)
        return (None, f"its next page is at {obstacle}") if obstacle else (address, None)

    def _read_index(self) -> None:
        """Lets the fetch go where the service's own index of its databases leads."""
        if self._index_read:
            return
        self._index_read = True
        try:
            entries = self._get("links").data
        except TfmatError:
            return  # without an index it names no other host
        named = [attributes_of(entry) for entry in entries if isinstance(entry, dict)]
        for one in named:
            base = one.get("base_url")
            base = base.get("href") if isinstance(base, dict) else base
            if one.get("link_type") in ("root", "child") and isinstance(base, str):
                self._reach.admit([base])

    def row(self, entry: Mapping[str, Any]) -> SourceRow:
        """Reads an entry: its crystal, or why it has none, and its properties."""
        try:
            name = identifier(entry)
        except InputError as error:
            return SourceRow("", reason=str(error))
        attributes = attributes_of(entry)
        values = {
            column: value_at(attributes, path, column) for column, path in self.columns.items()
        }
        if values.get("e_above_hull", 0.0) < 0:
            # OQMD says how far below all others a stable compound lies; above the hull that is 0.
            values["e_above_hull"] = 0.0
        try:
            return SourceRow("", values, crystal_of_entry(attributes), name=name)
        except InputError as error:
            return SourceRow("", values, reason=str(error), name=name)

    def energies(self) -> dict[str, Any]:
        """Says on which scale the energies are, by the provider's documentation."""
        return {
            "method": self._provider.method,
            "scale": self._provider.scale,
            "references": {},
        }

    def _note(self, text: str) -> None:
        # A fetch that goes on has its notes already.
        if text not in self.notes:
            self.notes.append(text)

    def _new_client(self) -> Any:
        module = require("optimade.client", "optimade", "tfmat data fetch optimade")
        pace, reach, judge = self.pace, self._reach, self._judge

        class Session(PoliteSession):
            """The client makes its sessions itself, without arguments."""

            def __init__(self) -> None:
                super().__init__(pace, reach, judge=judge)

        return module.OptimadeClient(
            base_urls=[self.url],
            max_results_per_provider=_EVERYTHING,
            http_client=Session,
            use_async=False,
            silent=True,
        )

    def _judge(self, answer: Any) -> None:
        asked = Asked(self.name, self.url, self._filter, self._page_size)
        self._documents.append(document(answer, asked))

    def _check_filter(self) -> None:
        if not self._filter:
            return
        from optimade.exceptions import BadRequest
        from optimade.filterparser import LarkParser

        try:
            LarkParser().parse(self._filter)
        except BadRequest as error:
            detail = one_line(str(getattr(error, "detail", error)))
            raise InputError(
                f"`filter_text` {self._filter!r}: no filter of OPTIMADE ({detail[:160]}); write "
                """e.g. 'elements HAS "Se" AND nelements=2'"""
            ) from error

    def _choose_fields(self, described: Mapping[str, Any]) -> None:
        """Decides which field is which property, and checks that it is there in the right unit."""
        self.columns = {}
        known = self._provider.fields or find_fields(described)
        for name, path in {**known, **self._requested}.items():
            head = path.split(".")[0]
            stated = mapping(described.get(head)).get("unit")
            if described and head not in described:
                if name in self._requested:
                    raise InputError(
                        f"`properties` {name}={path}: {self.name} has no field {head!r}"
                    )
                self._note(f"{name}: the service has no field {head}")
            elif unit_fits(stated, unit_of(name)) is False:
                self._note(
                    f"{name}: left out, the service gives {head} in {stated}, not {unit_of(name)}"
                )
            else:
                self.columns[name] = path

    def _get(self, endpoint: str, address: str | None = None) -> Document:
        """Sends one request through the client; the answer is read here, and the errors, too."""
        fields = [*_STRUCTURE, *dict.fromkeys(p.split(".")[0] for p in self.columns.values())]
        paged = endpoint == "structures"
        self.pace.failure = None
        self._documents.clear()
        # Though told to be silent, the client prints errors.
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            # It trusts what it reads; its own errors of that are nobody's.
            with suppress(Exception):
                self._client.get_one(
                    endpoint,
                    # The client puts it into the address as it is.
                    quote(self._filter, safe="") if paged else "",
                    self.url,
                    response_fields=fields if paged else None,
                    page_limit=self._page_size if paged else None,
                    paginate=False,
                    override_url=address,
                )
        if self.pace.failure is not None:
            raise self.pace.failure
        if not self._documents:
            raise ServiceError(f"{self.name}: the client could not ask")
        return self._documents[-1]


def _joined(*parts: str) -> str:
    given = [part.strip() for part in parts if part.strip()]
    return given[0] if len(given) == 1 else " AND ".join(f"({part})" for part in given)


def _about(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a database says of itself in its answers."""
    database, implementation = mapping(meta.get("database")), mapping(meta.get("implementation"))
    provider = mapping(meta.get("provider"))
    found = {
        "version": database.get("version"),
        "name": database.get("name") or provider.get("name"),
        "provider": provider.get("prefix"),
        "api_version": meta.get("api_version"),
        "implementation": implementation.get("name"),
        "implementation_version": implementation.get("version"),
        "time_stamp": meta.get("time_stamp"),
        "client": f"optimade {version('optimade')}",
    }
    return {
        name: word(value) if isinstance(value, str) else value
        for name, value in found.items()
        if isinstance(value, str | int | float)
    }
