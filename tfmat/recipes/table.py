"""What a table of a recipe is, and the fields that recipes of all families have.

A field's type, with its bounds, is declared once at the field. From there come the checks, those of
a file and those of a table made in Python, and the JSON Schema (:func:`tfmat.recipes.schema`).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tfmat import typed
from tfmat.errors import InputError

# How many there are of something.
Count = Annotated[int, Meta(ge=1)]
# Of the layers of a network.
Sizes = tuple[Count, ...]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
# A share that is never the whole, or a decay.
Share = Annotated[float, Meta(ge=0, lt=1)]
Steps = Annotated[int, Meta(ge=0)]


class Table:
    """Base of the frozen dataclasses that recipes consist of.

    Raises:
        InputError: A field has a value that its type does not allow.
    """

    def __post_init__(self) -> None:
        """Checks every field; a list becomes a tuple, and a whole number that is a float, one."""
        table: Any = type(self)
        for name, field in typed.fields(table).items():
            given = getattr(self, name)
            # A number of NumPy's.
            value = given.item() if hasattr(given, "item") else given
            where = f"{table.__name__}.{name}"
            flaw = typed.unsound(value, where) or typed.first_flaw(field.hint, value, where)
            if flaw is not None:
                raise InputError(flaw)
            if not dataclasses.is_dataclass(value):
                object.__setattr__(self, name, msgspec.convert(value, field.hint))


def in_steps(table: Any, samples: int, batch: int) -> Any:
    """Returns a training whose epochs are turned into steps.

    Args:
        table: It has ``steps`` and ``epochs``, one of them 0.
        samples: Training samples.
        batch: Samples that a step sees.
    """
    if table.steps:
        return table
    steps = math.ceil(table.epochs * samples / batch)
    return dataclasses.replace(table, steps=steps, epochs=0.0)


def check_length(steps: int, epochs: float) -> None:
    """Refuses a training whose length is not given by either steps or epochs.

    Args:
        steps: Optimiser steps; 0 if epochs say it.
        epochs: Passes over the data; 0 if steps say it.

    Raises:
        InputError: None or both are given.
    """
    if bool(steps) == bool(epochs):
        raise InputError(
            f"steps is {steps} and epochs is {epochs:g}: one of them must be positive, the other 0"
        )
