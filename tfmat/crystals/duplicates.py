"""Finding structures that are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import matchers
from tfmat.crystals.reduced_cells import reduce

if TYPE_CHECKING:
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.core import Structure

_VOLUME = 0.01
_Composition = tuple[tuple[int, float], ...]


def first_copies(
    crystals: Sequence[Crystal],
    invariants: NDArray[np.float64],
    tolerance: float,
    *,
    on_step: Callable[[int], object] | None = None,
) -> list[int]:
    """Returns for every structure the first that is the same (itself, if it is the first).

    Same means: invariants within the tolerance, volumes within 1%, and pymatgen's
    StructureMatcher (ltol 0.05, stol 0.05, angle_tol 1, primitive cells, no scaling) agrees. A
    prototype that was strained differently in its source stays a structure of its own.

    Args:
        crystals: The structures.
        invariants: Numbers that two descriptions of one crystal share, for example the energy;
            shape ``(n, k)``. They spare most comparisons atom by atom, which take milliseconds.
        tolerance: Largest difference of an invariant.
        on_step: Called with 1 after every structure, for progress.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(ltol=0.05, stol=0.05, angle_tol=1, scale=False)
    volumes = np.array([abs(np.linalg.det(item.lattice)) / len(item) for item in crystals])
    first = list(range(len(crystals)))
    for group in _by_composition(crystals).values():
        reduced = cache(lambda row: _cells(crystals[row])[:1])
        kept: list[int] = []
        for row in group:
            others = np.array(kept, dtype=np.intp)
            near = abs(volumes[row] / volumes[others] - 1) <= _VOLUME
            others = others[near]
            alike = np.abs(invariants[row] - invariants[others]).max(axis=1) <= tolerance
            for other in others[alike]:
                if _same(matcher, reduced(row), reduced(int(other))):
                    first[row] = int(other)
                    break
            else:
                kept.append(row)
            if on_step is not None:
                on_step(1)
    return first


def known_copies(
    crystals: Sequence[Crystal],
    known: Sequence[Crystal],
    *,
    on_step: Callable[[int], object] | None = None,
) -> list[int | None]:
    """Returns for every structure the first of some known ones that it reproduces, if any.

    It reproduces one when one of the papers' two matchers (ltol 0.2, stol 0.3, angle_tol 5,
    scaled to one volume, primitive cells or the cells as they are; :mod:`tfmat.crystals.matching`)
    agrees, as novelty is judged: energies and volumes of two sources differ, so neither is
    compared.

    Args:
        crystals: The structures.
        known: What they are compared with.
        on_step: Called with 1 after every structure, for progress.
    """
    matcher, _ = matchers()
    groups = _by_composition(known)
    found: list[int | None] = [None] * len(crystals)
    for composition, rows in _by_composition(crystals).items():
        group = groups.get(composition, [])
        reduced = cache(lambda row: _cells(known[row]))
        for row in rows:
            if group:
                own = _cells(crystals[row])
                same = (other for other in group if _same(matcher, own, reduced(other)))
                found[row] = next(same, None)
            if on_step is not None:
                on_step(1)
    return found


def _cells(crystal: Crystal) -> tuple[Structure, ...]:
    # What StructureMatcher compares, once for each structure: the primitive cell, and the Niggli
    # cell where that is another one. Nothing where none is found.
    reduced = reduce(crystal)
    if reduced is None:
        return ()
    if reduced.shrunk:
        return reduced.primitive.to_structure(), reduced.niggli.to_structure()
    return (reduced.niggli.to_structure(),)


def _same(
    matcher: StructureMatcher, one: tuple[Structure, ...], other: tuple[Structure, ...]
) -> bool:
    if not one or not other:
        return False
    pairs = [(one[0], other[0])]
    if len(one) + len(other) > 2:
        pairs.append((one[-1], other[-1]))
    return any(
        len(first) == len(second) and matcher.fit(first, second, skip_structure_reduction=True)
        for first, second in pairs
    )


def _by_composition(crystals: Sequence[Crystal]) -> dict[_Composition, list[int]]:
    groups: dict[_Composition, list[int]] = defaultdict(list)
    for row, crystal in enumerate(crystals):
        groups[_composition(crystal)].append(row)
    return groups


def _composition(crystal: Crystal) -> _Composition:
    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    return tuple(zip(numbers.tolist(), (counts / len(crystal)).tolist(), strict=True))
