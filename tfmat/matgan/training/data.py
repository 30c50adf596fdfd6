"""The formulas that a MatGAN learns from: distinct, within the matrix, split, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.splits.groups import formulas
from tfmat.datasets.splits.rules import Split, hold_out
from tfmat.errors import InputError
from tfmat.files import replacing
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.elements import MIN_ELEMENTS
from tfmat.matgan.matrix import fits, to_counts
from tfmat.matgan.recipe import CompositionDataRecipe

# Why a formula is not learned from.
DUPLICATE = "the same reduced formula again"
NO_MATRIX = "does not fit in the 8 x 85 matrix, or is a single element"


@dataclass(frozen=True)
class TrainingFormulas:
    """Distinct reduced formulas of a dataset that fit in the matrix.

    Args:
        dataset: Where they come from.
        compositions: The formulas, ``n``.
        train: Their numbers (in 0 to n - 1) to learn from, ascending.
        test: Their numbers held out, ascending.
        left_out: How many rows were left out, by reason.
        split: How formulas were held out, and how many (the record of a
            :class:`tfmat.datasets.splits.rules.Split`).
    """

    dataset: CompositionDataset
    compositions: Compositions
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    left_out: dict[str, int]
    split: dict[str, Any]

    def __len__(self) -> int:
        return len(self.compositions)

    def counts(self, subset: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Returns the atoms of each element ``(m, 85)``.

        Args:
            subset: Numbers of formulas ``(m,)``.
        """
        return to_counts(self.compositions[subset])

    def write_formulas(self, folder: Path) -> list[Path]:
        """Writes the lists ``training.csv`` and ``held_out.csv``, a column ``formula`` each.

        Args:
            folder: Where to write.

        Returns:
            The files.
        """
        paths = []
        for name, subset in (("training", self.train), ("held_out", self.test)):
            path = folder / f"{name}.csv"
            lines = ["formula", *self.compositions[subset].formulas()]
            with replacing(path) as temporary:
                temporary.write_text("\n".join(lines) + "\n", "utf-8")
            paths.append(path)
        return paths


def load_training_data(
    recipe: CompositionDataRecipe, dataset: CompositionDataset, seed: int
) -> TrainingFormulas:
    """Selects and splits a dataset; the same for every stage of a run.

    Duplicates are removed before the split: a formula on both sides would be recovered for nothing
    (the authors' lists keep polymorphs).

    Args:
        recipe: What is held out.
        dataset: The formulas.
        seed: Seed of the split.

    Returns:
        The training data.

    Raises:
        InputError: Fewer than two formulas are of use, or none would be left to learn from or to
            hold out.
    """
    everything = dataset.compositions.reduced()
    usable = fits(everything) & (everything.n_elements >= MIN_ELEMENTS)
    chosen = everything[usable]
    _, first = np.unique(chosen.keys(), return_index=True)
    compositions = chosen[np.sort(first)]
    count = len(compositions)
    left_out = {
        NO_MATRIX: len(everything) - len(chosen),
        DUPLICATE: len(chosen) - count,
    }
    if not count:
        raise InputError(
            f"{dataset.path}: none of {len(everything)} formulas fits in the matrix (2 to 8 of the "
            "85 elements, at most 8 atoms of each); give other `data`"
        )
    split = _split(recipe, dataset, compositions, len(everything), seed)
    return TrainingFormulas(
        dataset=dataset,
        compositions=compositions,
        train=split.train,
        test=split.test,
        left_out={reason: number for reason, number in left_out.items() if number},
        split=split.record,
    )


def _split(
    recipe: CompositionDataRecipe,
    dataset: CompositionDataset,
    compositions: Compositions,
    read: int,
    seed: int,
) -> Split:
    if recipe.split != "random":
        return hold_out(recipe.rule(), formulas(compositions), seed)
    # Formulas are distinct: no groups have to be found, and none may be held out.
    count = len(compositions)
    held_out = round(recipe.test_fraction * count)
    if recipe.test_fraction and not 0 < held_out < count:
        raise InputError(
            f"{dataset.path}: {count} of {read} formulas are of use, too few to hold "
            f"out {recipe.test_fraction:g} of them; give more `data`"
        )
    order = np.random.default_rng(seed).permutation(count)
    record = {"kind": "random", "test_fraction": recipe.test_fraction, "seed": seed}
    return Split(
        np.sort(order[held_out:]), np.sort(order[:held_out]), {**record, "formulas": held_out}
    )
