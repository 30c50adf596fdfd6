"""From voxels back to atoms and crystals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.faithful import local_maxima
from tfmat.ccdcgan.voxels.frame import cell_positions
from tfmat.ccdcgan.voxels.lattice import decode_lattice
from tfmat.ccdcgan.voxels.matched import matched_peaks
from tfmat.ccdcgan.voxels.peaks import exact_peaks
from tfmat.ccdcgan.voxels.reasons import NO_ATOMS, NOT_FINITE, TOO_CLOSE, DecodeError, Mode
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_between
from tfmat.metric import Judge

# Sites voxels by atomic number, lattice voxel, and counts where they are known.
Shown = tuple[Mapping[int, NDArray[np.float32]], NDArray[np.float32], Mapping[int, int] | None]
# Atoms nearer than this (Å) make no crystal (released code).
MIN_DISTANCE = 0.5


def decoder(mode: Mode = "robust") -> Judge:
    """Returns what metrics name as their judge where atoms and cells were read from voxels.

    Args:
        mode: How they are read.
    """
    return Judge.own("tfmat.ccdcgan.voxels.decode", mode=mode)


def decode_sites(
    voxel: NDArray[np.float32], spec: VoxelSpec, mode: Mode = "robust"
) -> NDArray[np.float64]:
    """Finds the atoms of one element.

    Args:
        voxel: Sites voxel, shape ``(grid, grid, grid)``; a trailing axis of 1 is accepted.
        spec: Grid, cube and width.
        mode: ``robust`` or ``faithful``.

    Returns:
        Positions relative to the centre of the cell, in Å, shape ``(atoms, 3)``; possibly none.

    Raises:
        DecodeError: The voxel holds values that are not finite.
    """
    return decode_channels(np.asarray(voxel)[None], spec, mode)[0]


def decode_channels(
    voxels: NDArray[np.float32],
    spec: VoxelSpec,
    mode: Mode = "robust",
    counts: Sequence[int] | None = None,
) -> list[NDArray[np.float64]]:
    """Finds the atoms of many channels at once, which is faster than one by one.

    Args:
        voxels: Sites voxels, shape ``(channels, grid, grid, grid)`` or with a trailing axis of 1.
        spec: Grid, cube and width.
        mode: ``robust`` or ``faithful``.
        counts: How many atoms each channel has, where that is known (``robust`` alone): as many of
            the highest peaks that lie apart are taken, fewer only where there are no more.

    Returns:
        For each channel the positions relative to the middle of the voxel, in Å (in the frame
        ``cell``: in voxels).

    Raises:
        DecodeError: A voxel holds values that are not finite.
    """
    stack = np.asarray(voxels).reshape(-1, *(spec.sites_grid,) * 3)
    if mode == "faithful":
        return [local_maxima(channel, spec) for channel in stack]
    stack = stack.astype(np.float32, copy=False)
    position, channel, clean = exact_peaks(stack, spec)
    ends = np.searchsorted(channel, np.arange(len(stack) + 1))
    found = [position[ends[i] : ends[i + 1]] for i in range(len(stack))]
    if counts is not None:
        # What is clean shows its atoms exactly; another number than these it cannot have.
        clean &= np.diff(ends) == counts
    noisy = np.flatnonzero(~clean)
    if len(noisy):
        rest = stack if len(noisy) == len(stack) else stack[noisy]
        # A matrix product is the fastest way to look at every value.
        if not np.isfinite(rest.reshape(-1, spec.sites_grid) @ np.ones_like(rest[0, 0, 0])).all():
            raise DecodeError(NOT_FINITE)
        known = None if counts is None else [counts[number] for number in noisy.tolist()]
        for number, atoms in zip(noisy, matched_peaks(rest, spec, known), strict=True):
            found[number] = atoms
    return found


def decode_structure(
    sites: Mapping[int, NDArray[np.float32]],
    lattice_voxel: NDArray[np.float32],
    spec: VoxelSpec,
    mode: Mode = "robust",
    counts: Mapping[int, int] | None = None,
) -> Crystal:
    """Reads a crystal from its voxels.

    Args:
        sites: Sites voxel of each element by atomic number, shape ``(grid, grid, grid)`` each.
        lattice_voxel: Lattice voxel, shape ``(grid, grid, grid)``.
        spec: Grids, cube and widths.
        mode: ``robust`` or ``faithful``.
        counts: Number of atoms of each element by atomic number, where that is known.

    Returns:
        The crystal; the centre of its atoms lies at the centre of the cell.

    Raises:
        DecodeError: The voxels show no crystal; the reason says why.
    """
    lattice = decode_lattice(lattice_voxel, spec, mode)
    if not sites:
        raise DecodeError(NO_ATOMS)
    stack = _stacked([np.reshape(voxel, (spec.sites_grid,) * 3) for voxel in sites.values()])
    known = None if counts is None else [counts[number] for number in sites]
    atoms = dict(zip(sites, decode_channels(stack, spec, mode, known), strict=True))
    return assemble(lattice, atoms, spec, mode)


def decode_structures(
    shown: Sequence[Shown], spec: VoxelSpec, mode: Mode = "robust"
) -> list[Crystal | DecodeError]:
    """Reads many crystals at once, which is faster than one by one.

    Args:
        shown: Of each crystal the sites voxels by atomic number, the lattice voxel and the counts,
            as for :func:`decode_structure`; counts of all of them or of none.
        spec: Grids, cube and widths.
        mode: ``robust`` or ``faithful``.

    Returns:
        For each the crystal, or the error that says why there is none.
    """
    voxels = [voxel for sites, _, _ in shown for voxel in sites.values()]
    known = [counts[number] for sites, _, counts in shown if counts for number in sites]
    found: Iterator[NDArray[np.float64]] = iter(())
    try:
        if voxels:
            stack = _stacked([np.reshape(voxel, (spec.sites_grid,) * 3) for voxel in voxels])
            found = iter(decode_channels(stack, spec, mode, known or None))
    except DecodeError:
        # One voxel's values are not finite; the others show what they show.
        return [_one(*item, spec, mode) for item in shown]
    results: list[Crystal | DecodeError] = []
    for sites, lattice_voxel, _ in shown:
        atoms = {number: next(found) for number in sites}
        try:
            results.append(assemble(decode_lattice(lattice_voxel, spec, mode), atoms, spec, mode))
        except DecodeError as error:
            results.append(error)
    return results


def _one(
    sites: Mapping[int, NDArray[np.float32]],
    lattice_voxel: NDArray[np.float32],
    counts: Mapping[int, int] | None,
    spec: VoxelSpec,
    mode: Mode,
) -> Crystal | DecodeError:
    try:
        return decode_structure(sites, lattice_voxel, spec, mode, counts)
    except DecodeError as error:
        return error


def _stacked(voxels: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Stacks voxels, without copying if they already follow each other in memory."""
    first = voxels[0]
    adjoining = all(
        voxel.dtype == first.dtype
        and voxel.flags.c_contiguous
        and _address(voxel) == _address(first) + number * first.nbytes
        for number, voxel in enumerate(voxels)
    )
    if not adjoining:
        return np.stack(voxels)
    return np.lib.stride_tricks.as_strided(
        first, (len(voxels), *first.shape), (first.nbytes, *first.strides), writeable=False
    )


