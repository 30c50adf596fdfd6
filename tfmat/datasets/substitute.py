"""Putting new elements into prototypes, both ways round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np

from tfmat.datasets.crystal import Crystal
from tfmat.datasets.prototypes import Prototype
from tfmat.errors import InputError


@dataclass(frozen=True, eq=False)
class Candidate:
    """A prototype with new elements on its sites.

    Attributes:
        identifier: ``PROTOTYPE:FORMULA``, e.g. ``AB_cF8_225_a_b:BiSe``. The element on the
            prototype's first role is written first, so the two ways round differ.
        prototype: Name of the prototype.
        crystal: In the size of the prototype.
    """

    identifier: str
    prototype: str
    crystal: Crystal


def element_pair(symbols: tuple[str, str]) -> tuple[int, int]:
    """Returns the atomic numbers of a pair of elements.

    Args:
        symbols: Two different element symbols, in any case.

    Raises:
        InputError: A symbol belongs to no element, or both are the same.
    """
    from pymatgen.core import Element

    numbers = []
    for symbol in symbols:
        if not Element.is_valid_symbol(symbol.capitalize()):
            raise InputError(f"--elements: {symbol!r} is no element; give two, e.g. Bi Se")
        numbers.append(int(Element(symbol.capitalize()).Z))
    if numbers[0] == numbers[1]:
        raise InputError(f"--elements: {symbols[0]!r} twice; give two different elements")
    return numbers[0], numbers[1]


def both_ways(
    prototypes: Iterable[Prototype], pair: tuple[int, int], max_atoms: int
) -> Iterator[Candidate]:
    """Yields every prototype filled both ways round.

    Args:
        prototypes: Binary prototypes.
        pair: Two atomic numbers.
        max_atoms: Larger cells are left out.
    """
    for prototype in prototypes:
        if len(prototype) > max_atoms:
            continue
        for numbers in (pair, pair[::-1]):
            yield candidate(prototype, numbers)


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
