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


def failure(answer: Any, asked: Asked) -> TfmatError | None:
    """Says what is wrong with an answer; the client takes every one for what it should be.

    Args:
        answer: A response of ``requests``.
        asked: The question.

    Returns:
        The error to raise, ``None`` for a document of OPTIMADE.
    """
    status, host = answer.status_code, urlsplit(asked.url).netloc
    if status == 200:
        strange = _strange(answer.content)
        return ServiceError(f"{host}: {strange}") if strange else None
    detail = _detail(answer.content)
    if status == 404:
        return InputError(
            f"--provider {asked.url}: no OPTIMADE service there (404); give the address that "
            "/v1/structures follows"
        )
    if status in (401, 403) and "page_limit" not in detail:
        return InputError(f"{asked.name}: not allowed ({status}: {detail})")
    if 400 <= status < 500 or status == 501:
        if "page_limit" in detail:
            return InputError(f"--page-size {asked.page_size}: {asked.name} says: {detail}")
        return InputError(f"--filter {asked.filter_text!r}: {asked.name} says: {detail}")
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


def _strange(content: bytes) -> str | None:
    """Says why the content of an answer is none of an OPTIMADE service."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        start = content[:_LONGEST_WORD].decode("utf-8", "replace")
        return f"{_NONE} (no JSON that can be read: {one_line(start)!r})"
    if not isinstance(document, dict) or not isinstance(document.get("data"), list | dict):
        return f"{_NONE} (it holds no data)"
    for name, kind in (("meta", dict), ("links", dict), ("included", list), ("errors", list)):
        if not isinstance(document.get(name, kind()), kind):
            return f"{_NONE} ({name} is no {kind.__name__})"
    return None


def word(value: object) -> str:
    """Returns a service's words as one short line."""
    return one_line(str(value)[:_LONGEST_WORD])


def attributes_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the attributes of an entry; none where there are none."""
    return mapping(entry.get("attributes"))


def mapping(value: object) -> Mapping[str, Any]:
    """Returns an object of JSON; an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}
