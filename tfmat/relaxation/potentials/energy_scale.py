"""What a dataset's record says about the energies that a potential gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.reference_table import Reference, method_of, symbol


def energies_record(calculator: Calculator, references: Mapping[int, Reference]) -> dict[str, Any]:
    """Returns the entry ``extra.energies`` of a dataset's record.

    Formation energies may be mixed where ``scale`` is the same text: one potential, one version,
    and the elements relaxed with it.

    Args:
        calculator: The potential.
        references: The elements, by atomic number.
    """
    return energies_of(method_of(calculator), calculator.scale, references)


def energies_of(method: str, scale: str, references: Mapping[int, Reference]) -> dict[str, Any]:
    """Returns the same of a potential that is not at hand.

    Args:
        method: Its name and version.
        scale: Its scale.
        references: The elements, by atomic number.
    """
    return {
        "method": method,
        "scale": scale,
        "references": {symbol(number): entry.record() for number, entry in references.items()},
    }
