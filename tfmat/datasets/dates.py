"""Dates as days since 1970-01-01 (UTC), so that a dataset keeps them beside its other numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from tfmat.errors import InputError

UNIT = "days since 1970-01-01"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
_COMPACT = re.compile(r"\d{8}(?:T\d+.*)?")
RANGE = (-25_567.0, 84_006.0)
"""Days from 1900 to 2200: beyond lie seconds since 1970 and other ways to write a moment."""
# As days these would lie in 1975 to 1976; who writes them means the year.
_YEARS = range(1900, 2201)
# How pymatgen's and MongoDB's JSON write a moment.
_KEYS = ("$date", "string")


def days(value: object) -> float:
    """Converts a date, or a date and time, to days since 1970-01-01.

    Args:
        value: ISO 8601 text (``2018-07-13``, ``20180713``, ``2018-07-13T09:30:00Z``; without an
            offset from UTC it is UTC), days since 1970-01-01 as a number, or an object of
            pymatgen's or MongoDB's JSON that holds one of these.

    Returns:
        The days; a time of day is their fraction.

    Raises:
        InputError: It is none of these, or lies outside of 1900 to 2200.
    """
    if isinstance(value, Mapping):
        value = next((value[key] for key in _KEYS if key in value), str(dict(value)))
    text = str(value).strip()
    if _NUMBER.fullmatch(text) and not _COMPACT.fullmatch(text):
        result = float(text)
        if result in _YEARS:
            raise InputError(f"{text[:40]!r} is a year, no date; write it as 2018-07-13")
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise InputError(f"{text[:40]!r} is no date; write it as 2018-07-13") from error
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        result = (moment - _EPOCH) / timedelta(days=1)
    if not RANGE[0] <= result <= RANGE[1]:
        raise InputError(f"{text[:40]!r} is no date of 1900 to 2200; write it as 2018-07-13")
    return result


def iso(value: float) -> str:
    """Writes days since 1970-01-01 as a date, e.g. ``2018-07-13``; the time of day is left out.

    Args:
        value: The days, a finite number.
    """
    return (_EPOCH + timedelta(days=math.floor(value))).date().isoformat()
