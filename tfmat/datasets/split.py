"""Seeded splits that leak neither structures nor, where wanted, formulas."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import gcd
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.crystal import Crystal
from tfmat.datasets.links import Links
from tfmat.errors import InputError

SplitKind = Literal["random", "formula"]


def formula(crystal: Crystal) -> tuple[tuple[int, int], ...]:
    """Returns the reduced formula as pairs of atomic number and count, by atomic number.

    Args:
        crystal: Any crystal.
    """
    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    divisor = gcd(*(int(count) for count in counts))
    return tuple(
        (int(number), int(count) // divisor) for number, count in zip(numbers, counts, strict=True)
    )


def split(
    formulas: Sequence[Hashable],
    test_fraction: float,
    seed: int,
    kind: SplitKind = "random",
    families: Sequence[Hashable] | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Splits structures into those to learn from and those held out.

    Whole groups go to one side: with ``"random"`` the families (structures that are copies of one
    another), with ``"formula"`` all structures of a reduced formula and the families besides.

    Args:
        formulas: Reduced formula of every structure, in any hashable form.
        test_fraction: Share of the structures to hold out, between 0 and 1.
        seed: Seed; the same arguments give the same split everywhere.
        kind: ``"random"`` or ``"formula"``.
        families: Family of every structure, as
            :func:`tfmat.datasets.families.families` finds them; none by default.

    Returns:
        Numbers of the structures to train with and of those held out, both ascending, both not
        empty. The held-out share is met as closely as whole groups allow without exceeding it.

    Raises:
        InputError: There are fewer than two groups, or an argument is out of range.
    """
    if not 0 < test_fraction < 1:
        raise InputError(f"test fraction {test_fraction}: give a number between 0 and 1")
    if kind not in ("random", "formula"):
        raise InputError(f"split {kind!r}: give random or formula")
    groups = _groups(formulas, kind, families)
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2:
        raise InputError(
            f"{len(formulas)} structures in {len(names)} group cannot be split ({kind}); "
            "more are needed"
        )
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


def _groups(
    formulas: Sequence[Hashable], kind: SplitKind, families: Sequence[Hashable] | None
) -> NDArray[np.intp]:
    """Numbers the groups by first appearance, joining those that share a structure."""
    count = len(formulas)
    labels = [list(families) if families is not None else list(range(count))]
    if kind == "formula":
        labels.append(list(formulas))
    links = Links(count)
    for column in labels:
        if len(column) != count:
            raise ValueError(f"{len(column)} labels for {count} structures")
        first: dict[Hashable, int] = {}
        for index, label in enumerate(column):
            links.join(index, first.setdefault(label, index))
    return np.array([links.root(index) for index in range(count)], dtype=np.intp)
