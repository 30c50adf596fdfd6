"""What the answer of an OPTIMADE service is: none, a refusal, or what was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tfmat.datasets.fetching.entry import DAMAGED
from tfmat.datasets.fetching.http import ServiceError
from tfmat.errors import InputError, TfmatError, one_line

_LONGEST_WORD = 200
_LONGEST_ERROR = 10_000
_NONE = "no answer of an OPTIMADE service"


@dataclass(frozen=True)
class Asked:
    """A question, for messages.

    Args:
        name: Of the service.
        url: Its base address.
        filter_text: The filter that it was asked with.
        page_size: Entries on a page.
    """

    name: str
    url: str
    filter_text: str
    page_size: int


@dataclass(frozen=True)
class Document:
    """An answer, of which only this much is certain.

    Args:
        data: A list of entries, or an object.
        meta: What the service says of it; empty if nothing.
        links: Addresses that lead on.
    """

    data: list[Any] | dict[str, Any]
    meta: Mapping[str, Any]
    links: Mapping[str, Any]


def document(answer: Any, asked: Asked) -> Document:
    """Reads an answer.

    Args:
        answer: A response of ``requests``.
        asked: The question.

    Raises:
        InputError: The service does not understand the question, or there is none.
        ServiceError: It fails, or answers something else.
    """
    if answer.status_code != 200:
        raise _refusal(answer, asked)
    none = f"{urlsplit(asked.url).netloc}: {_NONE}"
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        start = word(answer.content[:_LONGEST_WORD].decode("utf-8", "replace"))
        raise ServiceError(f"{none} (no JSON that can be read: {start!r})") from error
    if not isinstance(found, dict) or not isinstance(found.get("data"), list | dict):
        raise ServiceError(f"{none} (it holds no data)")
    return Document(found["data"], mapping(found.get("meta")), mapping(found.get("links")))


def _refusal(answer: Any, asked: Asked) -> TfmatError:
    status, host = answer.status_code, urlsplit(asked.url).netloc
    detail = _detail(answer.content)
    if status == 404:
        return InputError(
            f"`provider` {asked.url}: no OPTIMADE service there (404); give the address that "
            "/v1/structures follows"
        )
    if status in (401, 403) and "page_limit" not in detail:
        return InputError(f"{asked.name}: not allowed ({status}: {detail})")
    if 400 <= status < 500 or status == 501:
        if "page_limit" in detail:
            return InputError(f"`page_size` {asked.page_size}: {asked.name} says: {detail}")
        return InputError(f"`filter_text` {asked.filter_text!r}: {asked.name} says: {detail}")
    return ServiceError(f"{host}: {_NONE} ({status}: {detail})")


def _detail(content: bytes) -> str:
    """Returns what an answer says of its error, in a short line."""
    content = content[:_LONGEST_ERROR]
    try:
        errors = [mapping(one) for one in json.loads(content)["errors"]]
        words = "; ".join(f"{one.get('title')}: {one.get('detail')}" for one in errors)
    except DAMAGED:
        words = content.decode("utf-8", "replace")
    return word(words) or "no reason given"


def word(value: object) -> str:
    """Returns a service's words as one short line."""
    return one_line(str(value)[:_LONGEST_WORD])


def attributes_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the attributes of an entry; none where there are none."""
    return mapping(entry.get("attributes"))


def mapping(value: object) -> Mapping[str, Any]:
    """Returns an object of JSON; an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}
