"""Formula patterns such as ``Li2XO3``: some elements named, others free."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.elements import ELEMENTS, MAX_COUNT, MAX_ELEMENTS, MIN_ELEMENTS

# The capital letters that are no element's symbol. D is left out: it is read as deuterium.
WILDCARDS = "AEGJLMQRTXZ"

_TOKEN = re.compile(r"([A-Z][a-z]?)(\d*)|(\()|(\))(\d*)")


@dataclass(frozen=True)
class Pattern:
    """Which elements a formula holds how often, where some may be any others.

    Args:
        text: As the user wrote it.
        fixed: Atoms of each named element, by atomic number.
        wildcards: Atoms of each free element, ascending.
    """

    text: str
    fixed: dict[int, int]
    wildcards: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Reads a pattern.

        Args:
            text: A formula, parentheses allowed, in which each of the letters A, E, G, J, L, M, Q,
                R, T, X and Z (no element has such a symbol) stands for one element that the pattern
                does not name; different letters stand for different elements. Counts are reduced
                by their greatest common divisor, as generated formulas are.

        Raises:
            InputError: It is no formula, names an element that the matrix does not have, or nothing
                that the matrix can hold fits it.
        """
        where = f"`formula_pattern` {text}"
        atoms = _atoms(text, where)
        divisor = int(np.gcd.reduce(list(atoms.values())))
        atoms = Counter({symbol: count // divisor for symbol, count in atoms.items()})
        free = sorted(count for symbol, count in atoms.items() if symbol in WILDCARDS)
        fixed = {symbol: count for symbol, count in atoms.items() if symbol not in WILDCARDS}
        for symbol in fixed:
            if symbol not in ELEMENTS:
                raise InputError(
                    f"{where}: {symbol} is none of the {len(ELEMENTS)} elements of MatGAN; a free "
                    f"element is one of the letters {', '.join(WILDCARDS)}"
                )
        if max(atoms.values()) > MAX_COUNT:
            raise InputError(
                f"{where}: a count is above {MAX_COUNT}, the most that the matrix holds"
            )
        if not MIN_ELEMENTS <= len(atoms) <= MAX_ELEMENTS:
            raise InputError(
                f"{where}: number of elements: {len(atoms)}; formulas have {MIN_ELEMENTS} to "
                f"{MAX_ELEMENTS}"
            )
        numbers = {symbols().index(symbol): count for symbol, count in fixed.items()}
        return cls(text, numbers, tuple(free))

    @property
    def n_elements(self) -> int:
        """Number of elements of a formula that fits."""
        return len(self.fixed) + len(self.wildcards)

    @property
    def largest_count(self) -> int:
        """Atoms of the most frequent element of a formula that fits."""
        return max((*self.fixed.values(), *self.wildcards))

    def matches(self, compositions: Compositions) -> NDArray[np.bool_]:
        """Tells which reduced compositions fit ``(n,)``."""
        numbers, counts = compositions.numbers, compositions.counts
        fits: NDArray[np.bool_] = compositions.n_elements == self.n_elements
        free = numbers > 0
        for number, count in self.fixed.items():
            here = numbers == number
            fits &= (here & (counts == count)).any(axis=1)
            free &= ~here
        # What is left must have the counts of the free elements, in any order.
        left = np.sort(np.where(free, counts, 0)[fits], axis=1)
        wanted = np.zeros(left.shape[1], left.dtype)
        if self.wildcards:
            wanted[-len(self.wildcards) :] = self.wildcards
        fits[fits] = (left == wanted).all(axis=1)
        return fits


def _atoms(text: str, where: str) -> Counter[str]:
    """Counts the atoms of each symbol or letter."""
    groups: list[Counter[str]] = [Counter()]
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or (token[4] and len(groups) == 1):
            raise InputError(f"{where}: not a formula at {text[place:]!r}; write e.g. Li2XO3")
        place = token.end()
        if token[3]:
            groups.append(Counter())
        elif token[4]:
            times = int(token[5] or 1)
            for symbol, count in groups.pop().items():
                groups[-1][symbol] += times * count
        else:
            groups[-1][token[1]] += int(token[2] or 1)
    atoms = groups[0]
    if len(groups) > 1 or not atoms or min(atoms.values()) < 1:
        raise InputError(f"{where}: not a formula; write e.g. Li2XO3")
    return atoms
