"""Niggli reduction: the one reduced cell that every description of a lattice shares."""

from __future__ import annotations

import numpy as np
import spglib
from numpy.typing import NDArray

from tfmat.errors import InputError

# Tolerances on squared lengths, relative to the cube root of the squared volume. A lattice that
# is degenerate to within rounding may fail at the first and pass at a later one.
_TOLERANCES = (1e-5, 1e-4, 1e-3)


def niggli_lattice(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the Niggli-reduced cell vectors of a lattice.

    Args:
        lattice: Cell vectors as rows, in Å, shape ``(3, 3)``.

    Returns:
        Reduced cell vectors as rows, in Å, shape ``(3, 3)``, right-handed and in the same
        directions of space: the crystal is not rotated.

    Raises:
        InputError: The lattice cannot be reduced (it has no volume).
    """
    cell = np.asarray(lattice, dtype=np.float64)
    volume = abs(np.linalg.det(cell))
    if not np.isfinite(volume) or volume == 0:
        raise InputError("the cell has no volume")
    for tolerance in _TOLERANCES:
        reduced = spglib.niggli_reduce(cell, eps=tolerance * volume ** (2 / 3))
        if reduced is not None:
            # The negative of all three vectors spans the same lattice with the same angles.
            return np.asarray(reduced if np.linalg.det(reduced) > 0 else -reduced)
    raise InputError("the cell cannot be Niggli-reduced; is one of its vectors almost zero?")
