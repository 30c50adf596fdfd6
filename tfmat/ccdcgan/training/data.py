"""The structures that a CCDCGAN learns from: selected, canonical, split, in memory."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from tfmat.ccdcgan.recipe import DataRecipe
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.ccdcgan.voxels.frame import box_positions, element_channels
from tfmat.ccdcgan.voxels.reasons import NOT_REDUCED, TOO_LARGE
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.writing import reduced_formula
from tfmat.csv_tables import TableWriter
from tfmat.datasets.properties import CREATED
from tfmat.datasets.select import passes
from tfmat.datasets.splits.copies import families
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.splits.rules import hold_out, rows_hash
from tfmat.datasets.store import Dataset
from tfmat.datasets.systems import elements_of, largest_systems
from tfmat.errors import InputError

# Why a structure is left out.
OTHER_ELEMENTS = "other elements"
TOO_MANY_ELEMENTS = "too many elements"
UNKNOWN = "{} unknown"

# Elements up to which a crystal graph, which has a slot for each, is tried without being asked to.
MOST_ELEMENTS = 8


@dataclass(frozen=True)
class TrainingData:
    """Canonical crystals of a dataset that pass a recipe's selection.

    Args:
        dataset: Where they come from.
        elements: Symbols in the order of their slots in the crystal graph.
        rows: Their rows in the dataset, shape ``(n,)``.
        crystals: The crystals in their canonical cells.
        train: Numbers (in 0 to n - 1) of the structures to learn from, ascending.
        test: Numbers of the structures held out, ascending.
        rejected: How many structures were left out, by reason.
        split: How structures were held out, and how many: the record of a
            :class:`tfmat.datasets.splits.rules.Split`, with the hash of the held-out rows, by which
            the split can be recognised.
    """

    dataset: Dataset
    elements: tuple[str, ...]
    rows: NDArray[np.intp]
    crystals: list[Crystal]
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    rejected: dict[str, int]
    split: dict[str, Any]

    def __len__(self) -> int:
        return len(self.crystals)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Atomic numbers of the elements, in the order of their slots."""
        return tuple(atomic_numbers[symbol] for symbol in self.elements)

    def property(self, name: str) -> NDArray[np.float64]:
        """Returns a property of the structures, NaN where unknown, shape ``(n,)``.

        Args:
            name: Name of the property.

        Raises:
            InputError: The dataset has no such property.
        """
        return np.asarray(self.dataset.property(name)[self.rows], dtype=np.float64)

    def held_out_list(self) -> str:
        """Returns the held-out structures as CSV: identifier in the dataset, reduced formula."""
        text = io.StringIO()
        writer = TableWriter(text, ["id", "formula"])
        for index in self.test:
            name = self.dataset.ids[int(self.rows[index])]
            writer.row([name, reduced_formula(self.crystals[index])])
        return text.getvalue()

    def channels(
        self, subset: NDArray[np.intp], spec: VoxelSpec, only: int | None = None
    ) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
        """Returns what the sites autoencoder sees: the atoms of one element of one structure.

        Args:
            subset: Numbers of structures.
            spec: Frame and grid.
            only: Atomic number of the one element that is wanted.

        Returns:
            Positions relative to the middle of the voxel
            (:func:`~tfmat.ccdcgan.voxels.frame.sites_positions`), shape ``(atoms, 3)`` each,
            structure by structure, an element that a structure lacks having no channel; and the
            cell vectors of each channel's structure, in Å.
        """
        crystals = [self.crystals[index] for index in subset]
        numbers = self.numbers
        if only is not None:
            crystals, numbers = [one for one in crystals if only in one.numbers], (only,)
        owners, channels = element_channels(crystals, numbers, spec)
        return channels, [crystals[row].lattice for row, _ in owners]


def load_training_data(recipe: DataRecipe, dataset: Dataset, box: float, seed: int) -> TrainingData:
    """Selects, canonicalises and splits a dataset; the same for every stage of a run.

    Args:
        recipe: Selection, elements and split.
        dataset: The structures.
        box: Edge of the cube in which atoms must lie, in Å (:attr:`VoxelSpec.room`).
        seed: Seed of the split.

    Returns:
        The training data.

    Raises:
        InputError: Nothing passes, too few for a split, or more elements than are of use.
    """
    elements = recipe.elements or _found(dataset)
    recipe = replace(recipe, elements=elements)
    rows, crystals, rejected = usable(recipe, dataset, box)
    formulas = [formula(crystal) for crystal in crystals]
    # Copies of one structure on both sides would make the held-out metrics too good.
    copies = families(dataset, rows)
    created = dataset.property(CREATED)[rows] if CREATED in dataset.properties else None
    split = hold_out(recipe.rule(), formulas, seed, copies, created)
    return TrainingData(
        dataset=dataset,
        elements=elements,
        rows=rows,
        crystals=crystals,
        train=split.train,
        test=split.test,
        rejected=rejected,
        split={**split.record, "sha256": rows_hash(rows[split.test])},
    )


