"""Names of properties: their units, and the column names under which people keep them."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets import dates
from tfmat.datasets.readers.numerals import numerals
from tfmat.errors import InputError

CREATED = "created"
"""When a structure came into its database; the one property that is read from dates."""

# Canonical name -> unit and the other names under which it is found (Materials Project, OQMD,
# JARVIS, the CDVAE benchmark files, matminer).
_KNOWN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "formation_energy_per_atom": (
        "eV/atom",
        (
            "formation_energy",
            "formation_energy_peratom",
            "form_energy_per_atom",
            "e_form",
            "eform",
            "ef",
            "ef_per_atom",
            "delta_e",
            "deltae",
            "heat_of_formation",
            "hform",
        ),
    ),
    "e_above_hull": (
        "eV/atom",
        ("energy_above_hull", "ehull", "e_hull", "above_hull", "hull_distance", "stability"),
    ),
    "band_gap": ("eV", ("bandgap", "gap", "e_gap", "eg", "gap_pbe", "optb88vdw_bandgap")),
    "energy_per_atom": ("eV/atom", ("e_per_atom",)),
    CREATED: (dates.UNIT, ("created_at", "created_on", "date_created", "creation_date")),
    # What a relaxation says (tfmat relax).
    "initial_formation_energy_per_atom": ("eV/atom", ()),
    "delta_formation_energy_per_atom": ("eV/atom", ()),
    "max_force": ("eV/Å", ()),
    "steps": ("", ()),
    "converged": ("", ()),
    "kept_prototype": ("", ()),
}
_ID_COLUMNS = (
    "material_id",
    "id",
    "identifier",
    "mp_id",
    "mpid",
    "jid",
    "entry_id",
    "name",
    "file",
)


def _key(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_").replace(".", "_")


# Every known way to write a property: its canonical name, and how good a sign of it that is.
_RANKED = {
    _key(alias): (name, rank)
    for name, (_, aliases) in _KNOWN.items()
    for rank, alias in enumerate((name, *aliases))
}
_UNKNOWN_WORDS = frozenset(("", "nan", "none", "null", "na", "n/a"))
_TRUTH = {"t": 1.0, "true": 1.0, "f": 0.0, "false": 0.0}


def unit_of(name: str) -> str | None:
    """Returns the unit of a property with a canonical name, ``None`` for any other.

    A property ``source_NAME`` is the one of the source, before it was computed again.
    """
    name = name.removeprefix("source_")
    return _KNOWN[name][0] if name in _KNOWN else None


def sensible(name: str, values: NDArray[np.float64]) -> bool:
    """Tells whether values are such as a reader takes.

    Args:
        name: Name of the property.
        values: Shape ``(n,)``, NaN where unknown.
    """
    first, last = dates.RANGE if name == CREATED else (-sys.float_info.max, sys.float_info.max)
    return not ((values < first) | (values > last)).any()


def guess_id(columns: Iterable[str]) -> str | None:
    """Returns the column that most likely holds identifiers."""
    by_key = {_key(column): column for column in columns}
    return next((by_key[name] for name in _ID_COLUMNS if name in by_key), None)


def guess_properties(columns: Iterable[str]) -> dict[str, str]:
    """Finds the columns that most likely hold known properties.

    Args:
        columns: Column names in any case, with ``_``, ``-``, ``.`` or spaces.

    Returns:
        Canonical name to column.
    """
    best: dict[str, tuple[int, str]] = {}
    for column in columns:
        name, rank = _RANKED.get(_key(column), ("", 0))
        if name and (name not in best or rank < best[name][0]):
            best[name] = (rank, column)
    return {name: column for name, (_, column) in best.items()}


def number(value: object) -> float:
    """Converts what a table or a record holds to a number.

    Args:
        value: A number, a truth value (1 or 0), text of either (``1D-3``, too), or a sign of
            absence.

    Returns:
        The number; NaN if the value is absent.

    Raises:
        InputError: It is neither, or infinite.
    """
    text = "" if value is None else str(value).strip()
    if text.lower() in _UNKNOWN_WORDS:
        return math.nan
    try:
        result = _TRUTH[text.lower()] if text.lower() in _TRUTH else numerals([text])[0]
    except ValueError as error:
        raise InputError(f"{text[:40]!r} is no number") from error
    if math.isinf(result):
        raise InputError(f"{text[:40]!r} is not finite")
    return result


def property_value(name: str, value: object) -> float:
    """Converts what a table or a record holds as a property: dates to days, the rest to numbers.

    Args:
        name: Name of the property.
        value: As :func:`number` takes it, and for ``created`` :func:`tfmat.datasets.dates.days`.

    Returns:
        The number; NaN if the value is absent.

    Raises:
        InputError: It is no number, or no date.
    """
    if name != CREATED or value is None or str(value).strip().lower() in _UNKNOWN_WORDS:
        return number(value)
    return dates.days(value)


class PropertyReader:
    """Takes identifiers and properties out of the fields of rows.

    Args:
        requested: Property name to column, as the user said; known properties are found besides.
        id_column: Column with identifiers; guessed by default.

    Attributes:
        used: Property name to the column (in mixed sources the first) that it was read from.
        used_id: The column that identifiers were read from, if any.
        not_numbers: How often a guessed column held something else than a number, by property.
        columns: All columns seen.
    """

    def __init__(self, requested: Mapping[str, str], id_column: str | None = None) -> None:
        self.requested = dict(requested)
        self.id_column = id_column
        self.used: dict[str, str] = {}
        self.used_id: str | None = None
        self.not_numbers: Counter[str] = Counter()
        self.columns: set[str] = set()
        self._plans: dict[tuple[str, ...], tuple[str | None, dict[str, str]]] = {}

    def read(self, fields: Mapping[str, object]) -> dict[str, float]:
        """Reads one row.

        Args:
            fields: What the row says, by column.

        Returns:
            Properties by name, NaN where unknown. What is no number in a column that was only
            guessed (a column ``gap`` may say ``direct``) is unknown too, and counted.

        Raises:
            InputError: A requested property is no number (``created``: no date); the message
                starts with ``"broken NAME: "``.
        """
        _, columns = self._plan(tuple(fields))
        values = {}
        for name, column in columns.items():
            try:
                values[name] = property_value(name, fields[column])
            except InputError as error:
                if name in self.requested:
                    raise InputError(f"broken {name}: {error}") from error
                values[name] = math.nan
                self.not_numbers[name] += 1
        return values

    def identifier(self, fields: Mapping[str, object]) -> str:
        """Returns the row's identifier, ``""`` if it has none."""
        column, _ = self._plan(tuple(fields))
        value = fields[column] if column is not None else None
        return "" if value is None else str(value).strip()

    def missing(self) -> list[str]:
        """Returns the columns that the user named and no row had."""
        named = [*self.requested.values(), *([self.id_column] if self.id_column else [])]
        return [column for column in named if column not in self.columns]

    def _plan(self, columns: tuple[str, ...]) -> tuple[str | None, dict[str, str]]:
        if columns not in self._plans:
            self.columns.update(columns)
            properties = guess_properties(columns)
            for name, column in self.requested.items():
                properties.pop(name, None)
                if column in columns:
                    properties[name] = column
            for name, column in properties.items():
                self.used.setdefault(name, column)
            id_column = self.id_column if self.id_column in columns else None
            if self.id_column is None:
                id_column = guess_id(columns)
            self.used_id = self.used_id or id_column
            self._plans[columns] = (id_column, properties)
        return self._plans[columns]
