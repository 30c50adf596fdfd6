"""Which AFLOW prototype a structure has."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import matchers
from tfmat.crystals.symmetry import space_group, symmetrise
from tfmat.relaxation.databases.prototypes import aflow

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Prototypes with more elements than this are not looked for.
_MOST_ELEMENTS = 4
# Of the library's own structures, which are exact, Å.
_PRECISION = 1e-3


def prototype_label(crystal: Crystal, symprec: float = 0.1) -> str:
    """Finds the AFLOW prototype of a structure, whatever its elements.

    The structure is moved onto its space group and reduced to its primitive cell. Of the
    prototypes of that space group, stoichiometry and number of atoms that pymatgen's
    StructureMatcher takes for the same arrangement (anonymous species; ltol 0.2, stol 0.3,
    angle_tol 5) the one with the smallest displacements is named.

    Source: Mehl et al., Comput. Mater. Sci. 136, S1 (2017), as distributed by pymatgen.

    Args:
        crystal: Any crystal.
        symprec: Tolerance of its space group, Å.

    Returns:
        The label, for example ``AB_cF8_225_a_b``; ``""`` where none fits.
    """
    _, group = space_group(crystal, symprec)
    cell = symmetrise(crystal, symprec)
    candidates = _library().get((group, _counts(cell.numbers)), ())
    if not candidates:
        return ""
    matcher, _ = matchers()
    structure = cell.to_structure()
    best = (np.inf, "")
    for label, prototype in candidates:
        distance, _ = matcher.get_rms_anonymous(structure, prototype)
        if distance is not None:
            best = min(best, (distance, label))
    return best[1]


def _counts(kinds: np.ndarray) -> tuple[int, ...]:
    _, counts = np.unique(kinds, return_counts=True)
    return tuple(sorted(counts.tolist()))


@cache
def _library() -> dict[tuple[int, tuple[int, ...]], list[tuple[str, Structure]]]:
    """Returns labels and primitive cells by space group and numbers of atoms."""
    groups: dict[tuple[int, tuple[int, ...]], list[tuple[str, Structure]]] = defaultdict(list)
    for components in range(1, _MOST_ELEMENTS + 1):
        for prototype in aflow(components):
            # Any elements will do: hydrogen, helium, ...
            crystal = symmetrise(prototype.filled(range(1, components + 1)), _PRECISION)
            # The group in the label: parameters of the sample may raise its symmetry by chance.
            group = int(prototype.name.split("_")[2])
            key = group, _counts(crystal.numbers)
            groups[key].append((prototype.name, crystal.to_structure()))
    return dict(groups)
