"""Whether the pages of a service lead to an end, and whether that end is one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tfmat.datasets.fetching.pages import Page, Pages

# So many more entries may come than the service has counted: databases grow.
_SPARE_SHARE, _SPARE = 0.1, 100
# So many pages may come one after the other without an entry that was not there before.
_STALE = 3


class Walk:
    """A way through the pages of a service, from the first or from where it was left.

    Args:
        pages: Those that are there already.
        limit: Entries after which it is over.

    Attributes:
        count: Entries so far.
    """

    def __init__(self, pages: Pages, limit: int | None) -> None:
        self._limit = limit
        self.count = pages.count
        self._tokens = {head["next"] for head in pages.heads}
        self._known = {_key(entry) for _, entry in pages.entries()}
        self._stale = 0
        self._total = next(
            (h["total"] for h in reversed(pages.heads) if h["total"] is not None), None
        )

    def judged(self, page: Page) -> Page:
        """Takes the next page.

        Args:
            page: As the service gave it.

        Returns:
            The page, cut to the limit; without a next one where there is none that would bring
            anything, and with the ``problem`` where the service says otherwise.
        """
        entries = page.entries
        if page.total is not None:
            self._total = page.total
        if self._limit is not None:
            entries = entries[: self._limit - self.count]
        self.count += len(entries)
        keys = set(map(_key, entries))
        self._stale = self._stale + 1 if keys <= self._known else 0
        self._known |= keys
        if self._limit is not None and self.count >= self._limit:
            return replace(page, entries=entries, next=None, problem=None)
        problem = page.problem or self._obstacle(page)
        if problem is None and page.next is None and self._total not in (None, self.count):
            problem = f"it says that {self._total:,} entries match, but gave {self.count:,}"
        self._tokens.add(page.next)
        return replace(page, next=None if problem else page.next, problem=problem)

    def _obstacle(self, page: Page) -> str | None:
        """Says why the next page would not bring the walk nearer to its end."""
        if page.next is None:
            return None
        if page.next in self._tokens:
            return "its pages lead in a circle: a page follows itself"
        if self._stale >= _STALE:
            return f"{self._stale} of its pages in a row had nothing new"
        total = self._total
        if total is not None and self.count > total * (1 + _SPARE_SHARE) + _SPARE:
            return f"it says that {total:,} entries match, but gave {self.count:,} and more"
        return None


def _key(entry: dict[str, Any]) -> str:
    """Returns what tells entries apart: the identifier, or all where there is none."""
    name = entry.get("id", entry.get("material_id"))
    return json.dumps(entry if name is None else name, sort_keys=True)
