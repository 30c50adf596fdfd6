"""What is wanted of properties, as settings of a recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tfmat.errors import InputError

# Beside an adversarial loss of about 1; docs/own-property.md has what weights do.
WEIGHT = 0.1


@dataclass(frozen=True)
class Aim:
    """A property that a constraint predicts, and what the generator is steered towards.

    Args:
        property: Name of the property.
        form: ``minimise``, ``maximise``, ``target``, or ``None`` for a constraint that steers
            nothing.
        target: Wanted value for ``target``, in the property's unit.
        weight: Weight beside the adversarial loss, above 0, of the property in units of its
            standard deviation.
    """

    property: str
    form: Literal["minimise", "maximise", "target"] | None = None
    target: float = 0.0
    weight: float = WEIGHT


def settings(aims: Sequence[Aim]) -> list[str]:
    """Returns the settings of a recipe that train a constraint for each property and steer by it.

    Args:
        aims: The properties, the main one first; none changes nothing.

    Returns:
        ``key=value`` texts.

    Raises:
        InputError: A property is named twice.
    """
    if not aims:
        return []
    names = [aim.property for aim in aims]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"`property` {twice[0]}: is given twice; give it once")
    terms = ", ".join(_term(aim) for aim in aims if aim.form is not None)
    return [
        f"data.property={json.dumps(aims[0].property)}",
        "constraint.standardise=true",
        *([f"gan.terms=[{terms}]"] if terms else []),
    ]


def _term(aim: Aim) -> str:
    """Returns a term as a table of TOML; its scale is settled by the data."""
    weight = -aim.weight if aim.form == "maximise" else aim.weight
    form = "target" if aim.form == "target" else "linear"
    return (
        f"{{property = {json.dumps(aim.property)}, weight = {weight!r}, form = {form!r}, "
        f"target = {aim.target!r}, scale = 0.0}}"
    )