def usable(
    recipe: DataRecipe, dataset: Dataset, box: float
) -> tuple[NDArray[np.intp], list[Crystal], dict[str, int]]:
    """Finds the structures that pass a recipe's selection and fit in the box.

    Args:
        recipe: Selection and elements.
        dataset: The structures.
        box: Edge of the cube in which atoms must lie, in Å.

    Returns:
        Their rows in the dataset, ascending; the crystals in their canonical cells; and how many
        others were left out, by reason.

    Raises:
        InputError: Nothing passes, or an element of the recipe is none.
    """
    numbers = _element_numbers(recipe.elements or elements_of(dataset))
    rejected: Counter[str] = Counter()
    rows, crystals = [], []
    unknown = {name: ~np.isfinite(dataset.property(name)) for name in recipe.known}
    for row in range(len(dataset)):
        missing = [name for name, flags in unknown.items() if flags[row]]
        if missing:
            rejected[UNKNOWN.format(missing[0])] += 1
            continue
        found = _chosen(dataset[row], recipe, numbers, box)
        if isinstance(found, str):
            rejected[found] += 1
        else:
            rows.append(row)
            crystals.append(found)
    if not crystals:
        raise InputError(_useless(recipe, dataset, rejected))
    return np.array(rows, dtype=np.intp), crystals, dict(rejected)


def _found(dataset: Dataset) -> tuple[str, ...]:
    """Returns the elements of a dataset, if they are few enough."""
    elements = elements_of(dataset)
    if len(elements) <= MOST_ELEMENTS:
        return elements
    raise InputError(
        f"{dataset.path}: holds {len(elements)} elements, each of which would need a part of the "
        f"crystal graph (the elements found are taken if they are at most {MOST_ELEMENTS}); for a "
        f"whole database take `recipe` mp-compact, or {_system_hint(dataset)}"
    )


def _system_hint(dataset: Dataset) -> str:
    """Says which elements to choose, in words that can be pasted."""
    systems = largest_systems(dataset, range(2, 4), 4) or largest_systems(
        dataset, range(1, MOST_ELEMENTS + 1), 4
    )
    if not systems:
        return "give `data` of fewer elements"
    first, *more = systems
    others = ", ".join(f"{system.name} {system.structures}" for system in more)
    return (
        f"choose a system: `settings` data.elements={','.join(first.elements)} "
        f"({first.structures} structures{'; others: ' if others else ''}{others})"
    )


def _element_numbers(elements: tuple[str, ...]) -> list[int]:
    unknown = [symbol for symbol in elements if atomic_numbers.get(symbol, 0) < 1]
    if unknown:
        raise InputError(
            f"recipe: data.elements: {', '.join(unknown)} is no element; write symbols with "
            "commas, e.g. `settings` data.elements=Li,Mn,O"
        )
    return [atomic_numbers[symbol] for symbol in elements]


def _useless(recipe: DataRecipe, dataset: Dataset, rejected: Counter[str]) -> str:
    """Says what to do where no structure is of use."""
    reasons = ", ".join(f"{reason}: {count}" for reason, count in rejected.items())
    message = f"{dataset.path}: none of {len(dataset)} structures is of use ({reasons}); "
    if rejected[OTHER_ELEMENTS] < len(dataset):
        return message + "give other `data`, or change data.max_atoms or data.max_length"
    there = elements_of(dataset)
    if len(there) > MOST_ELEMENTS:
        hint = _system_hint(dataset)
    else:
        hint = f"take those of the data: `settings` data.elements={','.join(there)}"
    return f"{message}the recipe is for {', '.join(recipe.elements)}; {hint}"


def _chosen(crystal: Crystal, recipe: DataRecipe, numbers: list[int], box: float) -> Crystal | str:
    """Returns a crystal in its canonical cell, or why it is left out."""
    # First, since it costs nothing and concerns most of a large database.
    if not np.isin(crystal.numbers, numbers).all():
        return OTHER_ELEMENTS
    if len(np.unique(crystal.numbers)) > recipe.max_elements:
        return TOO_MANY_ELEMENTS
    try:
        if not passes(crystal, recipe.max_atoms, recipe.max_length):
            return "too many atoms or too long a cell"
        canonical = canonicalise(crystal)
    except InputError:
        # One absurd cell must not keep the others from being learned.
        return NOT_REDUCED
    return TOO_LARGE if np.abs(box_positions(canonical)).max() > box / 2 else canonical
