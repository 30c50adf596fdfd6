"""The formulas that ElemNet learns from: distinct, of known energy, split in three, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.splits.groups import formulas
from tfmat.datasets.splits.rules import hold_out
from tfmat.elemnet.fractions import ELEMENTS, fractions, holds
from tfmat.elemnet.parts import ENERGY
from tfmat.elemnet.recipe import EnergyDataRecipe
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions

# Why a formula is not learned from.
UNKNOWN = "unknown formation energy"
OTHER_ELEMENT = "an element beyond the 86"
HIGHER = "the same reduced formula with a lower energy"
# Fewer are split into no three parts that mean something.
_FEWEST = 10


@dataclass(frozen=True, eq=False)
class EnergyData:
    """Distinct reduced formulas of a dataset with their formation energies.

    Args:
        dataset: Where they come from.
        compositions: The formulas, ``n``.
        energies: Their formation energies ``(n,)``, eV/atom.
        train: Numbers of those to learn from, ascending.
        validation: Numbers of those that choose the weights, ascending.
        test: Numbers of those that judge, ascending.
        left_out: How many rows were left out, by reason.
        split: How the formulas that judge were held out, and how many.
    """

    dataset: CompositionDataset
    compositions: Compositions
    energies: NDArray[np.float64]
    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]
    left_out: dict[str, int]
    split: dict[str, Any]

    def __len__(self) -> int:
        return len(self.compositions)

    @property
    def unseen(self) -> list[str]:
        """Elements of the 86 that no training formula has."""
        seen = np.count_nonzero(fractions(self.compositions[self.train]), axis=0)
        return [symbol for symbol, times in zip(ELEMENTS, seen, strict=True) if not times]


def load_energies(recipe: EnergyDataRecipe, dataset: CompositionDataset, seed: int) -> EnergyData:
    """Selects and splits a dataset; of the rows of one formula the lowest energy counts.

    Single elements are learned from, too, as in the original (Jha et al. 2018, Methods).

    Args:
        recipe: What is held out.
        dataset: The formulas.
        seed: Seed of the splits.

    Raises:
        InputError: The dataset has no formation energies, or too few formulas have one.
    """
    require_energies(dataset)
    everything, energies = dataset.compositions.reduced(), dataset.property(ENERGY)
    known = np.isfinite(energies)
    usable = known & holds(everything)
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(energies[rows], kind="stable")]
    _, first = np.unique(everything[rows].keys(), return_index=True)
    chosen = np.sort(rows[first])
    left_out = {
        UNKNOWN: int((~known).sum()),
        OTHER_ELEMENT: int((known & ~usable).sum()),
        HIGHER: len(rows) - len(chosen),
    }
    if len(chosen) < _FEWEST:
        raise InputError(
            f"{dataset.path}: {len(chosen)} of {len(everything)} formulas have a formation energy "
            f"and no element beyond the 86; give `data` with at least {_FEWEST}"
        )
    compositions = everything[chosen]
    names = formulas(compositions)
    judge = hold_out(recipe.rule(), names, seed)
    rest = [names[row] for row in judge.train.tolist()]
    # Another seed than that of the first split, which would order them in the same way.
    choose = hold_out(recipe.validation_rule(), rest, seed + 1)
    return EnergyData(
        dataset=dataset,
        compositions=compositions,
        energies=energies[chosen],
        train=judge.train[choose.train],
        validation=judge.train[choose.test],
        test=judge.test,
        left_out={reason: number for reason, number in left_out.items() if number},
        split=judge.record,
    )


def require_energies(dataset: CompositionDataset) -> None:
    """Refuses a dataset without formation energies.

    Args:
        dataset: Any dataset of compositions.

    Raises:
        InputError: It has none.
    """
    if ENERGY not in dataset.properties:
        raise InputError(
            f"{dataset.path}: has no {ENERGY}, which ElemNet learns; import a table with a column "
            f"of it (tfmat data import FILE --kind compositions --property {ENERGY}=COLUMN), and "
            "give that as `data`"
        )
