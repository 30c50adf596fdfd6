"""Space group of a crystal, and the crystal moved onto it (spglib)."""

from __future__ import annotations

from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.metric import Judge


def space_group(crystal: Crystal, symprec: float = 0.1) -> tuple[str, int]:
    """Finds the space group.

    Args:
        crystal: The crystal.
        symprec: Distance in Å within which two atoms count as equivalent.

    Returns:
        International symbol and number; ``("", 0)`` where spglib finds none.
    """
    dataset = ask_spglib(spglib.get_symmetry_dataset, crystal, symprec=symprec)
    return ("", 0) if dataset is None else (str(dataset.international), int(dataset.number))


def judge(symprec: float) -> Judge:
    """Returns what says which space group a crystal has.

    Args:
        symprec: Distance in Å within which two atoms count as equivalent.
    """
    return Judge.installed("spglib", "spglib", symprec=symprec)


def symmetrise(crystal: Crystal, symprec: float = 0.1) -> Crystal:
    """Moves cell and atoms onto the space group that they nearly have.

    Args:
        crystal: The crystal.
        symprec: Distance in Å within which two atoms count as equivalent.

    Returns:
        The idealised primitive cell in standard orientation; the crystal itself where spglib finds
        no symmetry.
    """
    refined = ask_spglib(
        spglib.standardize_cell, crystal, to_primitive=True, no_idealize=False, symprec=symprec
    )
    if refined is None:
        return crystal
    lattice, fractional, numbers = refined
    return Crystal(
        np.array(lattice, dtype=np.float64),
        np.asarray(fractional, dtype=np.float64) @ lattice,
        np.array(numbers, dtype=np.uint8),
    )


def ask_spglib(function: Any, crystal: Crystal, **settings: Any) -> Any:
    """Calls spglib; a cell that it cannot handle gives ``None`` whatever its version does.

    Args:
        function: One of spglib's that take a cell first.
        crystal: The cell.
        **settings: For the function.
    """
    fractional: NDArray[np.float64] = crystal.positions @ np.linalg.inv(crystal.lattice)
    cell = (crystal.lattice, fractional, crystal.numbers.astype(np.intc))
    try:
        return function(cell, **settings)
    except Exception:  # newer releases raise where older ones return None
        return None
