"""Whether pymatgen could find a smaller cell at all: most have none, and the search is long.

``Structure.get_primitive_structure`` first collects the vectors that lay every atom on one of its
kind, then goes through all sublattices of the right index and looks at those alone whose vectors
are among the collected ones. Here the same two steps are done as arrays, with tolerances widened by
far more than rounding: if they leave nothing, pymatgen finds nothing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# pymatgen's tolerance in Å, and how far it is widened; rounding is around 1e-13.
_TOLERANCE = 0.25
_SLACK = 1e-6
# Cells of more formula units have very many sublattices; they are left to pymatgen.
_MOST_UNITS = 40


def may_be_smaller(
    lattice: NDArray[np.float64], fractional: NDArray[np.float64], numbers: NDArray[np.uint8]
) -> bool:
    """Tells whether ``get_primitive_structure`` might return a cell with fewer atoms.

    Args:
        lattice: Cell vectors as rows, in Å, shape ``(3, 3)``.
        fractional: Fractional positions, shape ``(atoms, 3)``.
        numbers: Atomic numbers, shape ``(atoms,)``.

    Returns:
        False only where it returns the cell itself.
    """
    kinds, counts = np.unique(numbers, return_counts=True)
    units = int(np.gcd.reduce(counts))
    if units == 1:
        return False  # no cell of the same composition is smaller
    if units > _MOST_UNITS:
        return True
    groups = [fractional[numbers == kind] for kind in kinds]
    near = _TOLERANCE / np.linalg.norm(lattice, axis=1) * (1 + _SLACK)
    sublattices = _inverse_sublattices(units)
    # It takes the vectors of one of the rarest elements; which of them is of no matter here.
    for group in groups:
        if len(group) > counts.min():
            continue
        vectors = group - group[0]
        for others in sorted(groups, key=len):
            vectors = _common(vectors, others, 2 * near)
        apart = sublattices[:, :, None] - vectors
        apart -= np.round(apart)
        if (np.abs(apart) < near).all(axis=-1).any(axis=-1).all(axis=-1).any():
            return True
    return False


def _common(
    vectors: NDArray[np.float64], group: NDArray[np.float64], near: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the vectors that lay every atom of a group near one of the group."""
    apart = vectors[:, None, None] - (group - group[:, None])
    apart -= np.round(apart)
    return vectors[(np.abs(apart) < near).all(axis=-1).any(axis=-1).all(axis=-1)]


@lru_cache(maxsize=_MOST_UNITS)
def _inverse_sublattices(units: int) -> NDArray[np.float64]:
    """Returns what divides a cell of so many formula units: inverse Hermite normal forms."""
    forms = [
        [[a, b, c], [0, e, f], [0, 0, size // (a * e)]]
        for size in range(2, units + 1)
        if units % size == 0
        for a in range(1, size + 1)
        for e in range(1, size // a + 1)
        if size % (a * e) == 0
        for b in range(a)
        for c in range(a)
        for f in range(e)
    ]
    return np.linalg.inv(np.array(forms, dtype=np.float64))
