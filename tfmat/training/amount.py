"""Whether there is enough to learn from, and what was left out, in words."""

from __future__ import annotations

from collections.abc import Mapping

from tfmat.errors import InputError

FLOOR = 10
"""Fewer structures or formulas than this are refused: nothing of use was ever learned from them."""


def reasons(left_out: Mapping[str, int]) -> str:
    """Returns why something was left out, in brackets with a blank before; empty for nothing.

    Args:
        left_out: Number by reason.
    """
    counts = sorted(left_out.items(), key=lambda entry: -entry[1])
    return f" ({', '.join(f'{count} {reason}' for reason, count in counts)})" if counts else ""


def left_out_line(left_out: Mapping[str, int], total: int, noun: str) -> list[str]:
    """Returns the line that says how many were left out and why; none where none were.

    Args:
        left_out: Number by reason.
        total: How many there were.
        noun: What they are, in the plural.
    """
    number = sum(left_out.values())
    return [f"{number} of {total} {noun} are left out{reasons(left_out)}"] if number else []


def require_floor(
    train: int, total: int, noun: str, left_out: Mapping[str, int], path: str
) -> None:
    """Refuses data of which next to nothing is left to learn from.

    Args:
        train: How many are learned from.
        total: How many the dataset has.
        noun: What they are, in the plural.
        left_out: Number of those left out by reason.
        path: The dataset.

    Raises:
        InputError: They are too few.
    """
    if train < FLOOR:
        raise InputError(
            f"{path}: {train} of {total} {noun} are left to learn from{reasons(left_out)}, fewer "
            f"than {FLOOR}, and nothing of use was ever learned from so few; give more `data`"
        )
