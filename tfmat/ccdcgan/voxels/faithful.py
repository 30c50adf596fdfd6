"""The decoders of the original program, for comparison with the robust ones.

Both need clean voxels: the lattice is read from the smallest positive values, and every local
maximum above the cut-off is an atom, on a grid point.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.voxels.reasons import NO_LATTICE, DecodeError
from tfmat.ccdcgan.voxels.spec import VoxelSpec

# Width of the decoder's filter in voxels: the "0.15" of paper 004. Its kernel is
# [2e-10, 1, 2e-10], which only breaks ties on flat double-precision voxels.
FILTER_WIDTH = 0.15


def local_maxima(voxel: NDArray[np.float32], spec: VoxelSpec) -> NDArray[np.float64]:
    """Finds atoms as local maxima above the background, without sub-voxel positions.

    Args:
        voxel: Sites voxel of one element, shape ``(grid, grid, grid)``.
        spec: Grid, cube and cut-off.

    Returns:
        Positions relative to the centre of the cube, in Å, shape ``(atoms, 3)``.
    """
    # Here, because the import takes longer than the robust decoder needs for a structure.
    from scipy import ndimage

    # The voxel itself and its 18 neighbours that share a face or an edge.
    neighbourhood = ndimage.generate_binary_structure(3, 2)
    smooth = ndimage.gaussian_filter(voxel, FILTER_WIDTH)
    highest = ndimage.maximum_filter(smooth, footprint=neighbourhood, mode="wrap") == smooth
    background = ndimage.binary_erosion(
        smooth < spec.cutoff, structure=neighbourhood, border_value=1
    )
    index = np.argwhere(highest & ~background)
    return np.asarray((index - spec.sites_grid // 2) * spec.step, dtype=np.float64)


def smallest_values(values: NDArray[np.float64], spec: VoxelSpec) -> NDArray[np.float64]:
    """Reads the metric tensor from the smallest positive value on six lines through the centre.

    The lines are the three axes and the three face diagonals, which give the lengths of a, b, c,
    a+b, b+c and a+c.

    Args:
        values: Lattice voxel, shape ``(grid, grid, grid)``.
        spec: Grid and width.

    Returns:
        Metric tensor in Å², shape ``(3, 3)``.

    Raises:
        DecodeError: A line holds no value between 0 and 1.
    """
    grid, half = spec.lattice_grid, spec.lattice_grid // 2
    run = np.arange(grid)
    middle = np.full(grid, half)
    squares = {}
    for name, line in {
        "a": (run, middle, middle),
        "b": (middle, run, middle),
        "c": (middle, middle, run),
        "ab": (run, run, middle),
        "bc": (middle, run, run),
        "ac": (run, middle, run),
    }.items():
        profile = values[line]
        positive = np.where(profile > 0, profile, np.inf)
        first = int(positive.argmin())
        if not 0 < positive[first] < 1 or first == half:
            raise DecodeError(NO_LATTICE)
        square = -2 * spec.lattice_sigma**2 * np.log(positive[first])
        squares[name] = square * (grid / (half - first)) ** 2
    aa, bb, cc = squares["a"], squares["b"], squares["c"]
    ab, bc, ac = (
        (squares[pair] - squares[pair[0]] - squares[pair[1]]) / 2 for pair in ("ab", "bc", "ac")
    )
    return np.array([[aa, ab, ac], [ab, bb, bc], [ac, bc, cc]])
