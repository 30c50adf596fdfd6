"""Finding structures that are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from tfmat.datasets.crystal import Crystal

# Two descriptions of one crystal have one energy and one volume; only such pairs are compared
# atom by atom, which is a thousand times slower.
_ENERGY = 1e-3
_VOLUME = 0.01


def first_copies(
    crystals: Sequence[Crystal],
    energies: Sequence[float],
    *,
    on_step: Callable[[int], object] | None = None,
) -> list[int]:
    """Returns for every structure the first that is the same (itself, if it is the first).

    Same means: energies within 1 meV/atom, volumes within 1%, and pymatgen's StructureMatcher
    (ltol 0.05, stol 0.05, angle_tol 1, primitive cells, no scaling) agrees. A prototype that was
    strained differently in its source stays a structure of its own.

    Args:
        crystals: The structures.
        energies: Their energies, eV/atom.
        on_step: Called with 1 after every structure, for progress.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(ltol=0.05, stol=0.05, angle_tol=1, scale=False)
    first = list(range(len(crystals)))
    kept: dict[tuple[tuple[int, float], ...], list[int]] = defaultdict(list)
    for row, crystal in enumerate(crystals):
        numbers, counts = np.unique(crystal.numbers, return_counts=True)
        group = kept[tuple(zip(numbers.tolist(), (counts / len(crystal)).tolist(), strict=True))]
        volume = _volume(crystal)
        for other in group:
            if abs(energies[row] - energies[other]) > _ENERGY:
                continue
            if abs(volume / _volume(crystals[other]) - 1) > _VOLUME:
                continue
            if matcher.fit(crystal.to_structure(), crystals[other].to_structure()):
                first[row] = other
                break
        else:
            group.append(row)
        if on_step is not None:
            on_step(1)
    return first


def _volume(crystal: Crystal) -> float:
    return float(abs(np.linalg.det(crystal.lattice))) / len(crystal)
