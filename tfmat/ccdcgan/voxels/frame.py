"""Where the atoms of a cell lie in its sites voxel: in a cube of space, or in the cell itself.

``box`` is the papers' frame: a Cartesian cube around the middle of the cell. In the frame ``cell``
the voxel is the periodic cell, whatever its shape: positions are fractions of its edges, counted in
voxels from an atom. So most atoms of a crystal lie on simple fractions, and the cell can be scaled
without touching them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

# Fractions that differ by less than half of this are the same place.
_PLACES = 24


def box_positions(crystal: Crystal) -> NDArray[np.float64]:
    """Returns the positions relative to the centre of the cell, in Å, shape ``(atoms, 3)``."""
    return np.asarray(crystal.positions - crystal.lattice.sum(axis=0) / 2)


def check_inside(positions: NDArray[np.float64], spec: VoxelSpec) -> None:
    """Refuses atoms outside the cube, which would come back at its other side.

    Args:
        positions: Positions relative to the centre of the cube, in Å.
        spec: Grid, cube and width.

    Raises:
        InputError: A position lies outside the cube or is not finite.
    """
    reach = np.abs(positions).max(initial=0.0)
    if not reach <= spec.box / 2:
        raise InputError(
            f"an atom lies {reach:.2f} Å from the centre, outside the box of {spec.box} Å: "
            "canonicalise the crystal first or set a larger voxels.box"
        )


def sites_positions(crystal: Crystal, spec: VoxelSpec) -> NDArray[np.float64]:
    """Returns where the atoms of a crystal are drawn.

    Args:
        crystal: A crystal in its canonical cell.
        spec: Frame and grid.

    Returns:
        Positions relative to the middle of the voxel, shape ``(atoms, 3)``: in Å in the frame
        ``box``, in voxels along the edges of the cell in the frame ``cell``.
    """
    if spec.frame == "box":
        return box_positions(crystal)
    return _from_an_atom(crystal) * spec.sites_grid


def cell_positions(
    positions: NDArray[np.float64], lattice: NDArray[np.float64], spec: VoxelSpec
) -> NDArray[np.float64]:
    """Returns positions of a voxel in Å: the inverse of :func:`sites_positions`, up to a shift.

    Args:
        positions: Positions relative to the middle of the voxel, shape ``(atoms, 3)``.
        lattice: Cell vectors as rows, in Å.
        spec: Frame and grid.
    """
    if spec.frame == "box":
        return positions
    return np.asarray(positions @ (lattice / spec.sites_grid))


def fits(crystal: Crystal, spec: VoxelSpec) -> bool:
    """Says whether a canonical crystal can be drawn: in the frame ``cell`` every one can.

    Args:
        crystal: A crystal in its canonical cell.
        spec: Frame and cube.
    """
    if spec.frame == "cell":
        return True
    try:
        check_inside(box_positions(crystal), spec)
    except InputError:
        return False
    return True


def element_channels(
    crystals: Sequence[Crystal], elements: Sequence[int], spec: VoxelSpec
) -> tuple[list[tuple[int, int]], list[NDArray[np.float64]]]:
    """Takes crystals apart into channels: the atoms of one element of one structure.

    Args:
        crystals: The crystals, in their canonical cells.
        elements: Atomic numbers in the order of their slots.
        spec: Frame and grid.

    Returns:
        For each channel its crystal's row and its element's slot, and its positions relative to
        the middle of the voxel (:func:`sites_positions`), shape ``(atoms, 3)``; structure by
        structure, slot by slot. An element that a structure lacks has no channel.
    """
    slot_of = np.full(256, -1, dtype=np.intp)
    slot_of[np.asarray(elements, dtype=np.intp)] = np.arange(len(elements))
    owners, channels = [], []
    for row, crystal in enumerate(crystals):
        positions = sites_positions(crystal, spec)
        slots = slot_of[crystal.numbers]
        for slot in np.unique(slots[slots >= 0]).tolist():
            owners.append((row, slot))
            channels.append(positions[slots == slot])
    return owners, channels


@lru_cache(maxsize=1)
def electronegativities() -> NDArray[np.float64]:
    """Returns Pauling's electronegativity by atomic number; 2 where none is known."""
    from pymatgen.core import Element

    values = np.full(119, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have none
        for number in range(1, 119):
            found = Element.from_Z(number).X
            if np.isfinite(found):
                values[number] = found
    return values


def _from_an_atom(crystal: Crystal) -> NDArray[np.float64]:
    """Returns fractions of the cell's edges in -1/2 to 1/2, counted from one of the atoms.

    It is one of the rarest element (of equal ones the least electronegative, then the lightest):
    the one from which the sorted places of all atoms come first.
    """
    fractional = np.linalg.solve(crystal.lattice.T, crystal.positions.T).T
    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    rarest = numbers[np.lexsort((numbers, electronegativities()[numbers], counts))[0]]
    origins = np.flatnonzero(crystal.numbers == rarest)
    seen = fractional[None] - fractional[origins, None]
    # A fraction of a half by a hair stays positive, on the voxel's face.
    seen = np.minimum(seen - np.round(seen - 1e-6), 0.5)
    places = np.round(seen * _PLACES).astype(np.int64)
    places[places == -_PLACES // 2] = _PLACES // 2
    # One number for each atom, that sorts like its element and its place.
    keys = np.broadcast_to(crystal.numbers.astype(np.int64), places.shape[:2])
    for axis in range(3):
        keys = keys * 2 * _PLACES + places[..., axis] + _PLACES
    keys = np.sort(keys, axis=1)
    first = np.lexsort(keys.T[::-1])[0]
    return np.asarray(seen[first])
