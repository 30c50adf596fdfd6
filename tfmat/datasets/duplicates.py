"""Finding structures that are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.crystal import Crystal

_VOLUME = 0.01


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
    volumes = [float(abs(np.linalg.det(item.lattice))) / len(item) for item in crystals]
    first = list(range(len(crystals)))
    kept: dict[tuple[tuple[int, float], ...], list[int]] = defaultdict(list)
    for row, crystal in enumerate(crystals):
        group = kept[_composition(crystal)]
        for other in group:
            if abs(volumes[row] / volumes[other] - 1) > _VOLUME:
                continue
            if np.abs(invariants[row] - invariants[other]).max() > tolerance:
                continue
            if matcher.fit(crystal.to_structure(), crystals[other].to_structure()):
                first[row] = other
                break
        else:
            group.append(row)
        if on_step is not None:
            on_step(1)
    return first


def _composition(crystal: Crystal) -> tuple[tuple[int, float], ...]:
    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    return tuple(zip(numbers.tolist(), (counts / len(crystal)).tolist(), strict=True))
