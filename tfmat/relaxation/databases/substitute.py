"""Putting new elements into prototypes, in every order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import gcd

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.relaxation.databases.prototypes import Prototype

# A system: with one element there is nothing to permute; five have 120 orders and hardly a
# prototype.
FEWEST_ELEMENTS, MOST_ELEMENTS = 2, 4


@dataclass(frozen=True, eq=False)
class Candidate:
    """A prototype with new elements on its sites.

    Attributes:
        identifier: ``PROTOTYPE:FORMULA``, e.g. ``AB_cF8_225_a_b:BiSe``. The element on the
            prototype's first role is written first, so the orders of the elements differ.
        prototype: Name of the prototype.
        crystal: In the size of the prototype.
    """

    identifier: str
    prototype: str
    crystal: Crystal


def system_numbers(symbols: Sequence[str]) -> tuple[int, ...]:
    """Returns the atomic numbers of the elements of a system.

    Args:
        symbols: Two to four different element symbols, in any case.

    Raises:
        InputError: There are fewer or more, a symbol belongs to no element, or one comes twice.
    """
    from pymatgen.core import Element

    if not FEWEST_ELEMENTS <= len(symbols) <= MOST_ELEMENTS:
        raise InputError(
            f"`elements`: {len(symbols)} elements; a system has two to four, e.g. Bi Se"
        )
    numbers: list[int] = []
    for symbol in symbols:
        if not Element.is_valid_symbol(symbol.capitalize()):
            raise InputError(f"`elements`: {symbol!r} is no element; give symbols, e.g. Bi Se")
        number = int(Element(symbol.capitalize()).Z)
        if number in numbers:
            raise InputError(f"`elements`: {symbol!r} twice; give different elements")
        numbers.append(number)
    return tuple(numbers)


def all_orders(
    prototypes: Iterable[Prototype], numbers: Sequence[int], max_atoms: int
) -> Iterator[Candidate]:
    """Yields every prototype filled with the elements in every order: two of them both ways round.

    Args:
        prototypes: Prototypes with as many roles as there are elements.
        numbers: Atomic numbers.
        max_atoms: Larger cells are left out.
    """
    for prototype in prototypes:
        if len(prototype) > max_atoms:
            continue
        for order in permutations(numbers):
            yield candidate(prototype, order)


def candidate(prototype: Prototype, numbers: tuple[int, ...]) -> Candidate:
    """Fills a prototype.

    Args:
        prototype: The geometry.
        numbers: One atomic number for each role.
    """
    return Candidate(
        identifier=f"{prototype.name}:{_formula(prototype, numbers)}",
        prototype=prototype.name,
        crystal=prototype.filled(numbers),
    )


def _formula(prototype: Prototype, numbers: tuple[int, ...]) -> str:
    from pymatgen.core import Element

    counts = [int(count) for count in np.bincount(prototype.roles, minlength=len(numbers))]
    divisor = gcd(*counts)
    parts = [
        Element.from_Z(number).symbol + (str(count // divisor) if count > divisor else "")
        for number, count in zip(numbers, counts, strict=True)
    ]
    return "".join(parts)
