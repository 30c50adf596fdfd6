"""Which formulas are known: those of lists, and those of the known structures themselves.

A list of formulas says no structure, so all of a formula that is in one counts as known. A formula
of known structures may have other structures, so it is only said beside the candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.folders import COMPOSITIONS, is_dataset, kind_of, shipped
from tfmat.datasets.importing import sniff
from tfmat.datasets.readers.formulas import read_formulas
from tfmat.datasets.store import Dataset
from tfmat.datasets.systems import compositions_of
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.reading import reading


@dataclass(frozen=True)
class KnownFormulas:
    """Formulas by the name of the list that holds them.

    Args:
        keys: Their keys, as :meth:`~tfmat.formulas.compositions.Compositions.keys` gives them, of
            reduced formulas, ascending; shape ``(formulas,)`` each.
    """

    keys: Mapping[str, NDArray[np.uint64]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def names(self, compositions: Compositions) -> list[str]:
        """Returns for each formula the lists that hold it, ``a and b``; empty for a new one.

        Args:
            compositions: Formulas, reduced or not.
        """
        own = compositions.reduced().keys()
        held = {name: np.isin(own, keys) for name, keys in self.keys.items()}
        return [
            " and ".join(name for name, mask in held.items() if mask[row])
            for row in range(len(own))
        ]


def split(against: Mapping[str, str]) -> tuple[dict[str, str], KnownFormulas]:
    """Tells known structures from known formulas.

    Args:
        against: Datasets of structures, datasets of compositions or files of formulas, by name.

    Returns:
        The datasets of structures by name, and the formulas of the others.

    Raises:
        InputError: One of them is not there, or cannot be read.
    """
    structures: dict[str, str] = {}
    listed: dict[str, NDArray[np.uint64]] = {}
    for name, place in against.items():
        folder = place in shipped() or is_dataset(Path(place))
        # What is neither a dataset nor a file is refused by the same words as elsewhere.
        if (folder or not Path(place).is_file()) and kind_of(place) != COMPOSITIONS:
            structures[name] = place
            continue
        with reading(place):
            try:
                table = read_formulas(place)
            except InputError:
                _refuse_structures(place)
                raise
        listed[name] = np.unique(table.compositions.reduced().keys())
    return structures, KnownFormulas(listed)


def _refuse_structures(place: str) -> None:
    """Says of a file with structures that it is to be imported; of any other file nothing."""
    try:
        form = sniff(Path(place))
    except InputError:
        return
    # Tables and JSON may hold either: what their reader misses in them says more.
    if form not in ("extxyz", "folder"):
        return
    raise InputError(
        f"{place}: is a file of structures; known structures are a dataset, which "
        f"`tfmat data import {place} --out DATASET` makes"
    )


def of_structures(against: Mapping[str, str]) -> KnownFormulas:
    """Returns the formulas of known structures.

    Args:
        against: Datasets of structures by name.
    """
    return KnownFormulas(
        {
            name: np.unique(compositions_of(Dataset.open(place)).keys())
            for name, place in against.items()
        }
    )
