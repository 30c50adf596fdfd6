"""Formulas that are not novel, from files and datasets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfmat.datasets.readers.formulas import read_formulas
from tfmat.errors import InputError
from tfmat.matgan.generating.unique import KeyTable


def known_formulas(
    sources: Sequence[str | Path], needed: bool, report: Callable[[str], object]
) -> KeyTable | None:
    """Reads the formulas that generated ones are compared with.

    Args:
        sources: Files or datasets of formulas.
        needed: Whether only novel formulas are wanted.
        report: Called with a line about rows that are no formula.

    Returns:
        Their keys; ``None`` without any source.

    Raises:
        InputError: One cannot be read, or there is none where one is needed.
    """
    if not sources:
        if needed:
            raise InputError("`novel_only` needs `novel_against` FILE: novel beside what?")
        return None
    keys = []
    for source in sources:
        table = read_formulas(source)
        if table.left_out:
            report(f"{source}: {table.left_out}")
        keys.append(table.compositions.keys())
    known = KeyTable()
    known.add(np.unique(np.concatenate(keys)))
    return known
