"""Under which licence data are, and whom to cite for them.

A dataset's record says it in its entry ``source``, a run's and a package's in ``dataset``, each as
``license`` (as SPDX writes it) and ``attribution`` (a list of texts). What is not known is absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmat.errors import InputError, one_line

# As in the JSON Schema of a package.
_IDENTIFIER = "[A-Za-z0-9][A-Za-z0-9.+-]*"
_LICENCE = re.compile(f"{_IDENTIFIER}( AND {_IDENTIFIER})*")
_AND = " AND "


@dataclass(frozen=True)
class Credit:
    """The licence of data, and whom to cite.

    Attributes:
        licence: An identifier of SPDX, or several joined by ``AND``; empty if not known.
        attribution: Texts, each one line.
    """

    licence: str = ""
    attribution: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """Returns the entries of a record; none for what is not known."""
        return {
            **({"license": self.licence} if self.licence else {}),
            **({"attribution": list(self.attribution)} if self.attribution else {}),
        }

    def citing(self, texts: Iterable[str]) -> Credit:
        """Returns the same with more to cite.

        Args:
            texts: What is cited already is not cited again.
        """
        return Credit(self.licence, tuple(dict.fromkeys((*self.attribution, *texts))))

    def or_else(self, other: Credit) -> Credit:
        """Returns the same, with licence or attribution of another where there is none.

        Args:
            other: Of what the data were made of.
        """
        return Credit(self.licence or other.licence, self.attribution or other.attribution)


UNKNOWN = Credit()
"""Of data that say nothing."""


def given(licence: str, attribution: Sequence[str], argument: str = "licence") -> Credit:
    """Returns a user's words on data.

    Args:
        licence: Identifiers; empty if not said.
        attribution: Whom to cite.
        argument: How the user said the licence.

    Raises:
        InputError: They cannot be a licence, or a text is empty.
    """
    if licence and not _LICENCE.fullmatch(licence):
        raise InputError(
            f"`{argument}` {one_line(licence)}: give the licence of the data as SPDX writes it, "
            "e.g. CC-BY-4.0; several joined by AND"
        )
    texts = [one_line(text) for text in attribution]
    if not all(texts):
        raise InputError("`attribution`: is empty; say whom to cite, or leave it out")
    return Credit(licence).citing(texts)


def stored(source: Mapping[str, Any], file: Path) -> Credit:
    """Reads the entries of a dataset's record.

    Args:
        source: The record's entry ``source``.
        file: The record, for messages.

    Raises:
        InputError: They are none; people write them by hand, too.
    """
    licence, texts = source.get("license", ""), source.get("attribution", [])
    if not (
        isinstance(licence, str)
        and isinstance(texts, list)
        and all(isinstance(text, str) for text in texts)
    ):
        raise InputError(
            f"{file}: under source, license has to be a text and attribution a list of texts"
        )
    try:
        return given(licence, texts, "license")
    except InputError as error:
        raise InputError(f"{file}: under source, {error}") from error


def combined(parts: Sequence[Credit]) -> Credit:
    """Returns what holds for data of several origins.

    All are cited, and all licences hold together; where one is not known that of the whole is not.

    Args:
        parts: One for each origin.
    """
    names = [name for part in parts for name in part.licence.split(_AND)]
    # SPDX does not tell upper from lower case; the first spelling stays.
    spelled = {name.lower(): name for name in reversed(names)}
    distinct = dict.fromkeys(spelled[name.lower()] for name in names)
    texts = [text for part in parts for text in part.attribution]
    return Credit(_AND.join(distinct) if all(names) else "").citing(texts)
