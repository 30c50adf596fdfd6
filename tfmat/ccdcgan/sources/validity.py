"""smact's verdict on compositions: whether charges and electronegativities can balance."""

from __future__ import annotations

import functools

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.contents import Contents
from tfmat.metric import Judge

# Verdicts change by tens of percent with these.
SETTINGS = {"use_pauling_test": True, "include_alloys": True, "oxidation_states_set": "smact14"}


def smact_valid(contents: Contents) -> NDArray[np.bool_]:
    """Asks smact for each composition.

    Args:
        contents: Contents of cells.

    Returns:
        Shape ``(n,)``. What smact cannot judge, an element that it has no oxidation state of, is
        not valid.
    """
    return np.array([_verdict(_formula(contents, row)) for row in range(len(contents))], bool)


def judge() -> Judge:
    """Returns what says so."""
    return Judge.installed("smact_validity", "smact", **SETTINGS)


@functools.lru_cache(maxsize=200_000)
def _verdict(formula: str) -> bool:
    from smact.screening import smact_validity

    try:
        return bool(smact_validity(formula, **SETTINGS))
    except (ValueError, TypeError, KeyError, NameError):
        return False


def _formula(contents: Contents, row: int) -> str:
    counts = contents.counts[row].astype(int)
    there = counts > 0
    divisor = int(np.gcd.reduce(counts[there]))
    pairs = sorted(zip(contents.numbers[row][there].tolist(), counts[there].tolist(), strict=True))
    return "".join(f"{chemical_symbols[number]}{count // divisor}" for number, count in pairs)
