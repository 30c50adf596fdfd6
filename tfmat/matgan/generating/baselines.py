"""Formulas without a network: what a generator must beat before its numbers mean anything.

Uniqueness and novelty are already won by drawing elements and counts independently, and training
formulas are found again by anything near them. So generated formulas are judged beside these.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.elements import MAX_COUNT, NUMBERS

# Numbers of elements of a random formula, each as likely as the others.
_RANDOM_SIZES = (2, 3, 4)
_UNUSED = np.uint32(0xFFFFFFFF)


def random_formulas(n: int, seed: int) -> Compositions:
    """Draws formulas that know nothing: 2, 3 or 4 of the 85 elements, 1 to 8 atoms of each.

    The number of elements, the elements and the counts are uniform; the formula is reduced.

    Args:
        n: Number of formulas.
        seed: Seed; the same seed gives the same formulas.

    Returns:
        Reduced compositions ``(n, 4)``, duplicates included.
    """
    generator = np.random.default_rng([seed, 0])
    sizes = generator.choice(_RANDOM_SIZES, n)
    weights = np.full(len(NUMBERS), 1 / len(NUMBERS))
    numbers = _without_replacement(generator, sizes, NUMBERS, weights)
    counts = generator.integers(1, MAX_COUNT + 1, numbers.shape)
    return _ordered(numbers, counts).reduced()


def independent(training: Compositions, n: int, seed: int) -> Compositions:
    """Draws formulas from marginals of the training set: it learns no relation of two elements.

    The number of elements follows the histogram of the training set. Elements are drawn one after
    the other without replacement, by how many training formulas have them; the count of each by
    how often that element has that count. The formula is reduced.

    Args:
        training: The training formulas.
        n: Number of formulas.
        seed: Seed; the same seed gives the same formulas.

    Returns:
        Reduced compositions ``(n, slots)``, duplicates included.

    Raises:
        InputError: There is no training formula.
    """
    _require(training)
    generator = np.random.default_rng([seed, 1])
    used = training.numbers > 0
    largest = int(training.largest_count.max())
    # Row: element; column: how many training formulas have so many atoms of it.
    codes = training.numbers[used].astype(np.int64) * (largest + 1) + training.counts[used]
    table = np.bincount(codes, minlength=256 * (largest + 1)).reshape(256, largest + 1)
    found = np.flatnonzero(table.any(axis=1))
    table = table[found]
    totals = table.sum(axis=1)
    sizes = generator.choice(training.n_elements, n)
    places = np.arange(len(found))
    columns = _without_replacement(generator, sizes, places, totals / totals.sum(), unused=-1)
    # All conditional distributions in one ascending array: that of element i lies in (i, i + 1].
    steps = (np.arange(len(found))[:, None] + np.cumsum(table, axis=1) / totals[:, None]).ravel()
    row = np.maximum(columns, 0)
    drawn = np.minimum(row + generator.random(columns.shape), np.nextafter(row + 1.0, 0))
    counts = np.searchsorted(steps, drawn, side="right") % (largest + 1)
    numbers = np.where(columns >= 0, found[columns], 0)
    return _ordered(numbers, counts).reduced()


def substitution(training: Compositions, n: int, seed: int) -> Compositions:
    """Draws training formulas in which one element is replaced by another of its group.

    Formula, element and replacement are uniform. Groups are the 18 columns of the periodic table
    over the 85 elements, lanthanides (La to Lu) and actinides each as one group. A replacement that
    the formula already has, or an element alone in its group (xenon), leaves the formula as it is:
    about 3% of those of the Materials Project.

    Args:
        training: The training formulas.
        n: Number of formulas.
        seed: Seed; the same seed gives the same formulas.

    Returns:
        Reduced compositions ``(n, slots)``, duplicates included.

    Raises:
        InputError: There is no training formula.
    """
    _require(training)
    generator = np.random.default_rng([seed, 2])
    partners, n_partners = _partners()
    rows = generator.integers(len(training), size=n)
    numbers, counts = training.numbers[rows], training.counts[rows]
    slots = (generator.random(n) * np.count_nonzero(numbers, axis=1)).astype(np.int64)
    everyone = np.arange(n)
    old = numbers[everyone, slots]
    choice = (generator.random(n) * n_partners[old]).astype(np.int64)
    new = partners[old, choice]
    present = (numbers == new[:, None]).any(axis=1)
    numbers[everyone, slots] = np.where(present | (new == 0), old, new)
    return _ordered(numbers, counts).reduced()


def _require(training: Compositions) -> None:
    if not len(training):
        raise InputError("baselines need training formulas, and there is none; give `train` FILE")


def _without_replacement(
    generator: np.random.Generator,
    sizes: NDArray[np.integer],
    items: NDArray[np.integer],
    weights: NDArray[np.float64],
    unused: int = 0,
) -> NDArray[np.integer]:
    """Draws ``sizes[i]`` different items for each row i, one after the other by weight.

    Drawing again until an item is new has the same distribution as drawing from those left, and
    needs no table for each row.
    """
    drawn = np.full((len(sizes), int(sizes.max(initial=1))), -1, np.int16)
    for slot in range(drawn.shape[1]):
        missing = np.flatnonzero(sizes > slot)
        while len(missing):
            chosen = generator.choice(len(items), len(missing), p=weights)
            drawn[missing, slot] = chosen
            missing = missing[(drawn[missing, :slot] == chosen[:, None]).any(axis=1)]
    return np.where(drawn >= 0, items[drawn], unused)


def _ordered(numbers: NDArray[np.integer], counts: NDArray[np.integer]) -> Compositions:
    """Sorts the slots of each row by element, with unused ones (number 0) last."""
    codes = numbers.astype(np.uint32) << 16 | counts.astype(np.uint32)
    codes = np.sort(np.where(numbers > 0, codes, _UNUSED), axis=1)
    codes[codes == _UNUSED] = 0
    return Compositions((codes >> 16).astype(np.uint8), codes.astype(np.uint16))


@functools.cache
def _partners() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns the other elements of each element's group ``(256, largest)``, and their number."""
    from pymatgen.core import Element

    groups: dict[str, list[int]] = {}
    for number in NUMBERS.tolist():
        element = Element(symbols()[number])
        special = "lanthanide" if element.is_lanthanoid else "actinide" * element.is_actinoid
        groups.setdefault(special or str(element.group), []).append(number)
    partners = np.zeros((256, max(map(len, groups.values()))), np.uint8)
    n_partners = np.zeros(256, np.int64)
    for group in groups.values():
        for number in group:
            others = [other for other in group if other != number]
            partners[number, : len(others)] = others
            n_partners[number] = len(others)
    return partners, n_partners
