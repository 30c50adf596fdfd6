"""What ``metadata.json`` of a dataset holds, as typed tables: whatever programs rely on.

A dataset may come from anyone. What is of another type than these tables say is refused when the
record is read, and nowhere later; entries that they do not know are kept and never looked into.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct

from tfmat.typed import Maybe, first_flaw, words

PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]+")
"""A property's name is that of its file, too."""
_Name = Annotated[str, words(PROPERTY_NAME.pattern, "the name of a property")]
_Count = Annotated[int, Meta(ge=0)]


class Source(Struct, frozen=True, kw_only=True):
    """Where the data come from; licence and attribution: :func:`tfmat.datasets.credit.stored`."""

    name: str = ""
    sha256: str = ""


class Counts(Struct, frozen=True, kw_only=True):
    """How many rows were left out, in all and by the kind of reason."""

    rejected: _Count
    rejected_by_reason: dict[str, _Count]
    unknown_energy: _Count | None = None


class Property(Struct, frozen=True, kw_only=True):
    """A column of numbers."""

    unit: str | None


class Energies(Struct, frozen=True, kw_only=True):
    """What formation energies are and count from."""

    method: str | None = None
    scale: str | None = None
    references: dict[str, Any] | None = None


class Extra(Struct, frozen=True, kw_only=True):
    """What the commands that made the data say; each has entries of its own."""

    energies: Energies | None = None
    augment: list[dict[str, Any]] = []


class Limits(Struct, frozen=True, kw_only=True):
    """The selection of structures: most atoms, and the longest edge of the Niggli cell in Å."""

    max_atoms: int | None = None
    max_length: float | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """The selection of formulas."""

    rule: str
    where: list[str]
    valid: Any


class Record(Struct, frozen=True, kw_only=True):
    """The record of any dataset."""

    source: Source
    counts: Counts
    properties: dict[_Name, Property]
    sha256: str
    files: Maybe[dict[str, str]] = UNSET
    extra: Extra | None = None


class StructuresRecord(Record, frozen=True, kw_only=True):
    """The record of a dataset of structures."""

    selection: Limits | None = None


class FormulasRecord(Record, frozen=True, kw_only=True):
    """The record of a dataset of formulas."""

    selection: Choice | None = None


def complete(record: dict[str, Any], *, formulas: bool) -> dict[str, Any]:
    """Checks a record, and gives it the entries that those of earlier versions lack.

    Args:
        record: As it was read.
        formulas: Whether the dataset holds formulas, and no structures.

    Raises:
        ValueError: Something in it is not what it must be; the message says what.
    """
    flaw = first_flaw(FormulasRecord if formulas else StructuresRecord, record)
    if flaw is not None:
        raise ValueError(flaw)
    return {**record, "selection": record.get("selection"), "extra": record.get("extra") or {}}
