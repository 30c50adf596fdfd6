"""Symbols of the elements."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache


@cache
def atomic_numbers() -> Mapping[str, int]:
    """Returns element symbol to atomic number; deuterium and tritium count as hydrogen."""
    from ase.data import chemical_symbols

    numbers = {symbol: number for number, symbol in enumerate(chemical_symbols) if number > 0}
    return {**numbers, "D": 1, "T": 1}
