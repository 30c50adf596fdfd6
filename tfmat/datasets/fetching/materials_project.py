"""Structures from the Materials Project, through its client mp-api and its REST interface."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from tfmat.datasets.credit import combined
from tfmat.datasets.fetching.entry import identifier, plain_entry
from tfmat.datasets.fetching.http import Pace, PoliteSession, ServiceError
from tfmat.datasets.fetching.pages import Page
from tfmat.datasets.fetching.providers import (
    GNOME_CREDIT,
    MP_CREDIT,
    MP_METHODS,
    THERMO_TYPES,
    mp_scale,
    value_at,
)
from tfmat.datasets.fetching.query import Wanted
from tfmat.datasets.fetching.reach import Reach
from tfmat.datasets.readers.claims import check_record
from tfmat.datasets.readers.records import SourceRow
from tfmat.datasets.readers.structure_dict import crystal_from_mapping
from tfmat.errors import InputError, TfmatError, one_line, require

_ENERGIES = {
    "formation_energy_per_atom": "formation_energy_per_atom",
    "e_above_hull": "energy_above_hull",
    "energy_per_atom": "energy_per_atom",
}
# What the summary says of the structure itself.
_CLAIMS = ("nsites", "nelements", "elements", "volume")
_LARGEST_TOTAL = 2**53
_COLUMNS = {**_ENERGIES, "band_gap": "band_gap", "created": "created_at"}
_KEY_LENGTH = 32
_KEY_HINT = "from https://next-gen.materialsproject.org/api; set MP_API_KEY (or give `api_key`)"


class MaterialsProjectSource:
    """A query to the Materials Project's collection ``summary``.

    The key goes into the header of the requests and nowhere else.

    Args:
        wanted: What to ask for.
        api_key: The user's key; ``MP_API_KEY`` or pymatgen's ``PMG_MAPI_KEY`` by default.
        thermo_type: Which of the sets of energies; of the default one the collection itself
            holds the energies, of another they come from the collection ``thermo``.
        gnome: Also structures of GNoME, whose licence forbids commercial use.
        page_size: Structures on a page, at most 1000.
        endpoint: Address of the interface; that of mp-api (``MP_API_ENDPOINT``) by default.
        pace: How fast to ask.

    Attributes:
        name, url, pace, query, columns, notes, credit: See
            :class:`tfmat.datasets.fetching.fetch.RemoteSource`.

    Raises:
        InputError: There is no key, or it is none.
        MissingExtraError: mp-api is not installed.
    """

    name = "Materials Project"

    def __init__(
        self,
        wanted: Wanted,
        *,
        api_key: str | None = None,
        thermo_type: str = THERMO_TYPES[0],
        gnome: bool = False,
        page_size: int = 500,
        endpoint: str | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._key = _find_key(api_key)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._module = require("mp_api.client", "mp", "tfmat data fetch mp")
        from mp_api.client.core.utils import validate_endpoint

        self.url = validate_endpoint(endpoint)
        self.pace = pace or Pace()
        self.columns: dict[str, str] = {}
        self.notes: list[str] = []
        self.credit = combined([MP_CREDIT, GNOME_CREDIT]) if gnome else MP_CREDIT
        self._thermo_type = thermo_type
        self._page_size = page_size
        self._criteria = _criteria(wanted, gnome=gnome)
        self._total: int | None = None
        self._rester: Any = None
        self._document: dict[str, Any] = {}
        self.query = {**wanted.record(), "thermo_type": thermo_type, "gnome": gnome}
        self.query["page_size"] = page_size

    def connect(self) -> dict[str, Any]:
        """Opens the client and counts the matches.

        Returns:
            ``version`` is the Materials Project's ``db_version``; besides the client's versions.

        Raises:
            InputError: The key is refused.
            ServiceError: The service cannot be reached, or fails.
        """
        self.columns = dict(_COLUMNS)
        session = PoliteSession(self.pace, Reach(self.url), self._key, self._judge)
        with _without_detours(session):
            self._rester = self._ask(
                lambda: self._module.MPRester(
                    self._key,
                    endpoint=self.url,
                    session=session,
                    use_document_model=False,
                    mute_progress_bars=True,
                )
            )
        only = {"_fields": "material_id", "_limit": 1}
        criteria = {**self._criteria, **only}
        self._total = int(self._ask(lambda: self._rester.materials.summary.count(criteria)))
        return {
            "version": one_line(str(self._rester.db_version))[:80],
            "name": self.name,
            "mp_api": version("mp-api"),
            "emmet_core": version("emmet-core"),
        }

    def page(self, token: str | None) -> Page:
        """Asks for a page of structures, and for what other collections know of them.

        Args:
            token: The page's number, from 1; ``None`` for the first.

        Raises:
            InputError: The service does not understand the query.
            ServiceError: It cannot be reached, or fails.
        """
        number = int(token or 1)
        fields = ["material_id", "structure", "band_gap", "last_updated"]
        fields += [*_CLAIMS, *_ENERGIES.values()]
        found = self._search(
            "summary",
            fields,
            chunk_size=self._page_size,
            _page=number,
            _sort_fields="material_id",
            **self._criteria,
        )
        entries = [plain_entry(document) for document in found]
        for entry in entries:
            entry["material_id"] = _familiar(entry.get("material_id"))
        self._add(entries, "provenance", ["created_at"])
        if self._thermo_type != THERMO_TYPES[0]:
            self._add(entries, "thermo", [*_ENERGIES.values()], thermo_types=self._thermo_type)
        total = self._total if self._total is not None else 0
        changes = [_moment(entry.get("last_updated")) for entry in entries]
        return Page(
            entries,
            str(number + 1) if entries and number * self._page_size < total else None,
            self._total,
            max(changes, default="") or None,
        )

    def row(self, entry: Mapping[str, Any]) -> SourceRow:
        """Reads a document: its crystal, or why it has none, and its properties."""
        try:
            name = identifier(entry, "material_id")
        except InputError as error:
            return SourceRow("", reason=str(error))
        values = {column: value_at(entry, field, column) for column, field in _COLUMNS.items()}
        structure = entry.get("structure")
        try:
            if not isinstance(structure, Mapping):
                raise InputError("no structure")
            if not structure.get("sites"):
                raise InputError("no sites")
            crystal = crystal_from_mapping(structure)
            check_record(crystal, {key: entry.get(key) for key in _CLAIMS}, strict=True)
            return SourceRow("", values, crystal, name=name)
        except InputError as error:
            return SourceRow("", values, reason=str(error), name=name)

    def energies(self) -> dict[str, Any]:
        """Says on which scale the energies are."""
        return {
            "method": MP_METHODS[self._thermo_type],
            "scale": mp_scale(self._thermo_type),
            "references": {},
        }

    def _add(
        self, entries: list[dict[str, Any]], collection: str, fields: list[str], **more: Any
    ) -> None:
        """Puts what another collection says of the same materials in place of the entries' own."""
        names = [entry["material_id"] for entry in entries if _known_form(entry["material_id"])]
        if not names:
            return
        found = self._search(
            collection,
            ["material_id", *fields],
            chunk_size=1000,
            material_ids=",".join(names),
            **more,
        )
        documents = [document for document in found if isinstance(document, dict)]
        known = {_known_form(document.get("material_id")): document for document in documents}
        known.pop(None, None)
        for entry in entries:
            document = known.get(_known_form(entry["material_id"]), {})
            entry.update({field: document.get(field) for field in fields})

    def _search(self, collection: str, fields: list[str], **conditions: Any) -> Any:
        """Asks a collection for one page, in the words of the plain interface.

        The client's ``search`` would make a JSON schema of all its documents for each field.
        """
        self._document = {}
        try:
            return self._ask(
                lambda: getattr(self._rester.materials, collection)._search(
                    all_fields=False,
                    # One chunk, else the bulk files on S3 are read.
                    num_chunks=1,
                    _fields=",".join(fields),
                    **conditions,
                )
            )
        except ServiceError:
            # The client reads no page in which one number is infinite.
            if "data" not in self._document:
                raise
            return self._document["data"]

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Asks through the client, whose errors become lines without the key."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return question()
        except TfmatError as error:
            raise type(error)(str(error).replace(self._key, "***")) from None
        except Exception as error:  # the client trusts what it reads
            words = one_line(str(error)[:300]) or type(error).__name__
            raise self._no_answer(words.replace(self._key, "***")) from None

    def _judge(self, answer: Any) -> None:
        """Refuses what is wrong; the client takes every answer for what it should be."""
        status = answer.status_code
        if status == 200:
            self._document = self._read(answer.content)
            return
        detail = one_line(answer.content[:200].decode("utf-8", "replace")) or "no reason given"
        if status in (401, 403):
            raise InputError(
                f"the Materials Project refuses the key ({status}); get one {_KEY_HINT}"
            )
        if status in (400, 422):
            raise InputError(f"the Materials Project does not understand the query: {detail}")
        if status != 414:  # the client divides a question that is too long
            raise self._no_answer(f"{status}: {detail}")

    def _read(self, content: bytes) -> dict[str, Any]:
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            start = one_line(content[:200].decode("utf-8", "replace"))
            raise self._no_answer(f"no JSON that can be read: {start!r}") from error
        if not isinstance(document, dict):
            raise self._no_answer("no object")
        if "db_version" in document:
            return document
        meta = document.get("meta")
        total = meta.get("total_doc") if isinstance(meta, dict) else None
        if not isinstance(document.get("data"), list):
            raise self._no_answer("it holds no documents")
        if type(total) is not int or not 0 <= total < _LARGEST_TOTAL:
            raise self._no_answer("it does not say how many documents match")
        return document

    def _no_answer(self, detail: str) -> ServiceError:
        return ServiceError(f"{self.url}: no answer of the Materials Project ({detail})")