def _address(array: NDArray[np.float32]) -> int:
    """Returns where an array lies: NumPy's own ``ctypes.data`` takes ten times as long."""
    return int(array.__array_interface__["data"][0])


def assemble(
    lattice: NDArray[np.float64],
    atoms: Mapping[int, NDArray[np.float64]],
    spec: VoxelSpec,
    mode: Mode = "robust",
) -> Crystal:
    """Puts decoded atoms into a decoded cell.

    Args:
        lattice: Cell vectors as rows, in Å.
        atoms: Positions of each element by atomic number, relative to the middle of the voxel.
        spec: Frame and grid.
        mode: ``faithful`` puts the mean of the positions at the centre of the cell.

    Returns:
        The crystal.

    Raises:
        DecodeError: There are no atoms, or two are nearer than 0.5 Å.
    """
    positions = cell_positions(np.concatenate([np.zeros((0, 3)), *atoms.values()]), lattice, spec)
    numbers = np.repeat(list(atoms), [len(entry) for entry in atoms.values()]).astype(np.uint8)
    if not len(positions):
        raise DecodeError(NO_ATOMS)
    if mode == "faithful":
        positions -= positions.mean(axis=0)
    positions += lattice.sum(axis=0) / 2
    # A decoded cell is reduced or nearly so: images in the next cells are enough, and however flat
    # it is, these are few.
    if shortest_between(lattice, positions, reach=1, enough=MIN_DISTANCE) < MIN_DISTANCE:
        raise DecodeError(TOO_CLOSE)
    return Crystal(lattice, positions, numbers)
