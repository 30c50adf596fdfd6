"""A measured number with its meaning."""

from __future__ import annotations

import math
from typing import TypedDict


class Metric(TypedDict):
    """A number with its meaning; ``None`` where it was measured of nothing."""

    value: float | None
    unit: str
    note: str


def metric(value: float, unit: str, note: str) -> Metric:
    """Returns a number with its meaning, as ``run.json`` keeps it.

    Args:
        value: The number.
        unit: Its unit; ``1`` for a share.
        note: What it was measured on, and how.
    """
    return {"value": value if math.isfinite(value) else None, "unit": unit, "note": note}