@contextmanager
def _without_detours(session: PoliteSession) -> Iterator[None]:
    """Has the client ask for the state of the service through a session, with its time limit.

    It does so beside the session that it was given, and waits for ever.
    """
    import requests
    from mp_api.client import mprester

    before = [(module, module.get) for module in (requests, mprester) if hasattr(module, "get")]
    for module, _ in before:
        module.get = session.get
    try:
        yield
    finally:
        for module, get in before:
            module.get = get


def _find_key(given: str | None) -> str:
    key = given or os.environ.get("MP_API_KEY") or os.environ.get("PMG_MAPI_KEY")
    if not key:
        # pymatgen's own file of settings, where its users keep theirs.
        from pymatgen.core import SETTINGS

        key = SETTINGS.get("PMG_MAPI_KEY")
    if not key:
        raise InputError(f"the Materials Project needs a key {_KEY_HINT}")
    key = str(key).strip()
    if len(key) != _KEY_LENGTH or not key.isalnum():
        raise InputError(
            f"the key of the Materials Project is wrong: it has {_KEY_LENGTH} letters and digits, "
            f"this one {len(key)} characters; get one {_KEY_HINT}"
        )
    return key


def _criteria(wanted: Wanted, *, gnome: bool) -> dict[str, Any]:
    """Returns the conditions as the interface names them."""
    criteria: dict[str, Any] = {"deprecated": False}
    if not gnome:
        criteria["batch_id_not_eq"] = "gnome_r2scan_statics"
    if wanted.elements:
        criteria["chemsys"] = ",".join(wanted.systems())
    elif wanted.containing:
        criteria["elements"] = ",".join(sorted(set(wanted.containing)))
    if wanted.count and not wanted.elements:
        criteria["nelements_min"], criteria["nelements_max"] = wanted.count
    if wanted.max_atoms:
        criteria["nsites_min"], criteria["nsites_max"] = 1, wanted.max_atoms
    return criteria


def _known_form(value: object) -> str | None:
    """Returns an identifier as the client writes it, ``None`` for what is no identifier to it."""
    from mp_api.client.core.utils import validate_ids

    try:
        return str(validate_ids([value])[0]) if isinstance(value, str) else None
    except Exception:  # the client's or its models' own
        return None


def _familiar(value: object) -> object:
    """Returns an identifier in the form that people know (``mp-149``) if it has one.

    The service is changing to one of letters alone (``mp-ft``), which joins with no older table.
    """
    return _known_form(value) or value


def _moment(value: object) -> str:
    """Returns a moment as text, also where it is MongoDB's JSON."""
    return str(value.get("$date", "")) if isinstance(value, Mapping) else str(value or "")
