"""Checks of numbers that recipes of all families need."""

from __future__ import annotations

import math

from tfmat.errors import InputError


def positive(table: str, recipe: object, *names: str) -> None:
    """Refuses values that are not positive and finite.

    Args:
        table: Name of the recipe's table, for the message.
        recipe: The table's dataclass.
        *names: Fields to check.

    Raises:
        InputError: A value is out of range.
    """
    for name in names:
        value = getattr(recipe, name)
        if not 0 < value < math.inf:
            raise InputError(f"recipe: {name} of the {table} must be positive, not {value}")


def share(table: str, recipe: object, *names: str) -> None:
    """Refuses values outside of 0 to 1, 1 excluded.

    Args:
        table: Name of the recipe's table, for the message.
        recipe: The table's dataclass.
        *names: Fields to check.

    Raises:
        InputError: A value is out of range.
    """
    for name in names:
        value = getattr(recipe, name)
        if not 0 <= value < 1:
            raise InputError(
                f"recipe: {name} of the {table} must be at least 0 and below 1, not {value}"
            )
