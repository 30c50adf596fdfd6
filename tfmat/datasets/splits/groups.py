"""Seeded splits by whole groups: copies of a structure, reduced formulas, chemical systems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import gcd
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.links import Links
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions

GroupKind = Literal["random", "formula", "system"]
Formula = tuple[tuple[int, int], ...]
"""A reduced formula: pairs of atomic number and count, by atomic number."""


def formula(crystal: Crystal) -> Formula:
    """Returns the reduced formula as pairs of atomic number and count, by atomic number.

    Args:
        crystal: Any crystal.
    """
    # For so few atoms plain counting takes a tenth of NumPy's time.
    counts = Counter(crystal.numbers.tolist())
    divisor = gcd(*counts.values())
    return tuple((number, count // divisor) for number, count in sorted(counts.items()))


def formulas(compositions: Compositions) -> list[Formula]:
    """Returns the reduced formulas of compositions.

    Args:
        compositions: Any compositions.
    """
    reduced = compositions.reduced()
    return [
        tuple((number, count) for number, count in zip(*row, strict=True) if number)
        for row in zip(reduced.numbers.tolist(), reduced.counts.tolist(), strict=True)
    ]


def system(formula: Formula) -> tuple[int, ...]:
    """Returns the chemical system of a formula: its atomic numbers, ascending."""
    return tuple(number for number, _ in formula)


def split(
    formulas: Sequence[Formula],
    test_fraction: float,
    seed: int,
    kind: GroupKind = "random",
    families: Sequence[Hashable] | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Splits structures into those to learn from and those held out.

    Whole groups go to one side: with ``"random"`` the families (structures that are copies of one
    another), with ``"formula"`` all structures of a reduced formula and the families besides, with
    ``"system"`` all structures of the same elements and the families besides.

    Args:
        formulas: Reduced formula of every structure.
        test_fraction: Share of the structures to hold out, between 0 and 1.
        seed: Seed; the same arguments give the same split everywhere. With ``"system"`` the order
            of the structures does not matter.
        kind: ``"random"``, ``"formula"`` or ``"system"``.
        families: Family of every structure, as
            :func:`tfmat.datasets.splits.copies.families` finds them; none by default.

    Returns:
        Numbers of the structures to train with and of those held out, both ascending, both not
        empty. The held-out share is met as closely as whole groups allow without exceeding it.

    Raises:
        InputError: There are fewer than two groups, or the share is out of range.
    """
    if not 0 < test_fraction < 1:
        raise InputError(f"test fraction {test_fraction}: give a number between 0 and 1")
    labels: list[Sequence[Hashable]] = []
    if kind == "formula":
        labels = [formulas]
    elif kind == "system":
        labels = [[system(entry) for entry in formulas]]
    groups = joined(len(formulas), families, *labels)
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2:
        raise InputError(
            f"{len(formulas)} structures in {len(names)} group cannot be split ({kind}); "
            "more are needed"
        )
    if kind == "system":
        # Not in the order of the rows: another order must not hold out other systems.
        least: dict[int, tuple[int, ...]] = {}
        for group, entry in zip(groups.tolist(), formulas, strict=True):
            least[group] = min(least.get(group, system(entry)), system(entry))
        ranks = sorted(range(len(names)), key=lambda index: least[int(names[index])])
        names, sizes = names[ranks], sizes[ranks]
    order = np.random.default_rng(seed).permutation(len(names))
    target = round(test_fraction * len(formulas))
    held_out, total = [], 0
    for group in order:
        if total + sizes[group] <= target:
            held_out.append(group)
            total += sizes[group]
    if not held_out:
        # Every group is larger than the share: the smallest one comes closest.
        held_out = [order[np.argmin(sizes[order])]]
    test = np.isin(groups, names[held_out])
    return np.flatnonzero(~test), np.flatnonzero(test)


def joined(
    count: int, families: Sequence[Hashable] | None, *labels: Sequence[Hashable]
) -> NDArray[np.intp]:
    """Groups structures that share a label, directly or through others.

    Args:
        count: Number of structures.
        families: Family of every structure; ``None`` if each is its own.
        *labels: Further labels of every structure.

    Returns:
        Number of the first structure of its group for every structure, shape ``(count,)``.

    Raises:
        ValueError: There are not as many labels as structures.
    """
    links = Links(count)
    for column in (families if families is not None else range(count), *labels):
        if len(column) != count:
            raise ValueError(f"{len(column)} labels for {count} structures")
        first: dict[Hashable, int] = {}
        for index, label in enumerate(column):
            links.join(index, first.setdefault(label, index))
    return np.array([links.root(index) for index in range(count)], dtype=np.intp)
