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


def length(table: str, steps: int, epochs: float) -> None:
    """Refuses a training whose length is not given by either steps or epochs.

    Args:
        table: Name of the recipe's table, for the message.
        steps: Optimiser steps; 0 if epochs say it.
        epochs: Passes over the data; 0 if steps say it.

    Raises:
        InputError: None or both are given, or one is out of range.
    """
    if steps < 0 or not 0 <= epochs < math.inf or bool(steps) == bool(epochs):
        raise InputError(
            f"recipe: {table}.steps is {steps} and {table}.epochs is {epochs:g}: one of them must "
            "be positive, the other 0"
        )
